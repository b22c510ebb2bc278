"""What tenants spent, day by day, as all replicas together see it in Redis.

A day is one hash: the sum, and each event of it with its furthest state (the same fold as
`model.spend_fold`), so that a line may be told in any order, any number of times and by anybody.
It is one key, because an eviction must not take the events and leave their sum. Nothing here is a
truth: a day that is missing, or of which a replica has not told all that it knows, says so, and is
summed again from the ledger.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.model.spend import SpendEvent, SpendState
from info_assistant.model.spend_fold import day_of
from info_assistant.stores.redis.connection import RedisConnection
from info_assistant.stores.redis.keys import key_of

SETTLING_S = 10
"""For so long after a day was first summed, replicas that have not noticed may still know more."""

TOLD_AT_ONCE = 500
"""Lines in one request: about a millisecond in which Redis does nothing else."""

_KEPT_S = 40 * 24 * 3600
_RANKS = {
    SpendState.RESERVED: 0,
    SpendState.UNKNOWN: 1,
    SpendState.ABORTED: 2,
    SpendState.COMPLETED: 2,
}

# KEYS[1] is a day; ARGV its life in seconds, then id, rank and micro-dollars of each line.
_TELL = """
if redis.call('HEXISTS', KEYS[1], 'closed') == 1 then return 0 end
local grown = 0
for i = 2, #ARGV, 3 do
  local field, rank, micro = 'event:' .. ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local known = redis.call('HGET', KEYS[1], field)
  local known_rank, known_micro = -1, 0
  if known then
    known_rank, known_micro = string.match(known, '(%d+) (%d+)')
    known_rank, known_micro = tonumber(known_rank), tonumber(known_micro)
  end
  if rank > known_rank then
    redis.call('HSET', KEYS[1], field, rank .. ' ' .. string.format('%.0f', micro))
    grown = grown + micro - known_micro
  end
end
redis.call('HINCRBY', KEYS[1], 'sum', string.format('%.0f', grown))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return grown
"""

# KEYS are the month's days up to that of the event; ARGV: the limit, our name, how many of the last
# days we must have told of, seconds to settle, life in seconds, the event's id and micro-dollars.
# Returns 1 (counted), 0 (not covered) or -1 (not known), and what was spent before.
_RESERVE = """
local now = tonumber(redis.call('TIME')[1])
local spent = 0
for i, key in ipairs(KEYS) do
  local known = redis.call('HMGET', key, 'sum', 'since', 'told:' .. ARGV[2])
  if not known[2] or now - tonumber(known[2]) < tonumber(ARGV[4]) then return {-1, 0} end
  if i > #KEYS - tonumber(ARGV[3]) and not known[3] then return {-1, 0} end
  spent = spent + tonumber(known[1] or '0')
