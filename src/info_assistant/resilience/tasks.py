"""The owner of everything that runs in the background."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from info_assistant.observability.log import get_logger

_log = get_logger("tasks")


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait before a failed task starts again, in seconds."""

    first: float = 0.5
    longest: float = 30.0

    def delay(self, failures: int) -> float:
        """Return a time between half and the whole of a span that doubles with each failure."""
        span = min(self.longest, self.first * 2.0 ** min(failures - 1, 16))
        return span * random.uniform(0.5, 1.0)  # noqa: S311  # Spreads load, keeps no secret.


class BackgroundTasks(AbstractAsyncContextManager["BackgroundTasks"]):
    """Runs named coroutines from entry to exit, and starts again what fails.

    A task that returns is finished. One that raises is logged and started again after a pause
    that grows with each failure in a row. Leaving the context cancels all and waits until they
    ended.
    """

    def __init__(
        self,
        tasks: Mapping[str, Callable[[], Awaitable[None]]],
        *,
        back_off: BackOff | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        """Take the tasks by name. `on_failure` is told the name of each task that failed."""
        self._tasks = dict(tasks)
        self._back_off = back_off or BackOff()
        self._on_failure = on_failure
        self._group = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start every task."""
        await self._group.__aenter__()
        self._running = [
            self._group.create_task(self._keep_running(name, run), name=name)
            for name, run in self._tasks.items()
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel every task and wait until each has ended."""
        for task in self._running:
            task.cancel()
        await self._group.__aexit__(kind, error, trace)

    async def _keep_running(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await run()
            except Exception:  # noqa: BLE001  # The boundary of every background task: logged.
                # A task that had run well for long starts counting afresh.
                long_run = loop.time() - began > self._back_off.longest
                failures = 1 if long_run else failures + 1
                delay = self._back_off.delay(failures)
                _log.exception("Background task failed", task=name, restart_in_s=round(delay, 2))
                if self._on_failure is not None:
                    self._on_failure(name)
                await asyncio.sleep(delay)
            else:
                return


@asynccontextmanager
async def beside(companion: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run `companion` while the body runs; it has ended when this is left.

    An error of the body is raised as it is, and one of the companion stops the body.
    """
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(companion)
            try:
                yield
            except Exception as error:  # noqa: BLE001  # Kept out of the group's wrapping, raised below.
                failure = error
            finally:
                task.cancel()
    except* Exception as group_error:  # noqa: BLE001  # One task, so one error.
        failure = failure or group_error.exceptions[0]
    if failure is not None:
        raise failure


class BesideLater:
    """Runs a companion while the body of `async with` runs, once that has taken some seconds.

    It has ended when this is left; it must not fail. No generator: every question passes one.
    """

    __slots__ = ("_after_s", "_companion", "_running", "_timer")

    def __init__(
        self, companion: Callable[[], Coroutine[None, None, None]], after_s: float
    ) -> None:
        """Take the companion; nothing runs yet."""
        self._companion = companion
        self._after_s = after_s
        self._running: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle

    async def __aenter__(self) -> None:
        """Set the timer."""
        self._timer = asyncio.get_running_loop().call_later(self._after_s, self._begin)

    async def __aexit__(self, *_: object) -> None:
        """End the companion, if it was begun."""
        self._timer.cancel()
        running, self._running = self._running, None
        # A companion knows its owner, mostly, who knows this: together they would keep all that
        # their request has made until garbage is next looked for.
        del self._companion
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _begin(self) -> None:
        # Its owner is this object, which sees to its end.
        self._running = asyncio.create_task(self._companion())  # noqa: TID251
