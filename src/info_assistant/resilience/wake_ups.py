"""Hints from replica to replica that there is news; whoever misses one looks by itself soon."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum


class Topic(StrEnum):
    """What there may be news of."""

    OBJECTS = "objects"
    CHANGES = "changes"
    DOCUMENTS = "documents"


class WakeUps:
    """Wakes who waits for news. Without a carrier nobody else hears, and everybody polls."""

    def __init__(self) -> None:
        """Know of no news yet."""
        self._news = {topic: asyncio.Event() for topic in Topic}
        self._carriers: list[Callable[[Topic], None]] = []

    def carry_by(self, carrier: Callable[[Topic], None]) -> None:
        """Let `carrier` bring hints to the other replicas; it must not wait and raise nothing."""
        self._carriers.append(carrier)

    def tell(self, topic: Topic) -> None:
        """Say to the others that there is news."""
        for carrier in self._carriers:
            carrier(topic)

    def wake(self, topic: Topic) -> None:
        """Wake who waits here, because somebody has told of news."""
        self._news[topic].set()

    async def pause(self, topic: Topic, seconds: float) -> bool:
        """Wait until it is time to look again: `seconds`, or less where there is news.

        Return whether there is.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news[topic].wait()
        told = self._news[topic].is_set()
        self._news[topic].clear()
        return told
