"""One piece of work for all who ask for the same at the same time.

The work runs in a task of its own, so that it outlives whoever asked first; it ends when the last
of its readers has left. It goes no further than its fastest reader asks for: what nobody reads is
not made. Who wants nothing but the end has it made without a stop, and is woken once.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from typing import Generic, TypeVar

from info_assistant.resilience.deadline import REQUEST_SECONDS, Deadline

T = TypeVar("T")
Tell = Callable[[T], Awaitable[None]]
"""Hands on a piece of work; to be awaited, which returns once more of it is wanted."""

Produce = Callable[[Tell[T]], Awaitable[None]]
"""Does the work, told by whom to tell of each piece.

No generator: where one stands within another, each piece passes all of them.
"""

JOINABLE_SHARE = 0.5
"""How much of the time for it may be over of work that one more may still join."""


class _Flight(Generic[T]):
    """Work under way, and what it has told so far."""

    def __init__(self, produce: Produce[T], deadline: Deadline, what: str) -> None:
        self.deadline = deadline
        self._whole_s = deadline.remaining
        self.told: list[T] = []
        self.readers = 0
        self.ended = False
        self.error: Exception | None = None
        self._wanted = 0
        self._demand = asyncio.Event()
        self._news: asyncio.Event | None = None
        self._over = asyncio.Event()
        # Its readers own it: the last of them to leave ends it.
        self.task = asyncio.create_task(self._run(produce, what))  # noqa: TID251

    @property
    def joinable(self) -> bool:
        """Whether there is time enough left for one more reader."""
        return self.deadline.remaining >= self._whole_s * (1 - JOINABLE_SHARE)

    async def read(self) -> AsyncGenerator[T]:
        """Yield everything from the beginning. Raises what the work raises."""
        number = 0
        while True:
            while number < len(self.told):
                number += 1
                yield self.told[number - 1]
            if self.ended:
                break
            if self._wanted <= number:
                self._want(number + 1)
            if self._news is None:
                self._news = asyncio.Event()
            await self._news.wait()
        self._raise_error()

    async def last(self) -> T | None:
        """Return what is told last; None where that is nothing. Raises what the work raises."""
        if not self.ended:
            self._want(sys.maxsize)
            await self._over.wait()
        self._raise_error()
        return self.told[-1] if self.told else None

    async def _run(self, produce: Produce[T], what: str) -> None:
        try:
            async with self.deadline.enforced(what):
                await self._demand.wait()
                await produce(self._take)
        except Exception as error:  # noqa: BLE001  Raised where it is read.
            self.error = error
        finally:
            self.ended = True
            self._over.set()
            self._tell()

    async def _take(self, made: T) -> None:
        self.told.append(made)
        self._tell()
        while self._wanted <= len(self.told):
            self._demand.clear()
            await self._demand.wait()

    def _want(self, number: int) -> None:
        self._wanted = number
        self._demand.set()

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set()

    def _raise_error(self) -> None:
        if self.error is not None:
            # Each reader has its own traceback, which would grow from reader to reader.
            raise self.error.with_traceback(None)


class SingleFlight(Generic[T]):
    """Work by key. Belongs to one event loop."""

    def __init__(self, what: str, longest_s: float = REQUEST_SECONDS) -> None:
        """Call the work `what` in errors, and let each piece of it take `longest_s` seconds."""
        self._what = what
        self._longest_s = longest_s
        self._flights: dict[Hashable, _Flight[T]] = {}

    def __len__(self) -> int:
        """Return how many pieces of work are under way."""
        return len(self._flights)

    def leads(self, key: Hashable) -> bool:
        """Whether whoever asks now is the first, and begins the work."""
        flight = self._flights.get(key)
        if flight is None:
            return True
        return flight.ended or not flight.joinable

    async def join(self, key: Hashable, produce: Produce[T]) -> AsyncGenerator[T]:
        """Yield what the work under `key` tells, from its beginning; begin it if there is none.

        Raises what the work raises, DeadlineExceeded.
        """
        flight = self._joined(key, produce)
        try:
            async with aclosing(flight.read()) as made:
                async for each in made:
                    yield each
        finally:
            await self._left(key, flight)

    async def last(self, key: Hashable, produce: Produce[T]) -> T | None:
        """Return what the work under `key` tells last, or None. Begins and raises as `join`."""
        flight = self._joined(key, produce)
        try:
            return await flight.last()
        finally:
            await self._left(key, flight)

    def _joined(self, key: Hashable, produce: Produce[T]) -> _Flight[T]:
        if self.leads(key):
            # That of whoever asked first, where it is earlier: who writes wants to know how long.
            deadline = Deadline.after(self._longest_s)
            self._flights[key] = _Flight(produce, deadline, self._what)
        flight = self._flights[key]
        flight.readers += 1
        return flight

    async def _left(self, key: Hashable, flight: _Flight[T]) -> None:
        flight.readers -= 1
        if flight.readers:
            return
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.done():
            flight.task.cancel()
            await asyncio.wait({flight.task})
