"""A SQLite file with a thread of its own: like work that is asked for at once shares a commit."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_MOST_TOGETHER = 512
_FAULTS = (sqlite3.Error, OSError)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_MOST_ROWS = 128
"""Rows that one statement inserts at most."""


@dataclass(frozen=True, slots=True)
class Insertion(Generic[T]):
    """Work that inserts rows, as a rule all of them new: several are done by one statement.

    That is a transaction of its own. Each further statement would give up the interpreter's lock
    and wait until the event loop gives it back, which may take milliseconds each time.
    `into` names table and columns, in words of ours. `alone` does the same by itself, and returns
    the result, which is `all_new` where no row was there before.
    """

    into: str
    rows: Sequence[tuple[Any, ...]]
    all_new: T
    alone: Work[T]

    def __call__(self, connection: sqlite3.Connection) -> T:
        """Insert the rows by themselves."""
        return self.alone(connection)


@dataclass(slots=True)
class _Job:
    """A piece of work and whoever waits for it."""

    work: Any  # A Work or an Insertion, which is one.
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]
    then: Callable[[Any], None] | None = None
    result: Any = None
    error: Exception | None = None


class SqliteThread:
    """Runs work on one connection, which is opened by the first and opened anew after a fault."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], name: str) -> None:
        """Take the way to open the file; it runs in the thread. Nothing is opened yet."""
        self._connect = connect
        self._name = name
        self._working: tuple[threading.Thread, _Jobs] | None = None
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Job]] = {}

    def start(self, work: Work[T], then: Callable[[T], None] | None = None) -> "asyncio.Future[T]":
        """Have `work` done, whether or not it is waited for; the result comes once it is committed.

        `then` is called with it in the event loop, also where nobody waits any more.
        Awaiting it raises sqlite3.Error, OSError. `work` may run twice: what it changed the first
        time was rolled back then.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        gathered = self._gathered.get(loop)
        if gathered is None:
            # Waking the thread costs more than all else, so it is told of much at once.
            gathered = self._gathered[loop] = []
            loop.call_soon(self._hand_over, loop)
        gathered.append(_Job(work, loop, waiting, then))
        return waiting

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        gathered = self._gathered.pop(loop, None)
        if gathered:
            _, jobs = self._working = self._working or self._started()
            jobs.put(gathered)

    async def run(self, work: Work[T]) -> T:
        """Return what `work` returns, once it is committed. Raises as `start`."""
        return await self.start(work)

    async def close(self) -> None:
        """Finish what was asked for, close the file and end the thread; work begins another."""
        self._hand_over(asyncio.get_running_loop())
        working, self._working = self._working, None
        if working is not None:
            thread, jobs = working
            jobs.put(None)
            await asyncio.to_thread(thread.join)

    def _started(self) -> tuple[threading.Thread, "_Jobs"]:
        jobs: _Jobs = queue.SimpleQueue()
        worker = _Worker(self._connect, jobs)
        thread = threading.Thread(target=worker.serve, name=self._name, daemon=True)
        thread.start()
        return thread, jobs


_Jobs = queue.SimpleQueue[list[_Job] | None]


class _Worker:
    """What runs in the thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], jobs: _Jobs) -> None:
        self._connect = connect
        self._jobs = jobs
        self._connection: sqlite3.Connection | None = None

    def serve(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._batch()
            if batch:
                self._carry_out(batch)
                _deliver(batch)
        self._disconnect()

    def _batch(self) -> tuple[list[_Job], bool]:
        """Wait for work; return all there is by then, and whether to go on after it."""
        batch: list[_Job] = []
        jobs = self._jobs.get()
        while jobs is not None:
            batch += jobs
            # Nobody else takes from it, so what is there stays.
            if len(batch) >= _MOST_TOGETHER or self._jobs.empty():
                return batch, True
            jobs = self._jobs.get()
        return batch, False

    def _carry_out(self, batch: Sequence[_Job]) -> None:
        for table, group in _groups(batch):
            try:
                if table:
                    self._insert(table, group)
                else:
                    self._transact(group)
            except Exception:  # noqa: BLE001  Whose fault it was shows when each runs by itself.
                for job in group:
                    self._carry_out_alone(job)

    def _carry_out_alone(self, job: _Job) -> None:
        try:
            self._transact([job])
        except Exception as error:  # noqa: BLE001  Raised where the job is awaited.
            job.error = error

    def _transact(self, jobs: Sequence[_Job]) -> None:
        """Carry out all of `jobs` or none."""
        try:
            connection = self._connection = self._connection or self._connect()
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.result = job.work(connection)
            connection.execute("COMMIT")
        except _FAULTS:
            # The file may be another by now, or on a disk that has come back.
            self._disconnect()
            raise
        except Exception:
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
            raise

    def _insert(self, table: str, jobs: Sequence[_Job]) -> None:
        """Insert the rows of all of these or none. Raises IntegrityError if some were there."""
        rows = [row for job in jobs for row in job.work.rows]
        marks = "(" + ",".join("?" * len(rows[0])) + ")"
        try:
            connection = self._connection = self._connection or self._connect()
            connection.execute(
                f"INSERT INTO {table} VALUES {','.join([marks] * len(rows))}",  # noqa: S608
                [value for row in rows for value in row],
            )
        except sqlite3.IntegrityError:
            raise
        except _FAULTS:
            self._disconnect()
            raise
        for job in jobs:
            job.result = job.work.all_new

    def _disconnect(self) -> None:
        if self._connection is not None:
            # Closing rolls back what was not committed.
            self._connection.close()
            self._connection = None


def _table_of(job: _Job) -> str:
    """Return into which table and columns a job inserts, "" if it is other work."""
    work = job.work
    simple = isinstance(work, Insertion) and 0 < len(work.rows) <= _MOST_ROWS
    return work.into if simple else ""


def _groups(batch: Sequence[_Job]) -> Iterator[tuple[str, Sequence[_Job]]]:
    """Yield jobs in order, those that one statement does with its table, others with ""."""
    group: list[_Job] = []
    table, count = "", 0
    for job in batch:
        own = _table_of(job)
        rows = len(job.work.rows) if own else 0
        if group and (own != table or count + rows > _MOST_ROWS):
            yield table, group
            group, count = [], 0
        table, count = own, count + rows
        group.append(job)
    yield table, group


def _deliver(batch: Sequence[_Job]) -> None:
    """Wake those who wait, with one call for each event loop."""
    for loop in {job.loop for job in batch}:
        try:
            loop.call_soon_threadsafe(_settle, [job for job in batch if job.loop is loop])
        except RuntimeError:
            continue  # The loop is closed, and with it everybody who waited.


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.then is not None and job.error is None:
            job.then(job.result)
        if job.waiting.done():
            continue  # Nobody waits any more.
        if job.error is None:
            job.waiting.set_result(job.result)
        else:
            job.waiting.set_exception(job.error)
