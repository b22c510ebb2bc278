"""Append-only records: what is acknowledged is found, once, whatever dies or is down meanwhile."""

import asyncio
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.clocks import HandClock
from tests.stores.failing_blobs import FailingBlobs

from info_assistant.errors import ObjectStorageUnavailable, RecordsUnavailable
from info_assistant.model.ids import LAST_ID, first_id_at, milliseconds_of, new_id
from info_assistant.stores import journal as journals
from info_assistant.stores import journal_file, segments
from info_assistant.stores.claims import claim
from info_assistant.stores.compaction import MANY, Upkeep
from info_assistant.stores.journal_file import Record
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Wanted

KIND = "audit"
EXPECTED_KINDS = ("answers", KIND, KIND)
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
async def log(blobs: FailingBlobs, tmp_path: Path) -> AsyncIterator[RecordLog]:
    """The log of one process."""
    made = RecordLog(blobs, tmp_path / "journals")
    await made.open()
    yield made
    await made.close()


@contextmanager
def other_hand(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the journal under `folder` once more, to get in its way."""
    (file,) = folder.glob("journals/*/journal.sqlite3")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def record(tenant: str = "default", record_id: str = "", **fields: str) -> Record:
    """Return a record of a tenant, made now unless an id is given."""
    made = record_id or new_id()
    return Record(KIND, tenant, made, json.dumps({"id": made, **fields}).encode())


async def listed(log: RecordLog, tenant: str = "default", limit: int = 3) -> list[str]:
    """Return the ids of all records, page by page, newest first."""
    found: list[str] = []
    before = LAST_ID
    while True:
        page = await log.newest(Wanted(KIND, tenant, limit, before))
        found += [str(each["id"]) for each in page.records]
        if page.next is None:
            return found
        assert page.next < before
        before = page.next


async def stored(blobs: FailingBlobs) -> list[str]:
    """Return the names of all segments."""
    return sorted([key async for key in blobs.keys("")])


async def test_a_record_is_found_before_and_after_it_is_shipped(
    log: RecordLog, blobs: FailingBlobs
) -> None:
    """An appended record is found by id and in the list at once, and once it is shipped."""
    kept = [record(text=str(n)) for n in range(7)]
    for each in kept:
        await log.append([each])
    for shipped in (False, True):
        if shipped:
            await log.ship()
        assert log.pending == (0 if shipped else 7)
        assert bool(await stored(blobs)) is shipped
        assert await listed(log) == [each.id for each in reversed(kept)]
        for each in kept:
            found = await log.find(KIND, "default", each.id)
            assert found == json.loads(each.body)
    assert await log.find(KIND, "default", new_id()) is None


async def test_tenants_and_kinds_never_see_each_other(log: RecordLog) -> None:
    """A record is found under its own tenant and kind only, before and after it is shipped."""
    ours, theirs = record("ours"), record("theirs")
    await log.append([ours, theirs])
    for _ in range(2):
        assert await log.find(KIND, "theirs", ours.id) is None
        assert await log.find("answers", "ours", ours.id) is None
        assert await listed(log, "ours") == [ours.id]
        assert await listed(log, "theirs") == [theirs.id]
        await log.ship()


async def test_concurrent_appends_all_stay(log: RecordLog) -> None:
    """Records appended at the same time share commits and are all there."""
    kept = [record() for _ in range(500)]
    await asyncio.gather(*(log.append([each]) for each in kept))
    assert log.pending == 500
    await log.ship()
    assert sorted(await listed(log, limit=100)) == sorted(each.id for each in kept)


async def test_a_dead_process_journal_is_adopted_and_shipped(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """What two dead writers left is in the log of the next, is shipped, and leaves no journal."""
    kept = [record(), record()]
    dead = [RecordLog(blobs, tmp_path / "journals") for _ in kept]
    for one, each in zip(dead, kept, strict=True):
        await one.append([each])
    assert len(list((tmp_path / "journals").iterdir())) == 2
    for one in dead:
        await die(one)

    living = RecordLog(blobs, tmp_path / "journals")
    blobs.down = True
    running = asyncio.ensure_future(living.run())
    try:
        await becomes(lambda: living.pending == 2 and blobs.refused > 0)
        assert {each.id for each in kept} == {
            str(found["id"])
            for each in kept
            if (found := await living.find(KIND, "default", each.id))
        }
        blobs.down = False
        await becomes(lambda: living.pending == 0, seconds=10)
    finally:
        running.cancel()
    assert await listed(living) == [each.id for each in reversed(kept)]
    await living.close()
    assert len(list((tmp_path / "journals").iterdir())) == 1


async def test_a_living_writers_journal_is_left_alone(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Two processes on one machine write journals of their own; neither adopts the other's."""
    first, second = (RecordLog(blobs, tmp_path / "journals") for _ in range(2))
    await first.append([record()])
    await second.open()
    folders = list((tmp_path / "journals").iterdir())
    assert len(folders) == 2
    assert [await asyncio.to_thread(claim, folder) for folder in folders] == [None, None]
    await first.close()
    await second.close()


async def test_a_kill_between_shipping_and_noting_ships_the_same_again(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """A segment that was stored and not yet noted is stored under the same name, and only once."""
    log = RecordLog(blobs, tmp_path / "journals")
    kept = [record() for _ in range(3)]
    await log.append(kept)
    own = log._own
    await own.cut()
    ((number, name),) = await own.cuts()
    await blobs.put_new(name, await own.lines(number))
    await log.append([record()])
    await die(log)

    after = RecordLog(blobs, tmp_path / "journals")
    await after.open()
    await after.ship()
    names = await stored(blobs)
    assert name in names
    assert len(names) == 2
    assert len(await listed(after)) == 4
    await after.close()


async def test_an_outage_of_object_storage_delays_and_loses_nothing(
    log: RecordLog, blobs: FailingBlobs
) -> None:
    """While object storage is down records are kept here, read by id here, and shipped after it."""
    blobs.down = True
    kept = [record() for _ in range(4)]
    await log.append(kept)
    with pytest.raises(ObjectStorageUnavailable):
        await log.ship()
    assert blobs.refused > 0
    assert (await log.find(KIND, "default", kept[0].id) or {})["id"] == kept[0].id
    with pytest.raises(ObjectStorageUnavailable):
        await listed(log)
    blobs.down = False
    await log.ship()
    assert log.pending == 0
    assert len(await listed(log)) == 4


async def test_an_orderly_end_ships_what_waits(blobs: FailingBlobs, tmp_path: Path) -> None:
    """A process that ends ships what it has; in an outage it leaves that to the next start."""
    for down in (False, True):
        log = RecordLog(blobs, tmp_path / "journals")
        await log.append([record()])
        blobs.down = down
        await log.close()
        blobs.down = False
        assert len(await stored(blobs)) == 1
    after = RecordLog(blobs, tmp_path / "journals")
    await after.ship()
    assert len(await listed(after)) == 2
    await after.close()


async def test_a_log_that_was_never_used_leaves_nothing(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """Closing what was not opened claims no journal and asks nothing of object storage."""
    blobs.down = True
    await RecordLog(blobs, tmp_path / "journals").close()
    assert not (tmp_path / "journals").exists()
    assert blobs.refused == 0


async def test_a_disk_that_hangs_is_not_waited_for(
    log: RecordLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk hangs, appending fails in time; what was begun is kept once it goes on."""
    await log.open()
    monkeypatch.setattr(journals, "_APPEND_S", 0.05)
    late = record()
    with other_hand(tmp_path) as holding:
        holding.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordsUnavailable, match="TimeoutError"):
            await log.append([late])
        holding.execute("ROLLBACK")
    assert await log.find(KIND, "default", late.id) is not None


async def test_what_waits_is_bounded(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Beyond the bound no record is taken, nor is one promised; after the outage there is room."""
    blobs.down = True
    log = RecordLog(blobs, tmp_path / "journals", most_bytes=1000)
    for _ in range(7):
        await log.append([record(text="x" * 100)])
    for refused in (log.append([record()]), log.check()):
        with pytest.raises(RecordsUnavailable, match="waiting for object storage"):
            await refused
    assert log.pending == 7
    blobs.down = False
    await log.ship()
    await log.check()
    await log.append([record()])
    await log.close()


async def test_segments_are_cut_by_tenant_day_and_size(
    log: RecordLog, blobs: FailingBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment holds one tenant, one day and no more than its size, and its name says its span."""
    monkeypatch.setattr(journal_file, "SEGMENT_BYTES", 500)
    today = milliseconds_of(new_id())
    moments = [today - DAY_MS, *([today] * 8)]
    kept = [
        record(tenant, _id_at(moment, n), text="x" * 100)
        for tenant in ("a", "b")
        for n, moment in enumerate(moments)
    ]
    await log.append(kept)
    await log.ship()
    names = await stored(blobs)
    for name in names:
        lines = (await blobs.get(name)).splitlines()
        times = [milliseconds_of(json.loads(line)["id"]) for line in lines]
        said = segments.segment_of(name)
        assert said is not None
        assert (said.first, said.last) == (min(times), max(times))
        assert len(lines) <= 3
        assert name.split("/")[3] == segments.day_at(times[0]).isoformat()
    assert len(names) == 2 * (1 + 3)
    assert len(await listed(log, "a")) == 9


async def test_a_damaged_journal_is_set_aside(blobs: FailingBlobs, tmp_path: Path) -> None:
    """A journal that SQLite cannot read is kept for inspection, and a new one is begun."""
    first = RecordLog(blobs, tmp_path / "journals")
    await first.append([record()])
    await die(first)
    (folder,) = (tmp_path / "journals").iterdir()
    for path in folder.glob("journal.sqlite3*"):
        path.write_bytes(b"\0garbage" * 1000)
    second = RecordLog(blobs, tmp_path / "journals")
    await second.append([record()])
    assert second.pending == 1
    assert list(folder.glob("damaged-*.sqlite3"))
    await second.close()


async def test_a_disk_that_fails_is_told_and_recovers(log: RecordLog, tmp_path: Path) -> None:
    """While SQLite cannot write, appending fails with our own error; afterwards it works again."""
    await log.open()
    with other_hand(tmp_path) as breaking:
        breaking.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON records "
            "BEGIN INSERT INTO nowhere VALUES (1); END"
        )
        with pytest.raises(RecordsUnavailable, match="OperationalError"):
            await log.append([record()])
        breaking.execute("DROP TRIGGER broken")
    await log.append([record()])
    assert log.pending == 1


@pytest.mark.parametrize("others", [0, 3, 400])
async def test_what_is_kept_twice_counts_once_in_whatever_company(
    log: RecordLog, others: int
) -> None:
    """One that was there before neither keeps those beside it out nor counts again."""
    known, beside = record(), [record() for _ in range(others)]
    await log.append([known])
    await asyncio.gather(*(log.append([each]) for each in (known, *beside)))
    assert log.pending == 1 + others
    for each in (known, *beside):
        assert await log.find(KIND, "default", each.id) is not None


async def test_a_folder_that_cannot_be_made_is_told_and_recovers(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """A process starts without a writable folder, refuses records, and recovers by itself."""
    (tmp_path / "journals").write_text("in the way")
    log = RecordLog(blobs, tmp_path / "journals")
    await log.open()
    with pytest.raises(RecordsUnavailable, match="DATA_DIR"):
        await log.append([record()])
    (tmp_path / "journals").unlink()
    await log.append([record()])
    assert log.pending == 1
    await log.close()


async def test_an_id_that_does_not_sort_is_refused(log: RecordLog) -> None:
    """Only ids that tell their time, and tenants that can name a folder, are taken."""
    for bad in (
        Record(KIND, "default", "6f1cf0a4-6a3b-4a43-9d52-0f6f5a3a5e10", b"{}"),
        Record(KIND, "../other", new_id(), b"{}"),
    ):
        with pytest.raises(ValueError, match=r"sorts by time|cannot name"):
            await log.append([bad])


async def test_filters_and_long_searches_continue(
    log: RecordLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search for what is rare looks at so many segments at once and then says where to go on."""
    monkeypatch.setattr(segments, "_MOST_READ", 2)
    for n in range(12):
        await log.append([record(actor="rare" if n in {0, 11} else "often")])
        await log.ship()
    found: list[str] = []
    pages, before = 0, LAST_ID
    while True:
        page = await log.newest(
            Wanted(KIND, "default", 5, before, lambda each: each["actor"] == "rare")
        )
        found += [str(each["id"]) for each in page.records]
        pages += 1
        if page.next is None:
            break
        before = page.next
    assert len(found) == 2
    assert pages > 3


async def test_compaction_leaves_no_gap_and_no_double(blobs: FailingBlobs, tmp_path: Path) -> None:
    """While days are merged, again and again by two replicas, readers see each record once."""
    log = RecordLog(blobs, tmp_path / "journals")
    await log.open()
    clock = HandClock()
    yesterday = int(clock.now().timestamp() * 1000) - DAY_MS // 2
    kept = [record(record_id=_id_at(yesterday + n, n), text="x" * 50) for n in range(40)]
    for each in kept:
        await log.append([each])
        await log.ship()
    expected = sorted((each.id for each in kept), reverse=True)
    replicas = [upkeep(blobs, tmp_path, clock) for _ in range(2)]
    reads = 0

    async def read() -> None:
        nonlocal reads
        while True:
            assert await listed(log, limit=7) == expected
            assert await log.find(KIND, "default", random.choice(expected))  # noqa: S311
            reads += 1

    reading = asyncio.ensure_future(read())
    await asyncio.gather(*(each.compact(clock.now().date().min) for each in replicas))
    await becomes(lambda: reads > 3 or reading.done())
    reading.cancel()
    assert not reading.done() or reading.exception() is None
    names = await stored(blobs)
    assert len(names) == 1
    assert "merged" in names[0]
    assert await listed(log) == expected
    await log.close()


async def test_the_present_day_is_merged_when_it_has_many_segments(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """Today's segments are merged once they are many and old enough, and new ones stay."""
    clock = HandClock()
    noon = int(clock.now().timestamp() * 1000) + DAY_MS // 2
    clock.at += timedelta(hours=14)
    for n in range(MANY):
        made = record(record_id=_id_at(noon + n, n))
        await blobs.put_new(_name(noon + n, n), made.body + b"\n")
        if n == MANY - 2:
            await upkeep(blobs, tmp_path, clock).compact(clock.now().date())
            assert len(await stored(blobs)) == MANY - 1
    await upkeep(blobs, tmp_path, clock).compact(clock.now().date())
    assert len(await stored(blobs)) == 1


async def test_what_cannot_be_understood_is_kept(blobs: FailingBlobs, tmp_path: Path) -> None:
    """A segment with a line of an unknown kind is passed over in reading and kept as it is."""
    clock = HandClock()
    yesterday = int(clock.now().timestamp() * 1000) - DAY_MS // 2
    known = [record(record_id=_id_at(yesterday + n, n)) for n in range(3)]
    for n, each in enumerate(known):
        odd = b'{"later": "kind"}\n' if n == 1 else b""
        await blobs.put_new(_name(yesterday + n, n), each.body + b"\n" + odd)
    await upkeep(blobs, tmp_path, clock).compact(clock.now().date().min)
    assert len(await stored(blobs)) == 2
    log = RecordLog(blobs, tmp_path / "journals")
    assert len(await listed(log)) == 3
    await log.close()


async def test_old_days_expire_by_kind(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Days beyond a kind's age are deleted for every tenant; what is younger stays."""
    clock = HandClock()
    now = int(clock.now().timestamp() * 1000)
    for tenant in ("a", "system"):
        for kind in (KIND, "answers"):
            for days in (1, 20, 40):
                moment = now - days * DAY_MS
                made = record(tenant, _id_at(moment, 0))
                await blobs.put_new(_name(moment, 0, tenant, kind), made.body + b"\n")
    keep = {KIND: timedelta(days=30), "answers": timedelta(days=10)}
    objects = SharedObjects(blobs, tmp_path / "last-good", clock)
    await Upkeep(blobs, keep, objects, clock).expire()
    left = sorted(name.split("/")[0] + " " + name.split("/")[2] for name in await stored(blobs))
    assert left == [f"{tenant} {kind}" for tenant in ("a", "system") for kind in EXPECTED_KINDS]


async def die(log: RecordLog) -> None:
    """End a log as `kill -9` would: its lock goes, and nothing is shipped or closed in order."""
    await log._own._thread.close()
    if log._own._claim is not None:
        log._own._claim.lock.close()


async def becomes(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return as soon as the condition holds; fail if it does not within the time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.005)


def upkeep(blobs: FailingBlobs, folder: Path, clock: HandClock) -> Upkeep:
    """Return the job of one replica, which deletes what it merged a moment later."""
    objects = SharedObjects(blobs, folder / "last-good", clock)
    return Upkeep(blobs, {KIND: timedelta(days=365)}, objects, clock, grace_s=0.05)


def _id_at(milliseconds: int, n: int) -> str:
    """Return the n-th id of a millisecond."""
    return f"{first_id_at(milliseconds)[:-12]}{n:012x}"


def _name(moment: int, n: int, tenant: str = "default", kind: str = KIND) -> str:
    """Return the name of a segment with one record."""
    day = segments.day_at(moment).isoformat()
    return f"{tenant}/segments/{kind}/{day}/{moment:013d}-{moment:013d}-writer-{n}.jsonl"
