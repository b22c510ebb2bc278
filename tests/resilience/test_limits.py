"""Rate limits, and the cache that keeps nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clocks import HandTime

from info_assistant.errors import RateLimited
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope, Caller, Role
from info_assistant.model.traffic import Traffic
from info_assistant.ports import Allowance
from info_assistant.resilience import limits
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.limits import Allotment, LocalRateLimiter, Rate, Rates

ASK, READ = Traffic.QUESTION, Traffic.READ


def limited(clock: HandTime, caller: Rate | None, tenant: Rate | None = None) -> LocalRateLimiter:
    """Return a limiter of questions."""
    rates = Rates({ASK: caller} if caller else {}, {ASK: tenant} if tenant else {})
    return LocalRateLimiter(lambda _tenant: rates, monotonic=clock)


def somebody(subject: str, tenant: str = "default") -> Caller:
    """Return a caller of a tenant."""
    return Caller(subject, Role.READER, AccessScope(tenant, frozenset({"everyone"})))


@given(
    burst=st.integers(1, 5),
    per_minute=st.floats(1, 600),
    steps=st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
async def test_rate_holds_over_every_window(
    burst: int, per_minute: float, steps: list[float]
) -> None:
    """Between any two moments, no more pass than the burst and what the rate adds meanwhile."""
    clock = HandTime()
    limiter = limited(clock, Rate(per_minute, burst))
    admitted: list[float] = []
    for step in steps:
        clock.now += step
        try:
            await limiter.admit(LOCAL_OPERATOR, ASK)
        except RateLimited as refused:
            clock.now += refused.retry_after_s or 0.0
            await limiter.admit(LOCAL_OPERATOR, ASK)
        admitted.append(clock.now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            allowed = burst + (admitted[last] - start) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-3


@given(
    burst=st.integers(1, 6),
    per_minute=st.floats(1, 600),
    steps=st.lists(st.floats(0, 30), min_size=1, max_size=30),
)
async def test_what_remains_is_what_passes(
    burst: int, per_minute: float, steps: list[float]
) -> None:
    """As many requests as an allowance names pass at once, and not one more."""
    clock = HandTime()
    limiter = limited(clock, Rate(per_minute, burst))
    for step in steps:
        clock.now += step
        try:
            allowance = await limiter.admit(LOCAL_OPERATOR, ASK)
        except RateLimited:
            continue
        assert allowance is not None
        assert allowance.limit == burst
        for _ in range(allowance.remaining):
            await limiter.admit(LOCAL_OPERATOR, ASK)
        with pytest.raises(RateLimited):
            await limiter.admit(LOCAL_OPERATOR, ASK)


async def test_callers_and_kinds_have_their_own_allowance() -> None:
    """One caller's haste does not limit another, and a kind without a rate is free."""
    limiter = limited(HandTime(), Rate(1))
    await limiter.admit(LOCAL_OPERATOR, ASK)
    await limiter.admit(somebody("else"), ASK)
    assert await limiter.admit(LOCAL_OPERATOR, READ) is None
    with pytest.raises(RateLimited):
        await limiter.admit(somebody("else"), ASK)


async def test_callers_of_a_tenant_share_its_allowance() -> None:
    """A tenant has no more than its rate, however many ask for it; another is not touched."""
    limiter = limited(HandTime(), Rate(60, burst=10), Rate(60, burst=3))
    left = [await limiter.admit(somebody(f"caller-{n}"), ASK) for n in range(3)]
    assert left == [Allowance(3, 2, 1.0), Allowance(3, 1, 2.0), Allowance(3, 0, 3.0)]
    with pytest.raises(RateLimited):
        await limiter.admit(somebody("caller-9"), ASK)
    await limiter.admit(somebody("caller-9", "other"), ASK)


async def test_who_is_refused_is_not_counted() -> None:
    """A caller beyond their own rate takes nothing from their tenant's."""
    limiter = limited(HandTime(), Rate(60), Rate(60, burst=3))
    await limiter.admit(somebody("hasty"), ASK)
    for _ in range(5):
        with pytest.raises(RateLimited):
            await limiter.admit(somebody("hasty"), ASK)
    await limiter.admit(somebody("calm"), ASK)
    await limiter.admit(somebody("calmer"), ASK)


async def test_changed_rates_take_effect_at_once() -> None:
    """The rates of a tenant are asked for at each request."""
    rates = [Rates(each_caller={ASK: Rate(1)})]
    limiter = LocalRateLimiter(lambda _tenant: rates[-1], monotonic=HandTime())
    await limiter.admit(LOCAL_OPERATOR, ASK)
    rates.append(Rates())
    await limiter.admit(LOCAL_OPERATOR, ASK)


async def test_memory_is_bounded() -> None:
    """Neither callers that have gone nor any number of busy ones fill the memory."""
    clock = HandTime()
    limiter = limited(clock, Rate(60))
    for number in range(12_000):
        clock.now += 0.01
        await limiter.admit(somebody(f"gone-{number}"), ASK)
    for number in range(limits._MOST_BUCKETS + 100):
        await limiter.admit(somebody(f"busy-{number}"), ASK)
    assert len(limiter._due) <= limits._MOST_BUCKETS
    with pytest.raises(RateLimited):
        await limiter.admit(somebody(f"busy-{limits._MOST_BUCKETS + 99}"), ASK)


@given(burst=st.integers(1, 5), waits=st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_an_allotment_holds_over_every_window(burst: int, waits: list[float]) -> None:
    """No stretch of time sees more than the burst and what the time since has earned."""
    clock = HandTime()
    allotment = Allotment(Rate(per_minute=12, burst=burst), monotonic=clock)
    taken: list[float] = []
    for wait in waits:
        clock.now += wait
        if allotment.take():
            taken.append(clock.now)
    assert taken, "the first one always passes"
    for first, began in enumerate(taken):
        for count, ended in enumerate(taken[first:], 1):
            assert count <= burst + (ended - began) / 5 + 1e-6


async def test_no_cache_keeps_nothing() -> None:
    """Without Redis every look-up is a miss."""
    assert await NoAnswerCache().get("key") is None
