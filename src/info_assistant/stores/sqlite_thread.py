"""A SQLite file with a thread of its own: what is asked for at the same time shares a commit."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_MOST_TOGETHER = 512
_FAULTS = (sqlite3.Error, OSError)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_ROWS_AT_ONCE = (256, 64, 16, 4, 1)
"""Numbers of rows for which there is a statement: each gives up the interpreter's lock once."""


@dataclass(frozen=True, slots=True)
class Insertion(Generic[T]):
    """Work that inserts rows, as a rule all of them new: several are done by one statement.

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


class _NotAllNew(Exception):
    """Some row was there already, so each piece of work must tell for itself."""


@dataclass(slots=True)
class _Job:
    """A piece of work and whoever waits for it."""

    work: Work[Any]
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]
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

    def start(self, work: Work[T]) -> "asyncio.Future[T]":
        """Have `work` done, whether or not it is waited for; the result comes once it is committed.

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
        gathered.append(_Job(work, loop, waiting))
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
            if len(batch) >= _MOST_TOGETHER:
                return batch, True
            try:
                jobs = self._jobs.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _carry_out(self, batch: Sequence[_Job]) -> None:
        try:
            self._transact(batch)
        except Exception:  # noqa: BLE001  Whose fault it was shows when each runs by itself.
            for job in batch:
                try:
                    self._transact([job])
                except Exception as error:  # noqa: BLE001  Raised where the job is awaited.
                    job.error = error

    def _transact(self, jobs: Sequence[_Job]) -> None:
        """Carry out all of `jobs` or none."""
        try:
            connection = self._connection = self._connection or self._connect()
            connection.execute("BEGIN IMMEDIATE")
            together = _insertions(jobs) if len(jobs) > 1 else []
            _insert_together(connection, together)
            for job in jobs[len(together) :]:
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

    def _disconnect(self) -> None:
        if self._connection is not None:
            # Closing rolls back what was not committed.
            self._connection.close()
            self._connection = None


def _insertions(jobs: Sequence[_Job]) -> list[tuple[_Job, Insertion[Any]]]:
    """Return the first jobs as far as they insert into the same table."""
    together: list[tuple[_Job, Insertion[Any]]] = []
    for job in jobs:
        work = job.work
        if not isinstance(work, Insertion) or (together and work.into != together[0][1].into):
            break
        together.append((job, work))
    return together


def _insert_together(
    connection: sqlite3.Connection, jobs: Sequence[tuple[_Job, Insertion[Any]]]
) -> None:
    """Insert the rows of all jobs by few statements. Raises _NotAllNew if some were there."""
    if not jobs:
        return
    into = jobs[0][1].into
    rows = [row for _, work in jobs for row in work.rows]
    before, at = connection.total_changes, 0
    while at < len(rows):
        count = next(each for each in _ROWS_AT_ONCE if each <= len(rows) - at)
        marks = "(" + ",".join("?" * len(rows[at])) + ")"
        connection.execute(
            f"INSERT OR IGNORE INTO {into} VALUES {','.join([marks] * count)}",  # noqa: S608
            [value for row in rows[at : at + count] for value in row],
        )
        at += count
    if connection.total_changes - before != len(rows):
        raise _NotAllNew
    for job, work in jobs:
        job.result = work.all_new


def _deliver(batch: Sequence[_Job]) -> None:
    """Wake those who wait, with one call for each event loop."""
    for loop in {job.loop for job in batch}:
        try:
            loop.call_soon_threadsafe(_settle, [job for job in batch if job.loop is loop])
        except RuntimeError:
            continue  # The loop is closed, and with it everybody who waited.


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.waiting.done():
            continue  # Nobody waits any more.
        if job.error is None:
            job.waiting.set_result(job.result)
        else:
            job.waiting.set_exception(job.error)
