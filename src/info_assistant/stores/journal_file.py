"""A journal's SQLite file: its tables, and what is done to them, each within one transaction."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from info_assistant.model.ids import first_id_at, milliseconds_of, moment_of
from info_assistant.model.schema import Stored, stamped

SEGMENT_BYTES = 1024 * 1024
"""The size at which a segment is shipped at once, and about which a cut makes them."""

CUT_AT_ONCE = 10_000
"""Records that are cut in one transaction."""

FORGOTTEN_AT_ONCE = 200
"""Records that are deleted in one transaction: whoever appends meanwhile waits for its end."""

_LONG_LOG_PAGES = 4000
"""At so many pages (16 MB) a commit checkpoints by itself, should `checkpoint` not keep up."""

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
"""

_OF_CUTS = (
    "kind TEXT",
    "tenant TEXT",
    "first TEXT",
    "last TEXT",
    "until INTEGER",
    "shipped INTEGER",
)
"""What a cut tells beside its name. Builds before this one marked each record instead, in `cut`."""

# What is cut is listed once, by its places: the index of records would lead to all that came later
# as well, and a look at the places for each group takes seconds where there are many tenants.
_LISTED = """
CREATE TEMP TABLE IF NOT EXISTS listed (
  kind TEXT, tenant TEXT, id TEXT, size INTEGER, PRIMARY KEY (kind, tenant, id)) WITHOUT ROWID
"""
_LIST = """
INSERT INTO listed SELECT kind, tenant, id, length(body) + 1 FROM records NOT INDEXED
WHERE place <= ?
"""
_GROUP = "FROM listed WHERE kind = ? AND tenant = ? AND id >= ?"

_SPAN = f"SELECT min(id), max(id), sum(size) {_GROUP} AND id < ?"
"""The first and the last id of a group, and its bytes as lines."""

_PARTS = f"""
SELECT min(id), max(id) FROM (
  SELECT id, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS upto
  {_GROUP} AND id < ?)
GROUP BY (upto - 1) / ? ORDER BY 1
"""  # noqa: S608  Words of ours, as below.
"""The same of each part of a group, each about as long as is asked for; takes twice the time."""

_OLDEST = "FROM records WHERE place <= ? ORDER BY place LIMIT ?"

_LINES = """
SELECT CAST(group_concat(CAST(body AS TEXT), char(10)) AS BLOB) FROM (
  SELECT body FROM records
  WHERE kind = ? AND tenant = ? AND id >= ? AND id <= ? AND place <= ? ORDER BY id)
"""
"""All lines by one statement: for each row that is handed to Python the interpreter's lock is given
up and waited for, and whoever appends waits for the last of them."""


class Record(NamedTuple):
    """One record: `body` is a JSON object without line breaks, whose `id` is `id` (a UUIDv7).

    A tuple in the order of `RECORDS`, so that it is inserted as it is.
    """

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
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LONG_LOG_PAGES}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.executescript(_TABLES)
        _extend_cuts(connection)
        if not connection.execute("SELECT 1 FROM journal").fetchone():
            about = json.dumps(stamped(Stored.JOURNAL, {"writer": uuid4().hex[:12]}))
            connection.execute("INSERT INTO journal (about) VALUES (?)", (about,))
    except BaseException:
        connection.close()
        raise
    return connection


