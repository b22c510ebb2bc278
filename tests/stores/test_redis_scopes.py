"""No tenant, and no other caller of the same, meets anything of another's in Redis."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.redis_process import PATIENT, RedisProcess

from info_assistant.model.events import StageReached
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.ids import new_id
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ModelCall, SpendEvent, SpendState
from info_assistant.model.traffic import Traffic
from info_assistant.resilience.limits import LocalRateLimiter, Rate, Rates
from info_assistant.stores.redis import (
    RedisConnection,
    SharedEventLog,
    SharedRateLimiter,
    SpendTotals,
)
from info_assistant.stores.redis.keys import key_of
from info_assistant.stores.redis.totals import month_to

CASES = 3400
"""Of each of the three: limits, totals, streams."""

AT_ONCE = 20
BURST = 100_000
NAMES = ("a", "b", "a:b", "b:a", "a:", ":a", "a%3Ab", "%", "*", "a*", "a\nb", "ä", " ", "events-1")
CALLERS = [
    Caller(subject, Role.READER, AccessScope(tenant, frozenset({"everyone"})))
    for tenant in NAMES
    for subject in NAMES
]


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisConnection]:
    """Return a connection to a Redis that all share."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    connection = RedisConnection([process.url], PATIENT)
    await connection.look()
    yield connection
    await connection.close()
    process.stop()


def batches(seed: int) -> Iterator[Sequence[Caller]]:
    """Yield callers at random, some at once."""
    chance = random.Random(seed)  # noqa: S311  Tests want the same every time.
    for _ in range(CASES // AT_ONCE):
        yield chance.choices(CALLERS, k=AT_ONCE)


async def test_limits_count_nobody_else(redis: RedisConnection) -> None:
    """Each caller has left what its own requests have left, whatever others ask."""
    rates = Rates(each_caller={Traffic.QUESTION: Rate(0.001, BURST)})
    limiter = SharedRateLimiter(redis, lambda _: rates, LocalRateLimiter(), lambda: 1)
    asked: Counter[tuple[str, str]] = Counter()
    for callers in batches(1):
        one_of_each = list(dict.fromkeys(callers))
        found = await asyncio.gather(*(limiter.admit(c, Traffic.QUESTION) for c in one_of_each))
        for caller, allowance in zip(one_of_each, found, strict=True):
            asked[caller.scope.tenant, caller.subject] += 1
            assert allowance is not None
            assert allowance.remaining == BURST - asked[caller.scope.tenant, caller.subject]


async def test_totals_sum_nobody_elses_calls(redis: RedisConnection) -> None:
    """Each tenant has spent what it has reserved."""
    totals = SpendTotals(redis, "one", 0)
    now = datetime.now(UTC)
    days = month_to(now.date())
    tenants = sorted({caller.scope.tenant for caller in CALLERS})
    for tenant in tenants:
        for day in days:
            await totals.confirm(tenant, day)
    spent: Counter[str] = Counter()
    for number, callers in enumerate(batches(2)):
        events = [_event(caller.scope.tenant, now, number + 1) for caller in callers]
        await asyncio.gather(*(totals.reserve(each, BURST * BURST) for each in events))
        spent.update(dict.fromkeys(tenants, 0))
        for each in events:
            spent[each.call.tenant] += each.micro_usd
        tenant = callers[0].scope.tenant
        assert await totals.spent(tenant, days) == spent[tenant]
    assert {each: await totals.spent(each, days) for each in tenants} == dict(spent)


async def test_streams_are_read_by_their_asker_alone(redis: RedisConnection) -> None:
    """Under the same answer's id each caller finds what was told to it, and else nothing."""
    leader = SharedEventLog(redis, "leader", usable=lambda: True)
    other = SharedEventLog(redis, "other", usable=lambda: True)
    told: dict[tuple[str, Caller], str] = {}
    for number, callers in enumerate(batches(3)):
        answer_id = f"answer-{number % 5}"
        caller = callers[0]
        leader.begin(answer_id, caller)
        leader.add(answer_id, StageReached(f"{number}"))
        leader.end(answer_id)
        await leader._copy()
        leader._outgoing.clear()
        told[answer_id, caller] = f"{number}"
        found = await asyncio.gather(*(_read(other, answer_id, each) for each in callers))
        assert found == [told.get((answer_id, each)) for each in callers]


async def _read(log: SharedEventLog, answer_id: str, caller: Caller) -> str | None:
    """Return what a caller reads of an answer."""
    events = await log.read(answer_id, caller, 0)
    if events is None:
        return None
    (found,) = [event async for _, event in events]
    assert isinstance(found, StageReached)
    return found.stage


def _event(tenant: str, at: datetime, micro_usd: int) -> SpendEvent:
    return SpendEvent(
        new_id(),
        at,
        ModelCall(tenant, "r"),
        "openai",
        "m",
        SpendState.RESERVED,
        TokenUsage(1, 1),
        micro_usd,
        "p",
    )


PARTS = st.lists(st.text(max_size=6), min_size=1, max_size=4)


@settings(max_examples=500)
@given(PARTS, PARTS)
def test_keys_of_other_parts_are_other_keys(one: list[str], other: list[str]) -> None:
    """No name, however chosen, leads to a key of other names."""
    assert (key_of(*one) == key_of(*other)) is (one == other)
