"""Rate limits that all replicas share; while Redis is away each keeps its own share of them.

The same algorithm as `resilience.limits` (GCRA: one number for each bucket), run inside Redis by
one script, with Redis's own clock: replicas need not agree on the time.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.errors import RedisUnavailable
from info_assistant.model.identity import Caller
from info_assistant.model.traffic import Traffic
from info_assistant.ports import Allowance
from info_assistant.resilience.limits import (
    Bucket,
    LocalRateLimiter,
    Rates,
    buckets_of,
    refusal,
)
from info_assistant.stores.redis.connection import RedisConnection
from info_assistant.stores.redis.keys import key_of

HEADROOM = 1.5
"""How much more than its share a replica alone lets readers ask: who is refused wrongly gets no
answer, who is let through wrongly costs a little."""

# KEYS are buckets; ARGV holds for each of them the interval in µs and the burst. Returns the wait
# in µs (0: counted, all of them), then for each bucket when all of it is free again.
_GCRA = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due, wait, worst = {}, 0, 0
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  due[i] = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local late = due[i] - now - interval * (burst - 1)
  if late > wait then wait, worst = late, i end
end
if wait > 0 then return {wait, worst} end
local left = {0, 0}
for i, key in ipairs(KEYS) do
  due[i] = due[i] + tonumber(ARGV[2 * i - 1])
  redis.call('SET', key, string.format('%.0f', due[i]), 'PX', math.ceil((due[i] - now) / 1000) + 1)
  left[i + 2] = due[i] - now
end
return left
"""


class SharedRateLimiter:
    """ports.RateLimiter for all replicas together."""

    def __init__(
        self,
        redis: RedisConnection,
        rates_of: Callable[[str], Rates],
        local: LocalRateLimiter,
        replicas: Callable[[], int],
        *,
        enabled: Callable[[], bool] = lambda: True,
    ) -> None:
        """Count in `redis`; in `local` while that is away, or not `enabled`.

        `replicas` is how many processes shared the limits when that was last known.
        """
        self._redis = redis
        self._rates_of = rates_of
        self._local = local
        self._replicas = replicas
        self._enabled = enabled

    @property
    def shared(self) -> bool:
        """Whether limits are counted for all replicas together at this moment."""
        return self._enabled() and self._redis.known

    async def admit(self, caller: Caller, traffic: Traffic) -> Allowance | None:
        """Return what is left to a caller who may go on. Raises RateLimited."""
        buckets = buckets_of(caller, traffic, self._rates_of(caller.scope.tenant))
        if not buckets:
            return None
        if not self.shared:
            return self._admit_alone(buckets, traffic)
        try:
            reply = await self._redis.ask(lambda client: _count(client, buckets))
        except RedisUnavailable:
            return self._admit_alone(buckets, traffic)
        wait_us, worst, *left_us = (int(each) for each in reply)
        if wait_us > 0:
            raise refusal(wait_us / 1e6, buckets[worst - 1].rate.burst)
        left = (_allowance(bucket, us / 1e6) for bucket, us in zip(buckets, left_us, strict=True))
        return min(left, key=lambda allowance: allowance.remaining)

    def _admit_alone(self, buckets: Sequence[Bucket], traffic: Traffic) -> Allowance | None:
        """Keep this replica's share of the limits: generous to readers, strict to changes."""
        share = 1.0 / max(1, self._replicas())
        if traffic in {Traffic.QUESTION, Traffic.READ}:
            share = min(1.0, share * HEADROOM)
        return self._local.take([_scaled(bucket, share) for bucket in buckets])


def _count(client: Redis, buckets: Sequence[Bucket]) -> Awaitable[Sequence[Any]]:
    keys = [key_of("limit", *bucket.key) for bucket in buckets]
    rates = [
        each
        for bucket in buckets
        for each in (round(bucket.rate.interval_s * 1e6), bucket.rate.burst)
    ]
    run = cast("Callable[..., Awaitable[Sequence[Any]]]", client.eval)
    return run(_GCRA, len(keys), *keys, *rates)


def _scaled(bucket: Bucket, share: float) -> Bucket:
    rate = bucket.rate
    burst = max(1, math.floor(rate.burst * share))
    return replace(bucket, rate=replace(rate, per_minute=rate.per_minute * share, burst=burst))


def _allowance(bucket: Bucket, reset_s: float) -> Allowance:
    spare = bucket.rate.burst - reset_s / bucket.rate.interval_s
    return Allowance(bucket.rate.burst, max(0, int(spare + 1e-6)), reset_s)
