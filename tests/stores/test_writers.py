"""Writers of records: who vanished is missed, with a bound of what may be lost."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.spending import CALL, RoundPrices
from tests.stores.failing_blobs import FailingBlobs

from info_assistant.errors import RecordsUnavailable
from info_assistant.model.prompt import TokenUsage
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.stores.exposure import BoundedExposure
from info_assistant.stores.ledger import KIND, RecordedLedger, ended_by_death
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.spending import RecordedSpending
from info_assistant.stores.writers import UNCERTAIN, WriterMarks, WriterWatch, gaps_by_clock

AT_RISK = 1000


class LaterClock:
    """ports.Clock some minutes from now."""

    def now(self) -> datetime:
        """Return that moment."""
        return datetime.now(UTC) + timedelta(minutes=5)


class Watcher:
    """Somebody who watches the marks, with a clock of its own."""

    def __init__(self, blobs: FailingBlobs) -> None:
        """Begin now."""
        self.seconds = 0.0
        self.watch = WriterWatch(blobs, SystemClock(), monotonic=lambda: self.seconds)

    async def after(self, seconds: float) -> list[str]:
        """Let time pass, look, and return the writers that left a gap."""
        self.seconds += seconds
        await self.watch.look()
        return [each.writer for each in await self.watch.gaps()]


def log_of(blobs: FailingBlobs, folder: Path) -> RecordLog:
    """Return the log of a process."""
    endings = {KIND: ended_by_death}
    return RecordLog(blobs, folder, endings=endings, marks=WriterMarks(blobs, AT_RISK))


def ledger_of(log: RecordLog) -> RecordedLedger:
    """Return a ledger with a bound of what may be lost."""
    return RecordedLedger(log, RoundPrices(), BoundedExposure(NoBudgets(), log, AT_RISK))


async def reserve(ledger: RecordedLedger, micro_usd: int) -> None:
    """Reserve a call."""
    most = TokenUsage(micro_usd, 0)
    await ledger.reserve(CALL, provider="openai", model="m", most=most)


async def test_a_wiped_writer_leaves_a_gap(blobs: FailingBlobs, tmp_path: Path) -> None:
    """It is told from its last mark on, once the mark has not been renewed for a while."""
    log, watcher = log_of(blobs, tmp_path / "one"), Watcher(blobs)
    before = datetime.now(UTC)
    await reserve(ledger_of(log), 10)
    await log.ship()
    assert await watcher.after(0) == []
    assert watcher.watch.living == 1
    # Killed and wiped: nobody closes it, and nobody finds the journal.
    shutil.rmtree(tmp_path / "one")
    assert await watcher.after(30) == []
    assert len(await watcher.after(30)) == 1
    assert watcher.watch.living == 0
    (gap,) = await watcher.watch.gaps()
    assert before - timedelta(milliseconds=1) <= gap.begin <= datetime.now(UTC)
    assert gap.end == gap.begin + UNCERTAIN
    assert gap.at_most_micro_usd == AT_RISK
    spending = RecordedSpending(log, ledger_of(log), SystemClock(), watcher.watch)
    today = datetime.now(UTC).date()
    assert await spending.gaps(today, today) == [gap]
    day = timedelta(days=2)
    assert await spending.gaps(today - 2 * day, today - day) == []
    assert await gaps_by_clock(blobs, SystemClock()) == []
    assert await gaps_by_clock(blobs, LaterClock()) == [gap]


async def test_a_writer_that_lives_or_has_ended_leaves_none(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """Marks are renewed, a closing mark ends the watch, and a new start begins it."""
    log, watcher = log_of(blobs, tmp_path / "one"), Watcher(blobs)
    await log.open()
    await log.ship()
    for _ in range(3):
        await reserve(ledger_of(log), 10)
        await log.ship()
        assert await watcher.after(40) == []
    await log.close()
    assert await watcher.after(400) == []
    assert watcher.watch.living == 0
    again = log_of(blobs, tmp_path / "one")
    await again.open()
    await again.ship()
    assert await watcher.after(0) == []
    assert watcher.watch.living == 1
    await again.close()
    assert await gaps_by_clock(blobs, LaterClock()) == []


async def test_a_disk_that_comes_back_closes_the_gap(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Whoever adopts the journal ships what is in it and closes the mark."""
    dead, watcher = log_of(blobs, tmp_path / "one"), Watcher(blobs)
    await dead.open()
    await dead.ship()
    await reserve(ledger_of(dead), 10)
    # Its process is gone, and with it the lock.
    assert dead._own._claim
    dead._own._claim.lock.close()
    await dead._own._thread.close()
    await watcher.after(0)
    assert len(await watcher.after(60)) == 1
    heir = log_of(blobs, tmp_path / "one")
    await heir.open()
    await heir.ship()
    assert await watcher.after(10) == []
    await heir.close()


async def test_silence_of_object_storage_is_nobodys_death(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """After an outage each writer has the whole time again to be seen."""
    log, watcher = log_of(blobs, tmp_path / "one"), Watcher(blobs)
    await log.open()
    await log.ship()
    await watcher.after(0)
    blobs.down = True
    watcher.seconds += 600
    async with BackgroundTasks({"watch": watcher.watch.run}), asyncio.timeout(60):
        while watcher.watch.living == 0:  # noqa: ASYNC110  It tells nobody.
            await asyncio.sleep(0.01)
    blobs.down = False
    assert await watcher.after(30) == []
    await log.close()


async def test_no_more_is_at_risk_than_the_mark_says(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Calls are shipped before more are made; while that cannot be, no more are made."""
    log = log_of(blobs, tmp_path / "one")
    ledger = ledger_of(log)
    blobs.down = True
    for _ in range(4):
        await reserve(ledger, 250)
    with pytest.raises(RecordsUnavailable, match="SPEND_AT_RISK_USD"):
        await reserve(ledger, 1)
    blobs.down = False
    # What was noted a moment ago may not have been in the journal yet when it was shipped.
    async with asyncio.timeout(30):
        while True:
            try:
                await reserve(ledger, 600)
                break
            except RecordsUnavailable:
                await asyncio.sleep(0.1)
    assert log.shipped_until > float("-inf")
    await log.close()
