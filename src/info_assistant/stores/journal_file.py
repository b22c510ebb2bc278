"""A journal's SQLite file: its tables, and what is done to them, each within one transaction."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from uuid import uuid4

from info_assistant.model.ids import milliseconds_of, moment_of
from info_assistant.model.schema import Stored, stamped

SEGMENT_BYTES = 1024 * 1024
"""The size at which a segment is shipped at once, and that a cut does not exceed."""

CUT_AT_ONCE = 5000
"""Records that one cut marks at most; as many mean that there may be more."""

RECORDS = "records (kind, tenant, id, body)"
"""The table of records and its columns, as they are inserted."""

_TABLES = """
CREATE TABLE IF NOT EXISTS journal (about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cuts (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  place INTEGER PRIMARY KEY, kind TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
  body BLOB NOT NULL, cut INTEGER, UNIQUE (kind, tenant, id));
CREATE TABLE IF NOT EXISTS unfinished (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, tenant TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_cut ON records (cut);
"""

_Row = tuple[int, str, str, str, int]
"""Place, kind, tenant, id and size of a record."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `body` is a JSON object without line breaks, whose `id` is `id` (a UUIDv7)."""

    kind: str
    tenant: str
    id: str
    body: bytes


Endings = Mapping[str, Callable[[Record], Record | None]]
"""By kind, what ends that which a dead writer had begun; None where that cannot be told."""


def opened_journal(path: Path) -> sqlite3.Connection:
    """Open a journal's file, making it at first."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
        if not connection.execute("SELECT 1 FROM journal").fetchone():
            about = json.dumps(stamped(Stored.JOURNAL, {"writer": uuid4().hex[:12]}))
            connection.execute("INSERT INTO journal (about) VALUES (?)", (about,))
    except BaseException:
        connection.close()
        raise
    return connection


def end_record(record: Record, begun: str, connection: sqlite3.Connection) -> tuple[int, int]:
    """Insert the end of what `begun` names; return how many records were new, and their bytes."""
    connection.execute("DELETE FROM unfinished WHERE id = ?", (begun,))
    return insert_records(connection, [record])


def insert_records(connection: sqlite3.Connection, records: Sequence[Record]) -> tuple[int, int]:
    """Insert records; return how many were new, and their bytes."""
    count = size = 0
    for each in records:
        new = connection.execute(
            f"INSERT OR IGNORE INTO {RECORDS} VALUES (?, ?, ?, ?)",  # noqa: S608  Words of ours.
            (each.kind, each.tenant, each.id, each.body),
        ).rowcount
        count += new
        size += new * len(each.body)
    return count, size


def settle_unfinished(connection: sqlite3.Connection, endings: Endings) -> None:
    """End what is unfinished, as far as it is known how."""
    query = "SELECT id, kind, tenant, body FROM unfinished"
    for record_id, kind, tenant, body in connection.execute(query).fetchall():
        if kind in endings:
            end = endings[kind](Record(kind, tenant, record_id, body))
            insert_records(connection, [end] if end else [])
            connection.execute("DELETE FROM unfinished WHERE id = ?", (record_id,))


def remove_cut(connection: sqlite3.Connection, cut: int) -> tuple[int, int]:
    """Delete a cut with its records; return how many these were, and their bytes."""
    query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM records WHERE cut = ?"
    count, size = connection.execute(query, (cut,)).fetchone()
    connection.execute("DELETE FROM records WHERE cut = ?", (cut,))
    connection.execute("DELETE FROM cuts WHERE number = ?", (cut,))
    return count, size


def cut_segments(connection: sqlite3.Connection, writer: str) -> int:
    """Mark the next segments; return how many records these are."""
    rows = connection.execute(
        "SELECT place, kind, tenant, id, length(body) FROM records WHERE cut IS NULL "
        "ORDER BY kind, tenant, id LIMIT ?",
        (CUT_AT_ONCE,),
    ).fetchall()
    for (kind, tenant, day), group in groupby(rows, lambda row: (row[1], row[2], day_of(row[3]))):
        for part in _parts(list(group)):
            number = connection.execute("INSERT INTO cuts (name) VALUES ('')").lastrowid
            span = f"{milliseconds_of(part[0][3]):013d}-{milliseconds_of(part[-1][3]):013d}"
            name = f"{tenant}/segments/{kind}/{day}/{span}-{writer}-{number}.jsonl"
            connection.execute("UPDATE cuts SET name = ? WHERE number = ?", (name, number))
            places = [(number, row[0]) for row in part]
            connection.executemany("UPDATE records SET cut = ? WHERE place = ?", places)
    return len(rows)


def _parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Yield runs of rows that are no larger than a segment, of at least one row."""
    start = size = 0
    for at, row in enumerate(rows):
        if size + row[4] > SEGMENT_BYTES and at > start:
            yield rows[start:at]
            start, size = at, 0
        size += row[4] + 1
    yield rows[start:]


def day_of(record_id: str) -> str:
    """Return the day, in UTC, on which a record was made: `2026-11-23`. Raises ValueError."""
    return moment_of(record_id).date().isoformat()
