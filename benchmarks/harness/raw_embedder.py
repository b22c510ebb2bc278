"""Companion: the embedder alone, on the very passages that the product makes of the documents."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from benchmarks.harness.corpus import File, corpus
from benchmarks.harness.processes import reply, requests

from info_assistant.errors import Unreadable
from info_assistant.ingestion.originals import MEDIA_TYPES
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.split import split
from info_assistant.ingestion.worker import Pace
from info_assistant.model.document import Content, Document, default_title, document_id
from info_assistant.model.identity import DEFAULT_TENANT, EVERYONE
from info_assistant.model.passage import Passage
from info_assistant.providers.minilm import MiniLmEmbedder

PACE = Pace()


def document_of(file: File) -> Document:
    """Return the catalogue entry that the product would make of a file."""
    now = datetime.now(UTC)
    media_type = MEDIA_TYPES[PurePosixPath(file.source).suffix.lower()]
    return Document(
        id=document_id(DEFAULT_TENANT, file.source),
        tenant=DEFAULT_TENANT,
        source=file.source,
        title=default_title(file.source),
        revision=1,
        content=Content(1, "", len(file.data), media_type),
        access=(EVERYONE,),
        created_at=now,
        updated_at=now,
    )


async def passages_of(files: Sequence[File], embedder: MiniLmEmbedder) -> list[Passage]:
    """Read and split documents as the product does; what has no text gives nothing."""
    passages: list[Passage] = []
    async with SubprocessReader() as reader:
        for file in files:
            document = document_of(file)
            name, media_type = PurePosixPath(file.source).name, document.content.media_type
            try:
                reading = await reader.read(file.data, filename=name, media_type=media_type)
            except Unreadable:
                continue
            passages += split(document, reading, embedder)
    return passages


async def embed(embedder: MiniLmEmbedder, passages: Sequence[Passage]) -> None:
    """Embed in calls of the size, and as many at a time, as the product's worker makes them."""
    calls = iter([passages[at : at + PACE.batch] for at in range(0, len(passages), PACE.batch)])

    async def caller(calls: Iterator[Sequence[Passage]]) -> None:
        for call in calls:
            await embedder.embed_passages(call)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(PACE.embeddings):
            tasks.create_task(caller(calls))


async def serve(*, quick: bool) -> None:
    """Answer each request with the time that one run over all passages took."""
    embedder = MiniLmEmbedder()
    passages = await passages_of(corpus(quick=quick).files, embedder)
    await embed(embedder, passages[: 4 * PACE.batch])
    for _ in requests():
        began, spent = time.perf_counter(), time.process_time()
        await embed(embedder, passages)
        seconds = time.perf_counter() - began
        reply(seconds=seconds, cpu_s=time.process_time() - spent, passages=len(passages))
    embedder.close()


if __name__ == "__main__":
    asyncio.run(serve(quick="--quick" in sys.argv))
