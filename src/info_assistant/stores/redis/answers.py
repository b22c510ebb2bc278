"""The answer cache that all replicas share (`ports.AnswerCache`).

In front of it each process holds what it read in the last seconds, so that a question that many ask
costs Redis little. That delays nothing that matters: whether an answer may be shown is asked each
time it leaves, and not here.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.model.known_answer import KnownAnswer, SavedQuestion
from info_assistant.stores.known_answers import decoded, decoded_question, encoded, encoded_question
from info_assistant.stores.redis.connection import RedisConnection

KEPT_FOR = timedelta(days=7)
"""How long an answer is kept after it was last looked at anew, for times without a better one."""

LEAD_S = 8.0
"""How long one replica may take to make an answer before another begins, in seconds."""

HELD_S = 5.0
"""How long an answer is held in the process after it was read, in seconds."""

MOST_HELD = 500
"""Answers held in the process; the oldest go first."""

LARGEST = 512 * 1024
"""The bytes of the largest entry that is kept."""

MOST_SAVED = 200
"""Questions that are kept of one scope."""

_SAVED, _ORDER = "info-assistant:saved:", "info-assistant:saved-order:"
_ANSWER, _LEADER = "info-assistant:answer:", "info-assistant:answering:"

# KEYS are the place of the leader, and that of the answer; ARGV[1] is who would like to lead,
# ARGV[2] for how many milliseconds. Returns whether that is so, and the answer that is there.
_LEAD = """
local leader, leads = redis.call('GET', KEYS[1]), 0
if not leader or leader == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  leads = 1
end
return {leads, redis.call('GET', KEYS[2])}
"""

# KEYS as above; ARGV[1] is who leads. With an answer in ARGV[2], that is kept for ARGV[3] ms.
_END = """
if ARGV[2] then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

# KEYS are a scope's questions, and their order by age; ARGV[1] is a question's key, ARGV[2] the
# question, ARGV[3] for how many seconds all are kept, ARGV[4] how many.
_SAVE = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[1])
local spare = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if spare > 0 then
  for _, old in ipairs(redis.call('ZPOPMIN', KEYS[2], spare)) do
    redis.call('HDEL', KEYS[1], old)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class _Held:
    """An answer as it was read, held until a moment."""

    until: float
    data: bytes
    known: KnownAnswer


class RedisAnswers:
    """Answers in Redis, and the newest of them in this process."""

    def __init__(
        self,
        redis: RedisConnection,
        *,
        enabled: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep answers in `redis` while it is `enabled`."""
        self._redis = redis
        self._enabled = enabled
        self._monotonic = monotonic
        self._held: OrderedDict[str, _Held] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether answers are kept and found at this moment."""
        return self._enabled() and self._redis.known

    async def get(self, key: str) -> KnownAnswer | None:
        """Return the answer under `key`, or None. Raises RedisUnavailable."""
        held = self._held.get(key)
        if held is not None:
            if held.until > self._monotonic():
                return held.known
            # Whoever comes meanwhile still gets this one, so that not all of them ask.
            self._held[key] = replace(held, until=self._monotonic() + HELD_S)
        try:
            data = await self._redis.ask(lambda client: client.get(_ANSWER + key))
        except BaseException:
            self._held.pop(key, None)
            raise
        return self._read(key, cast("bytes | None", data))

    async def lead(self, key: str, token: str) -> tuple[bool, KnownAnswer | None]:
        """Whether the holder of `token` is to make the answer, and the one that is there.

        Raises RedisUnavailable.
        """
        arguments = (token, round(LEAD_S * 1000))
        reply = await self._redis.ask(lambda client: _run(client, _LEAD, key, *arguments))
        return bool(reply[0]), self._read(key, reply[1])

    async def keep(self, key: str, known: KnownAnswer, token: str = "") -> None:
        """Keep an answer; who led under `token` leads no more. Raises RedisUnavailable."""
        data = encoded(known)
        if len(data) > LARGEST:
            return
        kept_ms = round(KEPT_FOR.total_seconds() * 1000)
        self._held.pop(key, None)
        await self._redis.ask(lambda client: _run(client, _END, key, token, data, kept_ms))

    async def give_up(self, key: str, token: str) -> None:
        """Lead no more. Raises RedisUnavailable."""
        await self._redis.ask(lambda client: _run(client, _END, key, token))

    async def save_question(self, scope: str, saved: SavedQuestion) -> None:
        """Keep a question among the newest of a scope. Raises RedisUnavailable."""
        seconds = round(KEPT_FOR.total_seconds())
        data = encoded_question(saved)
        run = self._redis.ask
        await run(lambda client: _run_saved(client, scope, saved.key, data, seconds))

    async def saved_questions(self, scope: str) -> Sequence[SavedQuestion]:
        """Return the questions of a scope. Raises RedisUnavailable."""
        found = await self._redis.ask(lambda client: _all_saved(client, scope))
        read = (decoded_question(key.decode("ascii"), data) for key, data in found.items())
        return [each for each in read if each is not None]

    def _read(self, key: str, data: bytes | None) -> KnownAnswer | None:
        """Return what was read, and hold it; the same object as long as it is the same."""
        held = self._held.pop(key, None)
        if data is None:
            return None
        known = held.known if held is not None and held.data == data else decoded(data)
        if known is not None:
            self._held[key] = _Held(self._monotonic() + HELD_S, data, known)
            if len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        return known


def _run_saved(client: Redis, scope: str, key: str, data: bytes, seconds: int) -> Awaitable[Any]:
    run = cast("Callable[..., Awaitable[Any]]", client.eval)
    return run(_SAVE, 2, _SAVED + scope, _ORDER + scope, key, data, seconds, MOST_SAVED)


def _all_saved(client: Redis, scope: str) -> Awaitable[dict[bytes, bytes]]:
    return cast("Awaitable[dict[bytes, bytes]]", client.hgetall(_SAVED + scope))


def _run(client: Redis, script: str, key: str, *arguments: str | bytes | int) -> Awaitable[Any]:
    run = cast("Callable[..., Awaitable[Any]]", client.eval)
    return run(script, 2, _LEADER + key, _ANSWER + key, *arguments)
