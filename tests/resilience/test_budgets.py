"""Budgets: what one process spends never exceeds them; what others spend counts once it is read."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.clocks import HandClock
from tests.spending import CALL

from info_assistant.errors import BudgetExhausted
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import BudgetState, SpendEvent, SpendState
from info_assistant.resilience.budgets import MonthlyBudgets, NoBudgets


@pytest.fixture
def calendar() -> HandClock:
    """Return a clock that the test sets."""
    return HandClock(datetime(2026, 11, 10, 12, tzinfo=UTC))


def event(number: int, micro_usd: int, at: datetime) -> SpendEvent:
    """Return a reservation."""
    return SpendEvent(
        f"01a209d2-0000-7000-8000-{number:012x}",
        at,
        CALL,
        "openai",
        "m",
        SpendState.RESERVED,
        TokenUsage(1, 1, estimated=True),
        micro_usd,
        "p",
    )


def ended(begun: SpendEvent, micro_usd: int) -> SpendEvent:
    """Return its end."""
    return replace(begun, state=SpendState.COMPLETED, usage=TokenUsage(1, 1), micro_usd=micro_usd)


async def test_calls_under_way_count_with_their_bounds(calendar: HandClock) -> None:
    """A call that might exceed the budget beside those under way is not made; ends make room."""
    budgets = MonthlyBudgets(lambda _: 1000, calendar)
    first = event(1, 600, calendar.at)
    await budgets.admit(first)
    with pytest.raises(BudgetExhausted) as refused:
        await budgets.admit(event(2, 401, calendar.at))
    assert refused.value.retry_after_s == pytest.approx(20.5 * 24 * 3600)
    budgets.note(ended(first, 100))
    await budgets.admit(event(3, 900, calendar.at))
    assert (known := budgets.of("default"))
    assert (known.spent, known.limit, known.state) == (1000, 1000, BudgetState.EXHAUSTED)


@pytest.mark.parametrize(
    ("spent", "state"),
    [(0, "within"), (799, "within"), (800, "notice"), (999, "notice"), (1000, "exhausted")],
)
async def test_people_are_told_at_eighty_per_cent(
    calendar: HandClock, spent: int, state: str
) -> None:
    """The state of a budget by what is spent of it."""
    budgets = MonthlyBudgets(lambda _: 1000, calendar)
    await budgets.admit(event(1, spent, calendar.at))
    assert (known := budgets.of("default"))
    assert known.state == state


async def test_each_month_begins_anew(calendar: HandClock) -> None:
    """What was spent in November does not count in December, nor does a late end of it."""
    budgets = MonthlyBudgets(lambda _: 1000, calendar)
    old = event(1, 1000, calendar.at)
    await budgets.admit(old)
    calendar.at = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)
    budgets.note(ended(old, 900))
    assert (known := budgets.of("default"))
    assert (known.spent, known.month.month) == (0, 12)
    await budgets.admit(event(2, 1000, calendar.at))


async def test_lines_count_once_in_any_order(calendar: HandClock) -> None:
    """An end before its reservation, and both again, as segments bring them: one call."""
    budgets = MonthlyBudgets(lambda _: 1000, calendar)
    begun = event(1, 600, calendar.at)
    for line in (ended(begun, 100), begun, begun, ended(begun, 100), begun):
        budgets.note(line)
    assert (known := budgets.of("default"))
    assert known.spent == 100


async def test_old_days_are_kept_as_one_number(calendar: HandClock) -> None:
    """A day that is over and was read is a sum; what comes of it later changes nothing."""
    budgets = MonthlyBudgets(lambda _: 10_000, calendar)
    today = calendar.at
    for number in range(10):
        budgets.note(event(number, 10, today - timedelta(days=number)))
    wanted = list(budgets.days_to_read("default"))
    assert (wanted[0].day, wanted[-1].day) == (1, 10)
    for day in wanted:
        await budgets.has_read("default", day)
    assert [day.day for day in budgets.days_to_read("default")] == [9, 10]
    budgets.note(event(99, 10, today - timedelta(days=5)))
    assert (known := budgets.of("default"))
    assert known.spent == 100
    month = budgets._months["default"]
    assert sorted(day.day for day in month._recent) == [9, 10]


async def test_tenants_without_a_budget_are_not_watched(calendar: HandClock) -> None:
    """No budget, no limit and nothing kept."""
    budgets = MonthlyBudgets(lambda _: None, calendar)
    await budgets.admit(event(1, 10**12, calendar.at))
    assert budgets.of("default") is None
    assert budgets._months == {}
    await NoBudgets().admit(event(1, 10**12, calendar.at))
    assert NoBudgets().of("default") is None


async def test_many_at_once_never_exceed_the_budget(calendar: HandClock) -> None:
    """A hundred calls side by side: exactly as many as the budget covers are let through."""
    budgets = MonthlyBudgets(lambda _: 1000, calendar)

    async def call(number: int) -> bool:
        try:
            await budgets.admit(event(number, 30, calendar.at))
        except BudgetExhausted:
            return False
        await asyncio.sleep(0)
        return True

    assert sum(await asyncio.gather(*map(call, range(100)))) == 33


async def test_the_check_is_quick(calendar: HandClock) -> None:
    """Less than 0.1 ms a call, also at the end of a month."""
    budgets = MonthlyBudgets(lambda _: 10**12, calendar)
    calendar.at = datetime(2026, 11, 30, tzinfo=UTC)
    for number in range(30):
        budgets.note(event(number, 10, calendar.at - timedelta(days=number)))
    rounds = []
    for n in range(5):
        begun = time.process_time()
        for number in range(200):
            await budgets.admit(event(1000 * n + number + 100, 30, calendar.at))
        rounds.append((time.process_time() - begun) / 200)
    assert min(rounds) < 1e-4
