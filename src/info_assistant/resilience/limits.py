"""Rate limits kept in this process: the generic cell rate algorithm, one number for each bucket.

A request is counted twice where both are limited: for its caller and for its tenant as a whole.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from info_assistant.errors import RateLimited
from info_assistant.model.identity import Caller
from info_assistant.model.traffic import Traffic
from info_assistant.ports import Allowance

_MOST_BUCKETS = 10_000
# Sums of intervals are not exact; a nanosecond is no reason to refuse anybody.
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests a minute in the long run, and how many of them at once."""

    per_minute: float
    burst: int = 1

    @property
    def interval_s(self) -> float:
        """The time in which one more request is earned."""
        return 60.0 / self.per_minute


@dataclass(frozen=True, slots=True)
class Rates:
    """What a tenant may ask for: each of its callers, and all of them together.

    A kind of traffic without a rate is not limited.
    """

    each_caller: Mapping[Traffic, Rate] = field(default_factory=dict)
    whole_tenant: Mapping[Traffic, Rate] = field(default_factory=dict)


UNLIMITED = Rates()
"""No limit for anybody."""

BucketKey = tuple[str, str, Traffic]
"""Tenant, subject ("" for all of the tenant's callers together), kind of traffic."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One count that a request adds to, and the rate at which it is given back."""

    key: BucketKey
    rate: Rate


def buckets_of(caller: Caller, traffic: Traffic, rates: Rates) -> Sequence[Bucket]:
    """Return what a request counts in: nothing, its caller, its tenant, or both."""
    tenant = caller.scope.tenant
    limits = (
        (caller.subject, rates.each_caller.get(traffic)),
        ("", rates.whole_tenant.get(traffic)),
    )
    return [
        Bucket((tenant, subject, traffic), rate) for subject, rate in limits if rate is not None
    ]


def refusal(wait_s: float, limit: int) -> RateLimited:
    """Return the error for a request that comes `wait_s` seconds too early."""
    return RateLimited(
        "You have asked more often than the limit allows. "
        f"Please wait {max(1, round(wait_s))} seconds and ask again.",
        retry_after_s=wait_s,
        limit=limit,
    )


class LocalRateLimiter:
    """ports.RateLimiter for one process."""

    def __init__(
        self,
        rates_of: Callable[[str], Rates] = lambda _tenant: UNLIMITED,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask `rates_of` for the rates of a tenant at each request, so that changes take effect."""
        self._rates_of = rates_of
        self._monotonic = monotonic
        self._due: dict[BucketKey, float] = {}

    async def admit(self, caller: Caller, traffic: Traffic) -> Allowance | None:
        """Return what is left to a caller who may go on. Raises RateLimited."""
        rates = self._rates_of(caller.scope.tenant)
        return self.take(buckets_of(caller, traffic, rates))

    def take(self, buckets: Sequence[Bucket]) -> Allowance | None:
        """Count one request in every bucket, or in none. Raises RateLimited."""
        if not buckets:
            return None
        now = self._monotonic()
        # Only a request that passes all is counted by any.
        wait_s, limit = max((self._wait_s(each, now), each.rate.burst) for each in buckets)
        if wait_s > _ROUNDING_S:
            raise refusal(wait_s, limit)
        left = [self._count(each, now) for each in buckets]
        if len(self._due) > _MOST_BUCKETS:
            self._forget(now)
        return min(left, key=lambda allowance: allowance.remaining)

    def _wait_s(self, bucket: Bucket, now: float) -> float:
        rate = bucket.rate
        return self._due.get(bucket.key, now) - now - rate.interval_s * (rate.burst - 1)

    def _count(self, bucket: Bucket, now: float) -> Allowance:
        rate = bucket.rate
        due = max(self._due.get(bucket.key, now), now) + rate.interval_s
        self._due[bucket.key] = due
        spare = rate.burst - (due - now) / rate.interval_s
        return Allowance(rate.burst, max(0, int(spare + _ROUNDING_S)), due - now)

    def _forget(self, now: float) -> None:
        """Drop buckets that are full again, which changes nothing, and then the nearest to it."""
        self._due = {key: due for key, due in self._due.items() if due > now}
        excess = len(self._due) - _MOST_BUCKETS * 9 // 10
        if excess > 0:
            for key in sorted(self._due, key=self._due.__getitem__)[:excess]:
                del self._due[key]


class Allotment:
    """Something that may happen at a rate, whoever causes it; not a matter of callers."""

    def __init__(self, rate: Rate, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with the whole burst."""
        self._rate = rate
        self._monotonic = monotonic
        self._due = monotonic()

    def take(self) -> bool:
        """Return whether it may happen now, and count it if so."""
        now = self._monotonic()
        due = max(self._due, now)
        if due - now > self._rate.interval_s * (self._rate.burst - 1) + _ROUNDING_S:
            return False
        self._due = due + self._rate.interval_s
        return True