def checkpoint(path: Path) -> None:
    """Move what is committed from the log into the file, while others go on committing.

    A commit that does so by itself waits for the disk, and whoever appends waits for the commit.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


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
            each,
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


def _extend_cuts(connection: sqlite3.Connection) -> None:
    """Give cuts all their columns, and cut anew what an earlier build has cut or taken for cut.

    Its index tells that it was here. It marked each record, and of cuts of ours it finds none. What
    it had stored already is stored twice then, which readers take for once.
    """
    connection.execute("BEGIN IMMEDIATE")
    known = {row[1] for row in connection.execute("PRAGMA table_info(cuts)")}
    for column in _OF_CUTS:
        if column.split()[0] not in known:
            connection.execute(f"ALTER TABLE cuts ADD COLUMN {column}")
    if connection.execute("PRAGMA index_info(records_by_cut)").fetchone():
        connection.execute("DELETE FROM cuts")
        connection.execute("UPDATE records SET cut = NULL WHERE cut IS NOT NULL")
        connection.execute("DROP INDEX records_by_cut")
    connection.execute("COMMIT")


def cut_segments(connection: sqlite3.Connection, writer: str, until: int) -> bool:
    """Cut the oldest records up to a place into segments; return whether there were any."""
    query = f"SELECT max(place) FROM (SELECT place {_OLDEST})"  # noqa: S608
    (last,) = connection.execute(query, (until, CUT_AT_ONCE)).fetchone()
    if last is None:
        return False
    connection.execute(_LISTED)
    connection.execute(_LIST, (last,))
    for group in _groups(connection):
        for part in _parts(connection, group):
            _note_cut(connection, writer, (*group[:2], *part, last))
    connection.execute("DELETE FROM listed")
    return True


_Group = tuple[str, str, str, str]
"""Kind, tenant, and a day as two ids, without the latter."""


def _groups(connection: sqlite3.Connection) -> Iterator[_Group]:
    """Yield kinds, tenants and days (UTC) of what is listed."""
    earliest = "SELECT kind, tenant, min(id) FROM listed GROUP BY kind, tenant"
    for kind, tenant, begin in connection.execute(earliest).fetchall():
        first = begin
        while first is not None:
            day = moment_of(first).replace(hour=0, minute=0, second=0, microsecond=0)
            end = first_id_at(int((day + timedelta(days=1)).timestamp() * 1000))
            yield kind, tenant, first, end
            later = connection.execute(f"SELECT min(id) {_GROUP}", (kind, tenant, end))
            (first,) = later.fetchone()


def _parts(connection: sqlite3.Connection, group: _Group) -> Iterator[tuple[str, str]]:
    """Yield the first and the last id of each segment of a group."""
    first, last, size = connection.execute(_SPAN, group).fetchone()
    if size <= SEGMENT_BYTES:
        yield first, last
    else:
        yield from connection.execute(_PARTS, (*group, SEGMENT_BYTES)).fetchall()


def _note_cut(
    connection: sqlite3.Connection, writer: str, span: tuple[str, str, str, str, int]
) -> None:
    """Note a cut: kind, tenant, first and last id, and up to which place."""
    added = "INSERT INTO cuts (name, kind, tenant, first, last, until) VALUES ('', ?, ?, ?, ?, ?)"
    number = connection.execute(added, span).lastrowid
    kind, tenant, first, last, _ = span
    times = f"{milliseconds_of(first):013d}-{milliseconds_of(last):013d}"
    name = f"{tenant}/segments/{kind}/{day_of(first)}/{times}-{writer}-{number}.jsonl"
    connection.execute("UPDATE cuts SET name = ? WHERE number = ?", (name, number))


def lines_of(connection: sqlite3.Connection, cut: int) -> bytes:
    """Return the records of a cut as lines, in the order of their ids; b"" if there is no such."""
    query = "SELECT kind, tenant, first, last, until FROM cuts WHERE number = ?"
    place = connection.execute(query, (cut,)).fetchone()
    joined = connection.execute(_LINES, place).fetchone()[0] if place else None
    return b"" if joined is None else bytes(joined) + b"\n"


def forget_some(connection: sqlite3.Connection) -> tuple[int, int]:
    """Delete some of the records that are cut; return how many, and the bytes of their bodies.

    With the last of them go the cuts: a place may be given away again from then on.
    """
    query = "SELECT max(until), count(*) - count(shipped) FROM cuts"
    until, waiting = connection.execute(query).fetchone()
    if until is None or waiting:
        return 0, 0
    some = (until, FORGOTTEN_AT_ONCE)
    query = f"SELECT count(*), coalesce(sum(length(body)), 0) FROM (SELECT body {_OLDEST})"  # noqa: S608
    count, size = connection.execute(query, some).fetchone()
    gone = f"DELETE FROM records WHERE place IN (SELECT place {_OLDEST})"  # noqa: S608
    connection.execute(gone, some)
    if not connection.execute("SELECT 1 FROM records WHERE place <= ?", (until,)).fetchone():
        connection.execute("DELETE FROM cuts")
    return count, size


def day_of(record_id: str) -> str:
    """Return the day, in UTC, on which a record was made: `2026-11-23`. Raises ValueError."""
    return moment_of(record_id).date().isoformat()
