"""A SQLite file with a thread of its own: what is asked for at the same time shares a commit."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

_MOST_TOGETHER = 512
_FAULTS = (sqlite3.Error, OSError)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


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

    async def run(self, work: Work[T]) -> T:
        """Return what `work` returns, once it is committed. Raises sqlite3.Error, OSError.

        `work` may run twice: what it changed the first time was rolled back then.
        """
        return await self.submit(work)

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Return what `run` waits for. Work is committed in the order in which it is submitted."""
        _, jobs = self._working = self._working or self._started()
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        jobs.put(_Job(work, loop, waiting))
        return waiting

    async def close(self) -> None:
        """Finish what was asked for, close the file and end the thread; work begins another."""
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


_Jobs = queue.SimpleQueue[_Job | None]


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
        job = self._jobs.get()
        while job is not None:
            batch.append(job)
            if len(batch) == _MOST_TOGETHER:
                return batch, True
            try:
                job = self._jobs.get_nowait()
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

    def _disconnect(self) -> None:
        if self._connection is not None:
            # Closing rolls back what was not committed.
            self._connection.close()
            self._connection = None


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
