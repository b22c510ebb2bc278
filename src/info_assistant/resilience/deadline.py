"""Absolute deadlines: a step inside another never gets more time than the outer one has left."""

import asyncio
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from info_assistant.errors import DeadlineExceeded

REQUEST_SECONDS = 30.0
"""How long a request may take, from its arrival to the last word of its answer."""

_current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the event loop's clock, in seconds, after which waiting is pointless."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline `seconds` from now, or the one in force if that is earlier."""
        at = asyncio.get_running_loop().time() + seconds
        outer = _current.get()
        return outer if outer is not None and outer.at <= at else cls(at)

    @property
    def remaining(self) -> float:
        """Seconds left; negative when the time is up."""
        return self.at - asyncio.get_running_loop().time()

    def enforced(self, what: str, *, grace_s: float = 0.0) -> "Enforced":
        """Stop the body when the time is up, or do not begin it if it is up by now.

        `grace_s` leaves whatever stops by itself that many seconds to say so. Raises
        DeadlineExceeded, which names `what`.
        """
        return Enforced(self, what, grace_s)


class Enforced:
    """`Deadline.enforced`, to be entered with `async with`.

    No generator: the event loop keeps track of each that is begun, and contextlib adds a layer.
    Each question passes several of these.
    """

    __slots__ = ("_deadline", "_timeout", "_token", "_what")

    def __init__(self, deadline: Deadline, what: str, grace_s: float) -> None:
        """Take what `Deadline.enforced` is given."""
        self._deadline = deadline
        self._what = what
        self._timeout = asyncio.timeout_at(deadline.at + grace_s)
        self._token: Token[Deadline | None]

    async def __aenter__(self) -> None:
        """Put the deadline in force. Raises DeadlineExceeded."""
        if self._deadline.remaining <= 0:
            raise _exceeded(self._what)
        await self._timeout.__aenter__()
        self._token = _current.set(self._deadline)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it. Raises DeadlineExceeded if the body was stopped."""
        _current.reset(self._token)
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as exc:
            raise _exceeded(self._what) from exc
        if isinstance(error, TimeoutError) and self._timeout.expired():
            raise _exceeded(self._what) from error


def _exceeded(what: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"{what} took longer than the time allowed and was stopped. Please try again; "
        "if it happens repeatedly, tell the people who run this service."
    )


class MovableTimeout:
    """Bounds many waits in a row with one timer that is moved, where each would need its own.

    `with timeout.until(due): await …` for one wait after the other, in the same task. It raises
    TimeoutError like `asyncio.timeout_at`. Between two waits nothing is cancelled.
    """

    def __init__(self) -> None:
        """Set no timer yet."""
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False

    def until(self, due: float) -> Self:
        """Return the bound for the next wait, `due` on the event loop's clock."""
        self._due = due
        if self._timer is None or due < self._timer.when():
            self._set(due)
        return self

    def __enter__(self) -> None:
        """Begin a wait."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("Only a task can be stopped at its time.")
        self._task, self._cancelling = task, task.cancelling()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End a wait. Raises TimeoutError if it was stopped because it was due."""
        task, self._task = self._task, None
        if self._expired and task is not None:
            self._expired = False
            # Somebody else may have wanted the task to end as well; that is not ours to hide.
            if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError

    def close(self) -> None:
        """Take the timer away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, at: float) -> None:
        self.close()
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._due > self._loop.time():
            # It was moved since this timer was set.
            self._set(self._due)
        else:
            self._expired = True
            self._task.cancel()
