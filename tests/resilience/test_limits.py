"""Admission, rate limits and the cache that keeps nothing."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.errors import Overloaded, RateLimited
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope, Caller, Role
from info_assistant.resilience.admission import Admission, AdmissionLimits
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.limits import LocalRateLimiter, Rate


async def test_no_more_than_the_limit_at_once() -> None:
    """However many come, only so many run at once, and all of them in the end."""
    admission = Admission(AdmissionLimits(concurrent=3, waiting=50))
    running = highest = finished = 0

    async def work() -> None:
        nonlocal running, highest, finished
        async with admission.place():
            running += 1
            highest = max(highest, running)
            await asyncio.sleep(0.001)
            running -= 1
        finished += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(work())
    assert (highest, finished, admission.waiting) == (3, 30, 0)


async def test_full_queue_refuses_at_once() -> None:
    """With every place and the queue taken, the answer is an immediate Overloaded."""
    admission = Admission(AdmissionLimits(concurrent=1, waiting=0))
    async with admission.place():
        with pytest.raises(Overloaded):
            async with admission.place():
                pytest.fail("There was no place.")
    async with admission.place():
        assert admission.waiting == 0


async def test_patience_ends() -> None:
    """Who waits too long is refused, and the place is there for the next."""
    admission = Admission(AdmissionLimits(concurrent=1, waiting=5, patience_s=0.02))
    async with admission.place():
        with pytest.raises(Overloaded):
            async with admission.place():
                pytest.fail("There was no place.")
    assert admission.waiting == 0


async def test_cancelled_waiters_lose_no_place() -> None:
    """Waiters that give up, at any moment, leave all places usable."""
    admission = Admission(AdmissionLimits(concurrent=2, waiting=50))

    async def work() -> None:
        async with admission.place():
            await asyncio.sleep(0.001)

    for round_number in range(20):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for _ in range(10)]
            for _ in range(round_number % 5):
                await asyncio.sleep(0)
            for task in tasks[round_number % 3 :: 2]:
                task.cancel()
    assert admission.waiting == 0
    async with asyncio.timeout(1), admission.place(), admission.place():
        pass


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Start at some moment."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@given(
    burst=st.integers(1, 5),
    per_minute=st.floats(1, 600),
    steps=st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
async def test_rate_holds_over_every_window(
    burst: int, per_minute: float, steps: list[float]
) -> None:
    """Between any two moments, no more pass than the burst and what the rate adds meanwhile."""
    clock = HandClock()
    limiter = LocalRateLimiter({"ask": Rate(per_minute, burst)}, monotonic=clock)
    admitted: list[float] = []
    for step in steps:
        clock.now += step
        try:
            await limiter.admit(LOCAL_OPERATOR, "ask")
        except RateLimited as refused:
            clock.now += refused.retry_after_s or 0.0
            await limiter.admit(LOCAL_OPERATOR, "ask")
        admitted.append(clock.now)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            allowed = burst + (admitted[last] - start) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-3


async def test_callers_and_actions_have_their_own_allowance() -> None:
    """One caller's haste does not limit another, and an action without a rate is free."""
    limiter = LocalRateLimiter({"ask": Rate(1)}, monotonic=HandClock())
    other = Caller("else", Role.READER, AccessScope("default", frozenset({"everyone"})))
    await limiter.admit(LOCAL_OPERATOR, "ask")
    await limiter.admit(other, "ask")
    await limiter.admit(LOCAL_OPERATOR, "read")
    await limiter.admit(LOCAL_OPERATOR, "read")
    with pytest.raises(RateLimited):
        await limiter.admit(other, "ask")


async def test_limiter_forgets_idle_callers() -> None:
    """Memory does not grow with the number of callers ever seen."""
    clock = HandClock()
    limiter = LocalRateLimiter({"ask": Rate(60)}, monotonic=clock)
    for number in range(25_000):
        clock.now += 0.01
        scope = AccessScope("default", frozenset())
        await limiter.admit(Caller(f"caller-{number}", Role.READER, scope), "ask")
    assert len(limiter._due) <= 10_001


async def test_no_cache_keeps_nothing() -> None:
    """Without Redis every look-up is a miss."""
    assert await NoAnswerCache().get("key") is None
