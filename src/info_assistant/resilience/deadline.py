"""Absolute deadlines: a step inside another never gets more time than the outer one has left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

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

    @asynccontextmanager
    async def enforced(self, what: str, *, grace_s: float = 0.0) -> AsyncIterator[None]:
        """Stop the body when the time is up, or do not begin it if it is up by now.

        `grace_s` leaves whatever stops by itself that many seconds to say so. Raises
        DeadlineExceeded, which names `what`.
        """
        if self.remaining <= 0:
            raise _exceeded(what)
        token = _current.set(self)
        try:
            async with asyncio.timeout_at(self.at + grace_s) as scope:
                yield
        except TimeoutError as exc:
            if not scope.expired():
                raise
            raise _exceeded(what) from exc
        finally:
            _current.reset(token)


def _exceeded(what: str) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"{what} took longer than the time allowed and was stopped. Please try again; "
        "if it happens repeatedly, tell the people who run this service."
    )
