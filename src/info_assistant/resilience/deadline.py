"""Absolute deadlines: a step inside another never gets more time than the outer one has left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from info_assistant.errors import DeadlineExceeded

QUESTION_SECONDS = 30.0
"""How long a question may take, from its admission to the last word of its answer."""

STORE_SECONDS = 2.0
"""How long one call to Qdrant or to object storage may take while somebody waits for it."""

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
    async def enforced(self, what: str) -> AsyncIterator[None]:
        """Stop the body when the time is up. Raises DeadlineExceeded, which names `what`."""
        token = _current.set(self)
        try:
            async with asyncio.timeout_at(self.at) as scope:
                yield
        except TimeoutError as exc:
            if not scope.expired():
                raise
            raise DeadlineExceeded(
                f"{what} took longer than the time allowed and was stopped. Please try again; "
                "if it happens repeatedly, tell the people who run this service."
            ) from exc
        finally:
            _current.reset(token)


def remaining(default: float) -> float:
    """Return how many seconds a step may wait: `default`, or less if a deadline is nearer."""
    outer = _current.get()
    return default if outer is None else min(default, max(outer.remaining, 0.0))
