"""A document's passages, a portion at a time, so that a long one need not be whole in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from info_assistant.ingestion.batches import Work
from info_assistant.ingestion.split import Splitter, TokenCounter
from info_assistant.model.passage import Passage

_T = TypeVar("_T")


class Patiently(Protocol):
    """Does something again for as long as what it needs is away."""

    async def __call__(self, action: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `action` returns."""


async def portions_of(
    work: Work, counter: TokenCounter, patiently: Patiently
) -> AsyncIterator[Sequence[Passage]]:
    """Yield the passages of a document in their order, and note in `work` how many there are.

    Raises NotFound where a part of the text is lost.
    """
    reading = work.reading
    splitter = Splitter(work.document, reading.facts, counter)
    for part in reading.parts:
        blocks = await patiently(lambda: reading.blocks(part))  # noqa: B023  (awaited at once)
        found = await asyncio.to_thread(splitter.add, blocks)
        if part is reading.parts[-1]:
            found += await asyncio.to_thread(splitter.end)
        if found:
            work.title, work.access_revision = found[0].title, found[0].access_revision
            work.passages += len(found)
            work.expected = round(work.passages * reading.characters / max(1, part.end))
            yield found
