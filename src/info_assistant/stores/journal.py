"""Records that are durable on this machine and not yet in object storage, in a SQLite file (WAL).

A journal is a folder with a lock, which its writer holds as long as it lives: one writer each. What
is to become one segment is marked as such before it is shipped (a cut), so that a process killed at
any moment, and whoever adopts its journal, ships the same bytes under the same name.

A record may tell the beginning of something whose end is to be another record. The journal knows
what is unfinished also after the beginning was shipped; whoever opens it after its writer's death
writes the ends, as `Endings` has them.

`synchronous=NORMAL` in WAL mode: what was committed survives a killed process; a loss of power may
take the last moments.
"""

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from info_assistant.errors import RecordsUnavailable
from info_assistant.model.ids import milliseconds_of
from info_assistant.model.schema import Stored, stamped
from info_assistant.observability.log import get_logger
from info_assistant.stores.claims import LOCK, Claim, claim_any
from info_assistant.stores.sqlite_thread import Insertion, SqliteThread, Work

MOST_PENDING_BYTES = 512 * 1024 * 1024
"""Records that may wait for object storage; with more, changes are refused."""

SEGMENT_BYTES = 1024 * 1024
"""The size at which a segment is shipped at once, and that a cut does not exceed."""

_FILE = "journal.sqlite3"
_ENDINGS = ("", "-wal", "-shm")
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_CUT_AT_ONCE = 5000
_APPEND_S = 2.0
_PATIENCE_S = 30.0
_RECORDS = "records (kind, tenant, id, body)"
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

_log = get_logger("journal")
T = TypeVar("T")
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


