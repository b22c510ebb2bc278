"""A document's text and passages, a portion at a time: a long one need not be whole in memory."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from info_assistant.errors import ReaderBroken
from info_assistant.ingestion.batches import Work
from info_assistant.ingestion.originals import file_name, original_key
from info_assistant.ingestion.readings import ReadingWriter, StoredReading, open_reading
from info_assistant.ingestion.split import Splitter, TokenCounter
from info_assistant.model.document import Document
from info_assistant.model.passage import Passage
from info_assistant.model.reading import Block
from info_assistant.observability.steps import Step, step
from info_assistant.ports import Blobs, Reader

_T = TypeVar("_T")

STALL_S = 300.0
"""How long a portion may take to be split before it counts as no progress, in seconds."""

_NO_PROGRESS = (
    "Cutting this document into passages took longer than {minutes:.0f} minutes and was stopped. "
    "Split it into parts."
)


class Patiently(Protocol):
    """Does something again for as long as what it needs is away."""

    async def __call__(self, action: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `action` returns."""


async def text_of(
    document: Document,
    blobs: Blobs,
    reader: Reader,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> StoredReading:
    """Return a document's text, read from its original where it is not stored yet.

    `on_progress` is told how far the reading is, as `ports.Reader` says. Raises ReaderBroken,
    Unreadable, NotFound (the original is missing), and what is not available.
    """
    stored = await open_reading(blobs, document)
    if stored is not None:
        return stored
    writer = ReadingWriter(blobs, document)
    name, media_type = file_name(document), document.content.media_type
    async with blobs.file(original_key(document)) as path:
        with step(Step.READING, document_id=document.id):
            facts = await reader.read_into(
                writer, path, filename=name, media_type=media_type, on_progress=on_progress
            )
    return await writer.finish(facts)


async def portions_of(
    work: Work, counter: TokenCounter, patiently: Patiently, stall_s: float = STALL_S
) -> AsyncGenerator[Sequence[Passage]]:
    """Yield the passages of a document in their order, and note in `work` how many there are.

    Raises NotFound where a part of the text is lost, ReaderBroken where splitting one takes more
    than `stall_s` seconds.
    """
    reading = work.reading
    splitter = Splitter(work.document, reading.facts, counter)
    for part in reading.parts:
        blocks = await patiently(lambda: reading.blocks(part))  # noqa: B023  (awaited at once)
        last = part is reading.parts[-1]
        try:
            async with asyncio.timeout(stall_s):
                found = await asyncio.to_thread(_passages, splitter, blocks, last=last)
        except TimeoutError:
            raise ReaderBroken("limits", _NO_PROGRESS.format(minutes=stall_s / 60)) from None
        if found:
            work.title, work.access_revision = found[0].title, found[0].access_revision
            work.passages += len(found)
            work.expected = round(work.passages * reading.characters / max(1, part.end))
            yield found


def _passages(splitter: Splitter, blocks: Sequence[Block], *, last: bool) -> Sequence[Passage]:
    found = list(splitter.add(blocks))
    return found + list(splitter.end()) if last else found
