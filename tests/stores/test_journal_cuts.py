"""Cutting a journal: each record is in exactly one segment, of its own kind, tenant and day."""

import json
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.model.ids import first_id_at, milliseconds_of, new_id
from info_assistant.stores import journal_file
from info_assistant.stores.claims import claim
from info_assistant.stores.journal import Journal
from info_assistant.stores.journal_file import (
    Record,
    cut_segments,
    day_of,
    forget_some,
    insert_records,
    lines_of,
    opened_journal,
)

SHORT = 500
"""How long a segment is here, in bytes."""
DAY_MS = 24 * 3600 * 1000
MANY_YEARS_MS = 4_000_000_000_000
NAME = re.compile(
    r"(?P<tenant>[^/]+)/segments/(?P<kind>[^/]+)/(?P<day>[^/]+)/"
    r"(?P<first>\d{13})-(?P<last>\d{13})-w-\d+\.jsonl"
)


def made(kind: str, tenant: str, milliseconds: int, number: int, size: int) -> Record:
    """Return a record of a moment, `size` bytes long at least."""
    record_id = f"{first_id_at(milliseconds)[:-12]}{number:012x}"
    return Record(kind, tenant, record_id, json.dumps({"id": record_id, "x": "é" * size}).encode())


KINDS, TENANTS = st.sampled_from(["audit", "answers"]), st.sampled_from(["a", "b-c"])
MOMENTS = st.one_of(st.integers(0, 3 * DAY_MS), st.just(MANY_YEARS_MS))
SIZES = st.one_of(st.integers(0, 9), st.just(SHORT // 5))
BATCHES = st.lists(st.lists(st.tuples(KINDS, TENANTS, MOMENTS, SIZES), max_size=12), max_size=3)


def shipped(file: sqlite3.Connection, late: Sequence[Record] = ()) -> dict[str, list[str]]:
    """Cut, read all segments after `late` arrived, and forget them; the ids of each by its name."""
    (until,) = file.execute("SELECT coalesce(max(place), 0) FROM records").fetchone()
    found: dict[str, list[str]] = {}
    for arriving in (late, *[()] * 20):
        more = cut_segments(file, "w", until)
        insert_records(file, arriving)
        if not more:
            break
        found |= read_and_forgotten(file)
    return found


def read_and_forgotten(file: sqlite3.Connection) -> dict[str, list[str]]:
    """Read all segments, and forget them."""
    found = {}
    for number, name in file.execute("SELECT number, name FROM cuts").fetchall():
        lines = lines_of(file, number).splitlines()
        found[name] = [json.loads(line)["id"] for line in lines]
        file.execute("UPDATE cuts SET shipped = 1 WHERE number = ?", (number,))
    while forget_some(file)[0]:
        pass
    assert file.execute("SELECT count(*) FROM cuts").fetchone() == (0,)
    return found


@settings(deadline=None)
@given(batches=BATCHES)
def test_each_record_is_in_one_segment_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[str, str, int, int]]]
) -> None:
    """Whatever arrives while others are shipped, with whatever time: nothing is lost or doubled."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    numbers = iter(range(1000))
    records = [[made(*each[:3], next(numbers), each[3]) for each in batch] for batch in batches]
    sizes = {each.id: len(each.body) + 1 for batch in records for each in batch}
    with pytest.MonkeyPatch.context() as patch, closing(opened_journal(path)) as file:
        patch.setattr(journal_file, "SEGMENT_BYTES", SHORT)
        patch.setattr(journal_file, "CUT_AT_ONCE", 5)
        found: list[tuple[str, list[str]]] = []
        for batch in records:
            half = len(batch) // 2
            insert_records(file, batch[:half])
            found += shipped(file, late=batch[half:]).items()
        found += shipped(file).items()
        assert file.execute("SELECT count(*) FROM records").fetchone() == (0,)
    told = [(NAME.fullmatch(name), ids) for name, ids in found]
    assert sorted(each for _, ids in told for each in ids) == sorted(sizes)
    assert len({name for name, _ in found}) == len(found)
    places = {each.id: (each.kind, each.tenant) for batch in records for each in batch}
    for name, ids in told:
        assert name is not None
        assert ids == sorted(ids)
        assert {places[each] for each in ids} == {(name["kind"], name["tenant"])}
        assert {day_of(each) for each in ids} == {name["day"]}
        assert milliseconds_of(ids[0]) == int(name["first"])
        assert milliseconds_of(ids[-1]) == int(name["last"])
        # The record that begins a part may begin in the part before.
        assert sum(sizes[each] for each in ids[1:]) <= SHORT


def test_nothing_is_forgotten_before_all_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment that is not noted as shipped keeps all records; a few are deleted at once."""
    monkeypatch.setattr(journal_file, "FORGOTTEN_AT_ONCE", 2)
    with closing(opened_journal(tmp_path / "journal.sqlite3")) as file:
        insert_records(file, [made("audit", tenant, n, n, 1) for n in range(5) for tenant in "ab"])
        cut_segments(file, "w", 10)
        file.execute("UPDATE cuts SET shipped = 1 WHERE tenant = 'a'")
        assert forget_some(file) == (0, 0)
        count = "SELECT count(*) FROM records"
        assert file.execute(count).fetchone() == (10,)
        file.execute("UPDATE cuts SET shipped = 1")
        for left in (8, 6, 4, 2, 0):
            assert forget_some(file)[0] == 2
            assert file.execute(count).fetchone() == (left,)
            assert file.execute("SELECT count(*) > 0 FROM cuts").fetchone() == (left > 0,)
        # What comes now has the first place again, and is nobody's to forget.
        insert_records(file, [made("audit", "a", 9, 9, 1)])
        assert forget_some(file) == (0, 0)
        assert file.execute(count).fetchone() == (1,)