class Journal:
    """One writer's records on the local disk. Methods raise RecordsUnavailable."""

    def __init__(
        self,
        root: Path,
        claimed: Claim | None = None,
        most_bytes: int = MOST_PENDING_BYTES,
        endings: Endings | None = None,
    ) -> None:
        """Use the journal that was claimed, or claim one in `root` at first use."""
        self._root = root
        self._claim = claimed
        self._most_bytes = most_bytes
        self._endings = endings or {}
        self._settled = False
        self._thread = SqliteThread(self._connect, "journal")
        self._writer = ""
        self.pending = 0
        """How many records wait here to be shipped."""
        self.pending_bytes = 0
        """The bytes of their bodies."""
        self.uncut_bytes = 0
        """Those of them that came after the last cut."""

    @property
    def folder(self) -> Path | None:
        """The journal's folder; None while it could not be claimed."""
        return self._claim.folder if self._claim else None

    async def append(self, records: Sequence[Record]) -> None:
        """Keep records; they survive a killed process when this returns. Twice is once.

        Raises ValueError for an id that does not sort by time, or a tenant that names no folder.
        """
        await self.written(self.put(records))

    def put(self, records: Sequence[Record]) -> "asyncio.Future[tuple[int, int]]":
        """Hand records over as `append` does, to be waited for by `written` or not at all."""
        self._require_room()
        rows = [(each.kind, each.tenant, each.id, each.body) for each in records]
        all_new = len(rows), sum(len(row[3]) for row in rows)
        insertion = Insertion(_RECORDS, rows, all_new, lambda file: _insert(file, records))
        return self._started(records, insertion)

    async def written(self, begun: "asyncio.Future[tuple[int, int]]") -> None:
        """Return once what was `put` survives a killed process."""
        with _translated():
            # Mostly it is there by now, and a timer would cost more than the look.
            async with nullcontext() if begun.done() else asyncio.timeout(_APPEND_S):
                await begun

    async def begin(self, record: Record) -> None:
        """Keep a record as `append` does, and that its end is to follow."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            connection.execute(
                "INSERT OR IGNORE INTO unfinished (id, kind, tenant, body) VALUES (?, ?, ?, ?)",
                (record.id, record.kind, record.tenant, record.body),
            )
            return _insert(connection, [record])

        self._require_room()
        await self.written(self._started([record], work))

    async def end(self, record: Record, begun: str) -> None:
        """Keep a record that ends what the one with the id `begun` told the beginning of.

        There is always room for it.
        """

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            connection.execute("DELETE FROM unfinished WHERE id = ?", (begun,))
            return _insert(connection, [record])

        await self.written(self._started([record], work))

    async def check(self) -> None:
        """Return if records can be written now."""
        self._require_room()
        touch = "UPDATE journal SET about = about"
        await self._run(lambda file: file.execute(touch), patience_s=_APPEND_S)

    async def find(self, kind: str, tenant: str, record_id: str) -> bytes | None:
        """Return the body of a record that has not been shipped."""
        query = "SELECT body FROM records WHERE kind = ? AND tenant = ? AND id = ?"
        rows = await self._rows(query, (kind, tenant, record_id))
        return rows[0][0] if rows else None

    async def newest(self, kind: str, tenant: str, before: str, most: int) -> list[Record]:
        """Return up to `most` records with ids below `before`, newest first."""
        query = (
            "SELECT id, body FROM records WHERE kind = ? AND tenant = ? AND id < ? "
            "ORDER BY id DESC LIMIT ?"
        )
        rows = await self._rows(query, (kind, tenant, before, most))
        return [Record(kind, tenant, each[0], each[1]) for each in rows]

    async def between(self, kind: str, tenant: str, first: str, end: str) -> list[Record]:
        """Return the records with ids from `first` up to, and without, `end`."""
        query = "SELECT id, body FROM records WHERE kind = ? AND tenant = ? AND id >= ? AND id < ?"
        rows = await self._rows(query, (kind, tenant, first, end))
        return [Record(kind, tenant, each[0], each[1]) for each in rows]

    async def count(self, kind: str) -> int:
        """Return how many records of a kind have not been shipped."""
        rows = await self._rows("SELECT count(*) FROM records WHERE kind = ?", (kind,))
        return int(rows[0][0])

    async def cut(self) -> bool:
        """Mark what is to be shipped next: a segment for each tenant, kind and day, up to 1 MB.

        Returns whether there is more to be marked.
        """

        def work(connection: sqlite3.Connection) -> bool:
            marked = _cut(connection, self._writer)
            # Whoever appended and did not wait for it was not counted.
            self._count(connection)
            return marked == _CUT_AT_ONCE

        self.uncut_bytes = 0
        return await self._run(work)

    async def cuts(self) -> list[tuple[int, str]]:
        """Return number and object name of each segment that is marked and not shipped."""
        return await self._rows("SELECT number, name FROM cuts ORDER BY number", ())

    async def lines(self, cut: int) -> bytes:
        """Return the content of a segment."""
        query = "SELECT body FROM records WHERE cut = ? ORDER BY id"
        return b"".join(body + b"\n" for (body,) in await self._rows(query, (cut,)))

    async def shipped(self, cut: int) -> None:
        """Forget the records of a segment that is safe elsewhere."""
        count, size = await self._run(lambda connection: _remove(connection, cut))
        self.pending -= count
        self.pending_bytes -= size

    async def close(self) -> None:
        """Close the file and let others have the journal."""
        await self._thread.close()
        if self._claim is not None:
            self._claim.lock.close()

    async def retire(self) -> None:
        """Close the journal of a dead writer; with nothing in it, it is removed."""
        await self._thread.close()
        if self._claim is None:
            return
        if not self.pending:
            with suppress(OSError):
                for name in (*(_FILE + ending for ending in _ENDINGS), LOCK):
                    (self._claim.folder / name).unlink(missing_ok=True)
                self._claim.folder.rmdir()
        self._claim.lock.close()

    def _started(
        self, records: Sequence[Record], work: Work[tuple[int, int]]
    ) -> "asyncio.Future[tuple[int, int]]":
        """Begin work that inserts records and returns how many were new, and their bytes."""
        for each in records:
            milliseconds_of(each.id)
            if not _TENANT.fullmatch(each.tenant):
                raise ValueError(f"{each.tenant!r} cannot name a tenant's folder")
        begun = self._thread.start(work)
        begun.add_done_callback(self._count_in)
        return begun

    def _count_in(self, begun: "asyncio.Future[tuple[int, int]]") -> None:
        if begun.cancelled() or begun.exception() is not None:
            return
        count, size = begun.result()
        self.pending += count
        self.pending_bytes += size
        self.uncut_bytes += size

    def _require_room(self) -> None:
        if self.pending_bytes > self._most_bytes:
            raise RecordsUnavailable(
                "Too many records are waiting for object storage to come back, so nothing more can "
                "be recorded. Questions are still answered; changes wait. See /health."
            )

    async def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        return await self._run(lambda connection: connection.execute(query, values).fetchall())

    async def _run(self, work: Work[T], patience_s: float = _PATIENCE_S) -> T:
        """Return what `work` returns; a disk that hangs may do it later."""
        with _translated():
            async with asyncio.timeout(patience_s):
                return await self._thread.run(work)

    def _connect(self) -> sqlite3.Connection:
        self._claim = self._claim or claim_any(self._root)
        path = self._claim.folder / _FILE
        try:
            connection = _opened(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            # Nothing can be read from it, and what comes next must be kept somewhere.
            aside = f"damaged-{int(time.time())}.sqlite3"
            for ending in _ENDINGS:
                with suppress(FileNotFoundError):
                    path.with_name(_FILE + ending).rename(path.with_name(aside + ending))
            _log.error(
                "Journal damaged and set aside", path=str(path), aside=aside, error=str(error)
            )
            connection = _opened(path)
        self._writer = json.loads(connection.execute("SELECT about FROM journal").fetchone()[0])[
            "writer"
        ]
        if not self._settled:
            # Whatever is unfinished now was begun by a writer that is no more.
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                _settle(connection, self._endings)
            self._settled = True
        self._count(connection)
        return connection

    def _count(self, connection: sqlite3.Connection) -> None:
        query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM records"
        self.pending, self.pending_bytes = connection.execute(query).fetchone()


def _opened(path: Path) -> sqlite3.Connection:
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


def _insert(connection: sqlite3.Connection, records: Sequence[Record]) -> tuple[int, int]:
    """Insert records; return how many were new, and their bytes."""
    count = size = 0
    for each in records:
        new = connection.execute(
            f"INSERT OR IGNORE INTO {_RECORDS} VALUES (?, ?, ?, ?)",  # noqa: S608  Words of ours.
            (each.kind, each.tenant, each.id, each.body),
        ).rowcount
        count += new
        size += new * len(each.body)
    return count, size


def _settle(connection: sqlite3.Connection, endings: Endings) -> None:
    """End what is unfinished, as far as it is known how."""
    query = "SELECT id, kind, tenant, body FROM unfinished"
    for record_id, kind, tenant, body in connection.execute(query).fetchall():
        if kind in endings:
            end = endings[kind](Record(kind, tenant, record_id, body))
            _insert(connection, [end] if end else [])
            connection.execute("DELETE FROM unfinished WHERE id = ?", (record_id,))


def _remove(connection: sqlite3.Connection, cut: int) -> tuple[int, int]:
    """Delete a cut with its records; return how many these were, and their bytes."""
    query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM records WHERE cut = ?"
    count, size = connection.execute(query, (cut,)).fetchone()
    connection.execute("DELETE FROM records WHERE cut = ?", (cut,))
    connection.execute("DELETE FROM cuts WHERE number = ?", (cut,))
    return count, size


def _cut(connection: sqlite3.Connection, writer: str) -> int:
    """Mark the next segments; return how many records these are."""
    rows = connection.execute(
        "SELECT place, kind, tenant, id, length(body) FROM records WHERE cut IS NULL "
        "ORDER BY kind, tenant, id LIMIT ?",
        (_CUT_AT_ONCE,),
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
    return datetime.fromtimestamp(milliseconds_of(record_id) / 1000, UTC).date().isoformat()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, TimeoutError) as exc:
        raise RecordsUnavailable(
            f"The journal of this machine cannot be written ({type(exc).__name__}), so what is "
            "done would leave no trace. Questions are still answered; changes wait. See that the "
            "disk under DATA_DIR is writable and has room.",
            retry_after_s=5,
        ) from exc
