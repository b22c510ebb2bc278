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
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from info_assistant.errors import RecordsUnavailable
from info_assistant.model.ids import milliseconds_of
from info_assistant.observability.log import get_logger
from info_assistant.stores.claims import LOCK, Claim, claim_any
from info_assistant.stores.journal_file import (
    RECORDS,
    Endings,
    Record,
    checkpoint,
    cut_segments,
    end_record,
    forget_some,
    insert_records,
    lines_of,
    opened_journal,
    settle_unfinished,
)
from info_assistant.stores.sqlite_thread import Insertion, SqliteThread, Work

MOST_PENDING_BYTES = 512 * 1024 * 1024
"""Records that may wait for object storage; with more, changes are refused."""

_FILE = "journal.sqlite3"
_ENDINGS = ("", "-wal", "-shm")
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_APPEND_S = 2.0
_PATIENCE_S = 30.0
_FAULTS = (sqlite3.Error, OSError, TimeoutError)
_log = get_logger("journal")
T = TypeVar("T")


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

    @property
    def writer(self) -> str:
        """The writer's name in its segments; "" before the journal is open."""
        return self._writer

    async def append(self, records: Sequence[Record]) -> None:
        """Keep records; they survive a killed process when this returns. Twice is once.

        Raises ValueError for an id that does not sort by time, or a tenant that names no folder.
        """
        await self.written(self.put(records))

    def put(self, records: Sequence[Record]) -> "asyncio.Future[tuple[int, int]]":
        """Hand records over as `append` does, to be waited for by `written` or not at all."""
        self._require_room()
        all_new = len(records), sum(len(each.body) for each in records)
        alone = partial(insert_records, records=records)
        return self._started(records, Insertion(RECORDS, records, all_new, alone))

    async def written(self, begun: "asyncio.Future[tuple[int, int]]") -> None:
        """Return once what was `put` survives a killed process."""
        # Every question waits here, and a bare timer is a tenth of the steps of `asyncio.timeout`.
        timer = begun.get_loop().call_later(_APPEND_S, _give_up, begun)
        try:
            await begun
        except _FAULTS as error:
            raise _unwritable(error) from error
        finally:
            timer.cancel()

    async def begin(self, record: Record) -> None:
        """Keep a record as `append` does, and that its end is to follow."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            connection.execute(
                "INSERT OR IGNORE INTO unfinished (id, kind, tenant, body) VALUES (?, ?, ?, ?)",
                (record.id, record.kind, record.tenant, record.body),
            )
            return insert_records(connection, [record])

        self._require_room()
        await self.written(self._started([record], work))

    async def end(self, record: Record, begun: str) -> None:
        """Keep a record that ends what the one with the id `begun` told the beginning of.

        There is always room for it.
        """
        await self.written(self._started([record], partial(end_record, record, begun)))

    def end_soon(self, record: Record, begun: str, kept: Callable[[], None]) -> None:
        """Ask for what `end` does, and do not wait; `kept` is called once it is done.

        What is asked for after this is kept no earlier. A fault is not told: ask again.
        """

        def note(done: asyncio.Future[tuple[int, int]]) -> None:
            if not done.cancelled() and done.exception() is None:
                kept()

        self._started([record], partial(end_record, record, begun)).add_done_callback(note)

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

    async def is_cut(self) -> bool:
        """Return whether there is anything that was cut and is not forgotten."""
        return bool(await self._rows("SELECT 1 FROM cuts LIMIT 1", ()))

    async def last_place(self) -> int:
        """Return the place of the record that came last; 0 if there is none."""
        rows = await self._rows("SELECT coalesce(max(place), 0) FROM records", ())
        return int(rows[0][0])

    async def cut(self, until: int = sys.maxsize) -> bool:
        """Cut the oldest records into segments, of one tenant, kind and day and about 1 MB each.

        Those up to the place `until`, and not too many at once. To be called once what was cut
        before is forgotten. Returns whether there was anything.
        """
        self.uncut_bytes = 0
        return await self._run(lambda connection: cut_segments(connection, self._writer, until))

    async def cuts(self) -> list[tuple[int, str]]:
        """Return number and object name of each segment that is cut and not shipped."""
        query = "SELECT number, name FROM cuts WHERE shipped IS NULL ORDER BY number"
        return await self._rows(query, ())

    async def lines(self, cut: int) -> bytes:
        """Return the content of a segment."""
        return await self._run(lambda connection: lines_of(connection, cut))

    async def shipped(self, cut: int) -> None:
        """Note that a segment is safe elsewhere."""
        note = "UPDATE cuts SET shipped = 1 WHERE number = ?"
        await self._run(lambda connection: connection.execute(note, (cut,)))

    async def forget(self) -> None:
        """Forget the records of all segments, once each is shipped; others get in between."""
        count = 1
        while count:
            count, size = await self._run(forget_some)
            self.pending -= count
            self.pending_bytes -= size
        await self._checkpoint()

    async def _checkpoint(self) -> None:
        if self._claim is None:
            return
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.to_thread(checkpoint, self._claim.folder / _FILE)
        except _FAULTS as error:
            # All is committed; the next commit with a long log does it.
            _log.warning("Journal not checkpointed", error=str(error) or type(error).__name__)

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
        # One that could not be opened may hold anything.
        if self._writer and not self.pending:
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
            _require_place(each)
        return self._thread.start(work, self._count_in)

    def _count_in(self, new: tuple[int, int]) -> None:
        count, size = new
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
        """Return what `work` returns; a disk that hangs may still do it later."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._thread.run(work)
        except _FAULTS as error:
            raise _unwritable(error) from error

    def _connect(self) -> sqlite3.Connection:
        self._claim = self._claim or claim_any(self._root)
        path = self._claim.folder / _FILE
        try:
            connection = opened_journal(path)
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
            connection = opened_journal(path)
        about = json.loads(connection.execute("SELECT about FROM journal").fetchone()[0])
        another = about["writer"] != self._writer
        self._writer = about["writer"]
        if not self._settled:
            # Whatever is unfinished now was begun by a writer that is no more.
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                settle_unfinished(connection, self._endings)
            self._settled = True
        if another:
            self.pending, self.pending_bytes = _waiting(connection)
        return connection


def _waiting(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return how many records are there, and the bytes of their bodies."""
    query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM records"
    count, size = connection.execute(query).fetchone()
    return count, size


def _require_place(record: Record) -> None:
    """Raise ValueError for a record that no segment could be named for."""
    milliseconds_of(record.id)
    if record.id != record.id.lower():
        raise ValueError(f"{record.id!r} sorts before ids of its time, which are in lower case")
    if not _TENANT.fullmatch(record.tenant):
        raise ValueError(f"{record.tenant!r} cannot name a tenant's folder")


def _give_up(begun: asyncio.Future[Any]) -> None:
    if not begun.done():
        begun.set_exception(TimeoutError())


def _unwritable(error: Exception) -> RecordsUnavailable:
    return RecordsUnavailable(
        f"The journal of this machine cannot be written ({type(error).__name__}), so what is "
        "done would leave no trace. Questions are still answered; changes wait. See that the "
        "disk under DATA_DIR is writable and has room.",
        retry_after_s=5,
    )
