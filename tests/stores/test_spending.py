"""Budgets know what other replicas and former lives have spent; finished days are summed once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.clocks import HandClock
from tests.spending import CALL, RoundPrices, ledger_in, spend_log
from tests.stores.failing_blobs import FailingBlobs

from info_assistant.errors import BudgetExhausted, ObjectStorageUnavailable
from info_assistant.model.prompt import TokenUsage
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.ledger import RecordedLedger
from info_assistant.stores.spending import BudgetWatch, RecordedSpending

MOST = TokenUsage(500, 0)


async def test_what_another_replica_spends_counts_once_it_is_shipped(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """Two machines share a budget: each knows the other's calls after shipping and looking."""
    theirs, ours = (spend_log(blobs, tmp_path / name) for name in ("theirs", "ours"))
    other = ledger_in(theirs)
    budgets = MonthlyBudgets(lambda _: 1000, SystemClock())
    ledger = RecordedLedger(ours, RoundPrices(), budgets)
    watch = BudgetWatch(ours, budgets, lambda: ["default"])
    event = await other.reserve(CALL, provider="openai", model="m", most=MOST)
    await theirs.ship()
    await watch.look()
    assert (known := budgets.of("default"))
    assert known.spent == 500
    await other.complete(event, TokenUsage(400, 0))
    await theirs.ship()
    for _ in range(2):
        await watch.look()
    assert (known := budgets.of("default"))
    assert known.spent == 400
    own = await ledger.reserve(CALL, provider="openai", model="m", most=MOST)
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(CALL, provider="openai", model="m", most=MOST)
    await ledger.complete(own, TokenUsage(100, 0))
    await ours.ship()
    await watch.look()
    assert (known := budgets.of("default"))
    assert known.spent == 500
    await theirs.close()
    await ours.close()


async def test_an_outage_leaves_budgets_as_they_were(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Own calls go on counting; a start that cannot look goes on without."""
    log = spend_log(blobs, tmp_path / "journals")
    budgets = MonthlyBudgets(lambda _: 1000, SystemClock())
    ledger = RecordedLedger(log, RoundPrices(), budgets)
    watch = BudgetWatch(log, budgets, lambda: ["default"])
    blobs.down = True
    await watch.start()
    await ledger.reserve(CALL, provider="openai", model="m", most=MOST)
    with pytest.raises(ObjectStorageUnavailable):
        await watch.look()
    assert (known := budgets.of("default"))
    assert known.spent == 500
    blobs.down = False
    await watch.start()
    assert (known := budgets.of("default"))
    assert known.spent == 500
    await log.close()


async def test_a_new_start_knows_what_was_spent_before(blobs: FailingBlobs, tmp_path: Path) -> None:
    """What is in segments and what still waits in the journal counts from the first call on."""
    log = spend_log(blobs, tmp_path / "journals")
    ledger = ledger_in(log)
    for shipped in (True, False):
        await ledger.reserve(CALL, provider="openai", model="m", most=TokenUsage(100, 0))
        if shipped:
            await log.ship()
    await log._own.close()
    again = spend_log(blobs, tmp_path / "journals")
    budgets = MonthlyBudgets(lambda _: 1000, SystemClock())
    await BudgetWatch(again, budgets, lambda: ["default"]).start()
    assert (known := budgets.of("default"))
    assert known.spent == 200
    await again.close()


async def test_a_finished_day_is_read_once(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Sums of days that are over are kept; today's are made anew each time."""
    log = spend_log(blobs, tmp_path / "journals")
    await ledger_in(log).reserve(CALL, provider="openai", model="m", most=MOST)
    await log.ship()
    clock = HandClock()
    today = datetime.now(UTC)
    spending = RecordedSpending(log, ledger_in(log), clock)
    listings = []
    for moment in (today, today, today + timedelta(days=3), today + timedelta(days=4)):
        clock.at = moment
        before = blobs.listings
        (line,) = await spending.usage("default", today.date(), today.date())
        listings.append(blobs.listings - before)
        assert line.micro_usd == 500
        # What has had no end for so long has none: its process died with its machine.
        assert (line.open, line.unknown) == ((1, 0) if moment == today else (0, 1))
    assert listings == [1, 1, 1, 0]
    await log.close()
