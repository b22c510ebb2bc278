"""The ledger: what is reserved is never forgotten, what ended counts once, the dead as unknown."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.spending import CALL, RoundPrices, ledger_in, spend_log
from tests.stores.failing_blobs import FailingBlobs
from tests.stores.test_record_log import die

from info_assistant.errors import RecordsUnavailable
from info_assistant.model.ids import new_id
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import SpendEvent, SpendState, UsageLine
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.journal_file import Record
from info_assistant.stores.ledger import KIND, RecordedLedger, record_of, spend_event
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.spending import RecordedSpending

MOST = TokenUsage(1000, 100)
COUNTED = TokenUsage(250, 40, 20)


@pytest.fixture
async def log(blobs: FailingBlobs, tmp_path: Path) -> AsyncIterator[RecordLog]:
    """The log of one process."""
    made = spend_log(blobs, tmp_path / "journals")
    await made.open()
    yield made
    await made.close()


async def reserved(ledger: RecordedLedger) -> SpendEvent:
    """Return a reservation."""
    return await ledger.reserve(CALL, provider="openai", model="m", most=MOST)


async def summed(log: RecordLog, tenant: str = "default") -> list[UsageLine]:
    """Return all sums of today and the days beside it."""
    today = datetime.now(UTC).date()
    spending = RecordedSpending(log, ledger_in(log), SystemClock())
    first = date.fromordinal(today.toordinal() - 1)
    return list(await spending.usage(tenant, first, date.fromordinal(today.toordinal() + 1)))


async def test_a_call_counts_with_its_bound_and_then_with_what_was_counted(log: RecordLog) -> None:
    """A reservation stands at its upper bound; the provider's count takes its place, once."""
    ledger = ledger_in(log)
    event = await reserved(ledger)
    assert (event.state, event.micro_usd, event.prices) == (SpendState.RESERVED, 1200, "round 1")
    (line,) = await summed(log)
    assert (line.open, line.micro_usd, line.estimated_micro_usd) == (1, 1200, 1200)
    ended = await ledger.complete(event, COUNTED)
    assert (ended.state, ended.micro_usd, ended.estimated) == (SpendState.COMPLETED, 330, False)
    for _ in range(2):
        (line,) = await summed(log)
        assert (line.completed, line.open, line.micro_usd) == (1, 0, 330)
        assert (line.input_tokens, line.cached_input_tokens, line.output_tokens) == (250, 20, 40)
        assert line.estimated_micro_usd == 0
        await log.ship()


async def test_an_aborted_call_is_marked_as_estimated(log: RecordLog) -> None:
    """It counts as aborted, and its cost as what nobody has counted."""
    ledger = ledger_in(log)
    await ledger.abort(await reserved(ledger), MOST)
    (line,) = await summed(log)
    assert (line.aborted, line.completed, line.open) == (1, 0, 0)
    assert (line.micro_usd, line.estimated_micro_usd) == (1200, 1200)


@pytest.mark.parametrize("shipped", [False, True], ids=["in its journal", "shipped before"])
@pytest.mark.parametrize("heir", ["the next start", "another replica"])
async def test_a_call_whose_process_died_is_unknown(
    blobs: FailingBlobs, tmp_path: Path, heir: str, *, shipped: bool
) -> None:
    """Whoever gets the dead writer's journal ends its calls as unknown, the bound stands; once."""
    dead = spend_log(blobs, tmp_path / "journals")
    ledger = ledger_in(dead)
    done = await reserved(ledger)
    left = await reserved(ledger)
    if shipped:
        await dead.ship()
    await ledger.complete(done, COUNTED)
    if heir == "another replica":
        other = spend_log(blobs, tmp_path / "journals")
        await other.open()
        await die(dead)
        await other._adopt()
    else:
        await die(dead)
        other = spend_log(blobs, tmp_path / "journals")
        await other.open()
    for _ in range(2):
        (line,) = await summed(other)
        assert (line.completed, line.unknown, line.open) == (1, 1, 0)
        assert line.micro_usd == 330 + left.micro_usd
        await other.ship()
    lines = [
        each async for page in other.of_day(KIND, "default", done.at.date(), set()) for each in page
    ]
    states = sorted(str(each["state"]) for each in lines)
    assert states == ["completed", "reserved", "reserved", "unknown"]
    await other.close()


async def test_the_living_are_not_taken_for_dead(
    log: RecordLog, blobs: FailingBlobs, tmp_path: Path
) -> None:
    """Another process on the machine, and a file that is opened anew, end no call under way."""
    ledger = ledger_in(log)
    event = await reserved(ledger)
    other = spend_log(blobs, tmp_path / "journals")
    await other.open()
    await other._adopt()
    await log._own._thread.close()
    await log.check()
    (line,) = await summed(log)
    assert (line.open, line.unknown) == (1, 0)
    await ledger.complete(event, COUNTED)
    await other.close()


