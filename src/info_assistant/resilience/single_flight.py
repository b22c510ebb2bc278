"""One piece of work for all who ask for the same at the same time.

The work runs in a task of its own, so that it outlives whoever asked first; it ends when the last
of its readers has left. It goes no further than its fastest reader asks for: what nobody reads is
not made.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

from info_assistant.resilience.deadline import REQUEST_SECONDS, Deadline

T = TypeVar("T")
Produce = Callable[[], AsyncGenerator[T]]

JOINABLE_SHARE = 0.5
"""How much of the time for it may be over of work that one more may still join."""


class _Flight(Generic[T]):
    """Work under way, and what it has yielded so far."""

    def __init__(self, produce: Produce[T], deadline: Deadline, what: str) -> None:
        self.deadline = deadline
        self.yielded: list[T] = []
        self.readers = 0
        self.ended = False
        self.error: Exception | None = None
        self._wanted = 0
        self._demand = asyncio.Event()
        self._news = asyncio.Event()
        # Its readers own it: the last of them to leave ends it.
        self.task = asyncio.create_task(self._run(produce, what))  # noqa: TID251

    async def read(self) -> AsyncGenerator[T]:
        """Yield everything from the beginning. Raises what the work raises."""
        number = 0
        while True:
            while number < len(self.yielded):
                number += 1
                yield self.yielded[number - 1]
            if self.ended:
                break
            if self._wanted <= number:
                self._wanted = number + 1
                self._demand.set()
            await self._news.wait()
        if self.error is not None:
            # Each reader has its own traceback, which would grow from reader to reader.
            raise self.error.with_traceback(None)

    async def _run(self, produce: Produce[T], what: str) -> None:
        try:
            async with self.deadline.enforced(what), aclosing(produce()) as made:
                await self._demand.wait()
                async for each in made:
                    self.yielded.append(each)
                    self._tell()
                    while self._wanted <= len(self.yielded):
                        self._demand.clear()
                        await self._demand.wait()
        except Exception as error:  # noqa: BLE001  Raised where it is read.
            self.error = error
        finally:
            self.ended = True
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class SingleFlight(Generic[T]):
    """Work by key. Belongs to one event loop."""

    def __init__(self, what: str, longest_s: float = REQUEST_SECONDS) -> None:
        """Call the work `what` in errors, and let each piece of it take `longest_s` seconds."""
        self._what = what
        self._longest_s = longest_s
        self._flights: dict[str, _Flight[T]] = {}

    def __len__(self) -> int:
        """Return how many pieces of work are under way."""
        return len(self._flights)

    def leads(self, key: str) -> bool:
        """Whether whoever asks now is the first, and begins the work."""
        flight = self._flights.get(key)
        if flight is None:
            return True
        left_s = flight.deadline.at - asyncio.get_running_loop().time()
        return flight.ended or left_s < self._longest_s * (1 - JOINABLE_SHARE)

    async def join(self, key: str, produce: Produce[T]) -> AsyncGenerator[T]:
        """Yield what the work under `key` yields, from its beginning; begin it if there is none.

        Raises what the work raises, DeadlineExceeded.
        """
        if self.leads(key):
            # Of its own: whoever asked first may be in more of a hurry than those who join.
            deadline = Deadline(asyncio.get_running_loop().time() + self._longest_s)
            self._flights[key] = _Flight(produce, deadline, self._what)
        flight = self._flights[key]
        flight.readers += 1
        try:
            async with aclosing(flight.read()) as made:
                async for each in made:
                    yield each
        finally:
            flight.readers -= 1
            if not flight.readers:
                await self._end(key, flight)

    async def _end(self, key: str, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.done():
            flight.task.cancel()
            await asyncio.wait({flight.task})