@pytest.mark.parametrize("ours", [False, True])
async def test_what_an_earlier_build_had_cut_is_cut_anew(tmp_path: Path, *, ours: bool) -> None:
    """Its cuts marked each record, and of cuts of ours it stores nothing: all are made anew."""
    folder = tmp_path / "dead"
    folder.mkdir()
    (folder / "lock").touch()
    ids = [new_id() for _ in range(3)]
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as file, file:
        file.executescript(
            "CREATE TABLE journal (about TEXT NOT NULL);"
            "CREATE TABLE cuts (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);"
            "CREATE TABLE records (place INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
            " tenant TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, cut INTEGER,"
            " UNIQUE (kind, tenant, id));"
            "CREATE INDEX records_by_cut ON records (cut);"
            """INSERT INTO journal VALUES ('{"schema": 2, "writer": "w"}');"""
            "INSERT INTO cuts (name) VALUES ('a/segments/audit/2026-11-27/marked-w-1.jsonl');"
        )
        row = "INSERT INTO records (kind, tenant, id, body, cut) VALUES ('audit', 'a', ?, ?, ?)"
        for number, each in enumerate(ids):
            file.execute(row, (each, json.dumps({"id": each}).encode(), 1 if number < 2 else None))
    if ours:
        # This build has cut too; then the earlier one was here once more, with its index.
        with closing(opened_journal(folder / "journal.sqlite3")) as file:
            cut_segments(file, "w", 2)
            file.execute("UPDATE cuts SET shipped = 1")
            file.execute("CREATE INDEX records_by_cut ON records (cut)")
    journal = Journal(tmp_path, claim(folder))
    assert not await journal.is_cut()
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as file:
        # Else the earlier build, were it to come back, would never ship these.
        assert file.execute("SELECT count(cut) FROM records").fetchone() == (0,)
    assert await journal.cut()
    ((number, name),) = await journal.cuts()
    assert [json.loads(line)["id"] for line in (await journal.lines(number)).splitlines()] == ids
    assert "marked" not in name
    await journal.shipped(number)
    await journal.forget()
    assert not await journal.is_cut()
    await journal.retire()
    assert not folder.exists()


def work_of_a_cut(folder: Path, tenants: int) -> int:
    """Return the steps, in thousands, that SQLite takes to cut 2,000 records of some tenants."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(opened_journal(folder / f"{tenants}.sqlite3")) as file:
        records = [made("audit", f"t{n % tenants}", n, n, 0) for n in range(2000)]
        file.execute("BEGIN")
        insert_records(file, records)
        file.set_progress_handler(count, 1000)
        cut_segments(file, "w", len(records))
        file.set_progress_handler(None, 0)
        file.execute("COMMIT")
        assert file.execute("SELECT count(*) FROM cuts").fetchone() == (tenants,)
    return steps


def test_many_tenants_cost_a_cut_little_more_than_one(tmp_path: Path) -> None:
    """Whoever appends waits for the end of a cut; looking at all places for each took seconds."""
    assert work_of_a_cut(tmp_path, 400) < 4 * work_of_a_cut(tmp_path, 1)