async def test_without_a_journal_no_call_is_noted_and_none_counts(log: RecordLog) -> None:
    """Where the reservation cannot be kept it is refused, and nothing is left of it."""
    ledger = ledger_in(log)
    assert log._own.folder is not None
    with sqlite3.connect(log._own.folder / "journal.sqlite3", isolation_level=None) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RecordsUnavailable):
            await reserved(ledger)
        locker.execute("ROLLBACK")
    locker.close()
    await ledger.catch_up()
    lines = await summed(log)
    assert sum(each.micro_usd for each in lines) == 0
    assert sum(each.open for each in lines) == 0


async def test_an_end_that_cannot_be_kept_is_kept_later(log: RecordLog) -> None:
    """A disk that fails while words arrive takes nothing from the reader, nor from the bill."""
    ledger = ledger_in(log)
    event = await reserved(ledger)
    folder = log._own.folder
    assert folder is not None
    # Neither the file that is open can be written nor another be opened in its place.
    await log._own._thread.run(lambda file: file.execute("PRAGMA query_only = ON"))
    away = folder.rename(folder.with_name("away"))
    ended = await ledger.complete(event, COUNTED)
    assert ended.micro_usd == 330
    with pytest.raises(RecordsUnavailable):
        await log.check()
    away.rename(folder)
    (line,) = await summed(log)
    assert (line.completed, line.open) == (0, 1)
    assert ledger.of_request(CALL.request_id).micro_usd == 330
    await ledger.catch_up()
    (line,) = await summed(log)
    assert (line.completed, line.open, line.micro_usd) == (1, 0, 330)


async def test_whoever_is_cancelled_while_noting_leaves_no_open_call(log: RecordLog) -> None:
    """Cancelled at a reservation: the call is void. Cancelled at an end: it is kept anyway."""
    ledger = ledger_in(log)
    waiting = asyncio.ensure_future(reserved(ledger))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    event = await reserved(ledger)

    async def ending() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await ledger.complete(event, COUNTED)

    leaving = asyncio.ensure_future(ending())
    await asyncio.sleep(0)
    for _ in range(3):
        leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await ledger.catch_up()
    (line,) = await summed(log)
    assert (line.completed, line.open, line.unknown) == (1, 0, 0)
    assert (line.aborted, line.micro_usd) == (1, 330)


async def test_an_end_is_kept_before_what_is_appended_after_it(log: RecordLog) -> None:
    """Whoever has an answer's record has its bill, though nobody waited for the bill."""
    ledger = ledger_in(log)
    event = await reserved(ledger)
    await ledger.complete(event, COUNTED)
    await log.append([Record("answers", "default", new_id(), b"{}")])
    assert log._own.folder is not None
    with sqlite3.connect(log._own.folder / "journal.sqlite3") as file:
        kinds = [kind for (kind,) in file.execute("SELECT kind FROM records ORDER BY place")]
    file.close()
    assert kinds == [KIND, KIND, "answers"]


async def test_who_spent_what_is_known_by_request(log: RecordLog) -> None:
    """All attempts of a request add up; another request has spent nothing."""
    ledger = ledger_in(log)
    await ledger.abort(await reserved(ledger), TokenUsage(10, 0))
    second = replace(CALL, attempt=2)
    event = await ledger.reserve(second, provider="anthropic", model="n", most=MOST)
    await ledger.complete(event, COUNTED)
    spent = ledger.of_request(CALL.request_id)
    assert (spent.input_tokens, spent.output_tokens, spent.micro_usd) == (260, 40, 340)
    assert ledger.of_request("another").micro_usd == 0
    assert [(each.provider, each.micro_usd) for each in await summed(log)] == [
        ("anthropic", 330),
        ("openai", 10),
    ]


async def test_tenants_do_not_see_each_others_bill(log: RecordLog) -> None:
    """A call belongs to its tenant alone."""
    ledger = ledger_in(log)
    call = replace(CALL, tenant="water")
    await ledger.reserve(call, provider="openai", model="m", most=MOST)
    await log.ship()
    assert len(await summed(log, "water")) == 1
    assert await summed(log) == []


async def test_ending_a_process_that_called_no_model_leaves_nothing_behind(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """No journal is begun for a ledger that has nothing to say."""
    unused = spend_log(blobs, tmp_path / "unused")
    await ledger_in(unused).catch_up()
    await unused.close()
    assert not (tmp_path / "unused").exists()


async def test_how_much_waits_is_told(log: RecordLog) -> None:
    """Lines of the ledger that are not in object storage yet are counted; others are not."""
    told: list[int] = []
    ledger = RecordedLedger(log, RoundPrices(), NoBudgets(), on_pending=told.append)
    event = await reserved(ledger)
    await ledger.complete(event, COUNTED)
    await ledger.tell_pending()
    await log.ship()
    await ledger.tell_pending()
    assert told == [2, 0]


def test_a_line_is_read_as_it_was_written() -> None:
    """Each state has a line of its own, of the same millisecond, with everything in it."""
    ids = set()
    for state in SpendState:
        event = SpendEvent(
            "01a209d2-0000-7000-8000-00000000000f",
            datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
            CALL,
            "openai",
            "m",
            state,
            replace(COUNTED, estimated=state is not SpendState.COMPLETED),
            330,
            "round 1",
        )
        record = record_of(event)
        ids.add(record.id)
        assert record.id[:13] == event.id[:13]
        assert spend_event(json.loads(record.body)) == event
    assert len(ids) == 3
