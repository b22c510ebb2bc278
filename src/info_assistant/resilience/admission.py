"""Bounded work: so many at once, so many waiting, and a quick refusal for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from info_assistant.errors import Overloaded


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """How many requests run at once, how many wait for a place, and for how many seconds."""

    concurrent: int = 8
    waiting: int = 64
    patience_s: float = 7.5


class Admission:
    """Hands out places; first come, first served."""

    def __init__(self, limits: AdmissionLimits | None = None) -> None:
        """Open with every place free."""
        self._limits = limits or AdmissionLimits()
        self._places = asyncio.Semaphore(self._limits.concurrent)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many are waiting for a place now."""
        return self._waiting

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place while the body runs. Raises Overloaded at once, or when patience ends."""
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    async def _wait(self) -> None:
        if self._waiting >= self._limits.waiting:
            raise _overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.patience_s):
                await self._places.acquire()
        except TimeoutError as exc:
            raise _overloaded() from exc
        finally:
            self._waiting -= 1


def _overloaded() -> Overloaded:
    return Overloaded(
        "More questions are being asked right now than can be answered in time. "
        "Please try again in a few seconds.",
        retry_after_s=2,
    )
