"""Where samples of what is stored are written and read, at a moment that never passes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.clocks import HandClock

from info_assistant.ingestion.readings import ReadingWriter
from info_assistant.model.document import Document
from info_assistant.model.reading import Reading
from info_assistant.ports import Blobs
from info_assistant.stores.blobs import ObjectBlobs

WHEN = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
NOON = HandClock(WHEN)
"""A clock that nobody moves."""

RECORD_ID = "01a209d2-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Bench:
    """Where a kind's things are written and read."""

    folder: Path

    @property
    def blobs(self) -> ObjectBlobs:
        """Object storage."""
        return ObjectBlobs(str(self.folder))

    async def only(self) -> tuple[str, bytes]:
        """Return name and content of the one object that is stored."""
        (key,) = [key async for key in self.blobs.keys("")]
        return key, await self.blobs.get(key)


async def store_text(blobs: Blobs, document: Document, reading: Reading) -> None:
    """Store the whole text of a document as a worker does."""
    writer = ReadingWriter(blobs, document)
    await writer.add(reading.blocks)
    await writer.finish(reading.facts)


Write = Callable[[Bench], Awaitable[bytes]]
Read = Callable[[Bench, bytes], Awaitable[object]]