end
local day, field = KEYS[#KEYS], 'event:' .. ARGV[6]
if redis.call('HEXISTS', day, field) == 1 then return {1, spent} end
if spent + tonumber(ARGV[7]) > tonumber(ARGV[1]) then return {0, spent} end
redis.call('HSET', day, field, '0 ' .. ARGV[7])
redis.call('HINCRBY', day, 'sum', ARGV[7])
redis.call('EXPIRE', day, ARGV[5])
return {1, spent}
"""

# KEYS[1] is a day; ARGV its life in seconds, our name, and 1 where others may lack something too.
# Says that we have told all of it.
_CONFIRM = """
local now = redis.call('TIME')[1]
redis.call('HSETNX', KEYS[1], 'since', now)
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'since', now) end
redis.call('HSETNX', KEYS[1], 'sum', 0)
redis.call('HSET', KEYS[1], 'told:' .. ARGV[2], 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

# KEYS[1] is a day that is over; ARGV its life in seconds and its sum. Its events are not kept.
_CLOSE = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'sum', ARGV[2], 'since', 0, 'closed', 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a reservation met. `admitted` is None where the sum is not known well enough."""

    admitted: bool | None
    micro_usd: int


class SpendTotals:
    """Sums in Redis. Every method raises RedisUnavailable."""

    def __init__(self, redis: RedisConnection, replica: str, settling_s: int = SETTLING_S) -> None:
        """Count in `redis`, as the process called `replica`."""
        self._redis = redis
        self._replica = replica
        self.settling_s = settling_s

    async def reserve(self, event: SpendEvent, limit: int) -> Spent:
        """Count a reservation, if the month's limit covers it beside all others."""
        keys = _keys_to(event.call.tenant, day_of(event))
        # Of these two days events may not be shipped yet, so that we alone know of them.
        fresh = min(2, len(keys))
        arguments = (
            limit,
            self._replica,
            fresh,
            self.settling_s,
            _KEPT_S,
            event.id,
            event.micro_usd,
        )
        verdict, spent = await self._run(_RESERVE, keys, *arguments)
        return Spent(None if verdict < 0 else bool(verdict), int(spent))

    async def tell(self, tenant: str, day: date, events: Sequence[SpendEvent]) -> None:
        """Take lines of a day into account; any order, any number of times."""
        for at in range(0, len(events), TOLD_AT_ONCE):
            lines = [
                part
                for each in events[at : at + TOLD_AT_ONCE]
                for part in (each.id, _RANKS[each.state], each.micro_usd)
            ]
            await self._run(_TELL, [_key(tenant, day)], _KEPT_S, *lines)

    async def confirm(self, tenant: str, day: date, *, after_outage: bool = False) -> None:
        """Say that all that is known here of a day has been told.

        `after_outage`: others may have spent meanwhile, too, and get time to tell of it.
        """
        await self._run(_CONFIRM, [_key(tenant, day)], _KEPT_S, self._replica, int(after_outage))

    async def close(self, tenant: str, day: date, micro_usd: int) -> None:
        """Put the sum of a day that is over in place of its events."""
        await self._run(_CLOSE, [_key(tenant, day)], _KEPT_S, micro_usd)

    async def forget(self, tenant: str, day: date) -> None:
        """Forget a day, so that everybody tells of it anew."""
        await self._redis.ask(lambda client: client.delete(_key(tenant, day)))

    async def confirmed(self, tenant: str, days: Sequence[date]) -> Sequence[bool]:
        """Return for each day whether we have told all of it, and nobody has lost that since."""
        return [bool(each[0]) for each in await self._fields(tenant, days, f"told:{self._replica}")]

    async def closed(self, tenant: str, days: Sequence[date]) -> Sequence[bool]:
        """Return for each day whether it is there as a sum alone."""
        return [bool(each[0]) for each in await self._fields(tenant, days, "closed")]

    async def spent(self, tenant: str, days: Sequence[date]) -> int:
        """Return the sum of these days, as far as it is known."""
        return sum(int(each[0] or 0) for each in await self._fields(tenant, days, "sum"))

    async def _fields(
        self, tenant: str, days: Sequence[date], name: str
    ) -> Sequence[Sequence[bytes | None]]:
        async def ask(client: Redis) -> Sequence[Sequence[bytes | None]]:
            async with client.pipeline(transaction=False) as several:
                for day in days:
                    several.hmget(_key(tenant, day), [name])
                return cast("Sequence[Sequence[bytes | None]]", await several.execute())

        return await self._redis.ask(ask) if days else ()

    async def _run(self, script: str, keys: Sequence[str], *values: str | int) -> Any:  # noqa: ANN401  As the script has it.
        def ask(client: Redis) -> Awaitable[Any]:
            run = cast("Callable[..., Awaitable[Any]]", client.eval)
            return run(script, len(keys), *keys, *values)

        return await self._redis.ask(ask)


def month_to(day: date) -> Sequence[date]:
    """Return the days of a month up to this one."""
    first = day.replace(day=1)
    return [first + timedelta(days=n) for n in range((day - first).days + 1)]


@lru_cache(1024)
def _keys_to(tenant: str, day: date) -> Sequence[str]:
    return tuple(_key(tenant, each) for each in month_to(day))


def _key(tenant: str, day: date) -> str:
    return key_of("spend", tenant, day.isoformat())
