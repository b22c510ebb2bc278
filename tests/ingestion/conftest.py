"""Real stores for ingestion: a local Qdrant process, a folder, and an embedder made for tests."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from tests.qdrant_process import PATIENT_S, QdrantProcess

from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.intake import Intake
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.ingestion.worker import IngestionWorker, Pace, Tools
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope
from info_assistant.model.passage import (
    Passage,
    PassageVectors,
    QuestionVectors,
    Span,
    SparseVector,
)
from info_assistant.model.reading import ReadingFacts
from info_assistant.ports import BlockSink
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.qdrant import QdrantStore

DEADLINE_S = 60.0
SCOPE = LOCAL_OPERATOR.scope

_T = TypeVar("_T")


class HashEmbedder:
    """An embedder whose vectors depend on the words alone, so that equal texts are found again."""

    identity = "hash@1"

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count words as word pieces."""
        return [len(text.split()) for text in texts]

    async def embed_question(self, text: str) -> QuestionVectors:
        """Embed a question."""
        dense, sparse = _vectors(text)
        return QuestionVectors(dense, sparse, dense[None])

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed passages; a text with the word `unembeddable` is a fault of ours."""
        found: list[PassageVectors] = []
        for passage in passages:
            if "unembeddable" in passage.text:
                raise RuntimeError("made to fail")
            dense, sparse = _vectors(passage.text)
            tokens = np.ones((len(passage.statements), 8), dtype=np.int8)
            spans = tuple(Span(at, at + 1) for at in range(len(passage.statements)))
            found.append(PassageVectors(dense, sparse, tokens, spans))
        return found


class ThreadReader:
    """The real readers, in a thread and without the limits of a process."""

    async def read_into(
        self,
        sink: BlockSink,
        data: bytes | Path,
        *,
        filename: str,
        media_type: str,
        on_progress: Callable[[int, int, str], None] | None = None,
    ) -> ReadingFacts:
        """Read a file."""
        del on_progress
        if isinstance(data, Path):
            data = await asyncio.to_thread(data.read_bytes)
        reading = await asyncio.to_thread(read_file, data, filename=filename, media_type=media_type)
        sink.begin()
        await sink.add(reading.blocks)
        return reading.facts


def _vectors(text: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], SparseVector]:
    terms: dict[int, float] = {}
    dense = np.zeros(384, dtype=np.float32)
    words = text.lower().split()
    for word in words:
        digest = int.from_bytes(hashlib.sha256(word.strip(".,?").encode()).digest()[:4], "big")
        terms[digest] = terms.get(digest, 0.0) + 1 / len(words)
        dense[digest % 384] += 1
    dense /= np.linalg.norm(dense) or 1
    indices = tuple(sorted(terms))
    return dense, SparseVector(indices, tuple(terms[index] for index in indices))


@dataclass
class Place:
    """Everything that takes documents in, on real stores, wired as the product wires it."""

    stores: Stores
    blobs: ObjectBlobs
    qdrant: QdrantStore
    process: QdrantProcess
    library: Library
    intake: Intake
    worker: IngestionWorker
    clock: SystemClock
    embedder: HashEmbedder

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the worker; a fault in it fails the test."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.worker.run())
            try:
                yield
            finally:
                running.cancel()

    async def until(
        self, document_id: str, state: DocumentState, version: int = 1
    ) -> DocumentStatus:
        """Return the document's status once it has come to `state` with that version."""

        async def look() -> DocumentStatus | None:
            shown = await self.library.status(SCOPE, document_id)
            there = shown.state is state and shown.document.content.version == version
            return shown if there else None

        return await self.eventually(look)

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> bytes:
        """Return a document's own bytes."""
        _, original = await self.library.original(scope, document_id, version)
        return await original.read()

    async def eventually(self, look: Callable[[], Awaitable[_T | None]]) -> _T:
        """Return what `look` finds as soon as it finds something."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = await look()
                if found is not None:
                    return found
                await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def shared_qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantProcess]:
    """One Qdrant for all tests that leave it running."""
    process = QdrantProcess(tmp_path_factory.mktemp("qdrant"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def own_qdrant(tmp_path: Path) -> Iterator[QdrantProcess]:
    """A Qdrant, not started yet, that the test starts and stops itself."""
    process = QdrantProcess(tmp_path / "qdrant")
    yield process
    process.stop()


def make_place(folder: Path, process: QdrantProcess) -> Place:
    """Wire the product's parts on a folder and a Qdrant."""
    blobs = ObjectBlobs(str(folder))
    qdrant = QdrantStore(process.url, None, HashEmbedder.identity, PATIENT_S)
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    clock = SystemClock()
    visibility = VisibilityOverlay(BlobChangeFeed(blobs, clock), clock)
    library = Library(stores, visibility, clock)
    embedder = HashEmbedder()
    tools = Tools(ThreadReader(), embedder, embedder)
    pace = Pace(poll_s=0.2, reconcile_s=0.3, first_retry_s=0.05, last_retry_s=0.2, look_s=0.1)
    worker = IngestionWorker(stores, library, tools, clock, pace)
    intake = Intake(stores, visibility, clock, on_accepted=worker.notify)
    return Place(stores, blobs, qdrant, process, library, intake, worker, clock, embedder)


@pytest.fixture
async def place(tmp_path: Path, shared_qdrant: QdrantProcess) -> AsyncIterator[Place]:
    """An empty place in the shared Qdrant; the worker is not running yet."""
    made = make_place(tmp_path / "objects", shared_qdrant)
    await made.qdrant.drop_projections()
    yield made
    await made.qdrant.close()


@pytest.fixture
async def own_place(tmp_path: Path, own_qdrant: QdrantProcess) -> AsyncIterator[Place]:
    """A place whose Qdrant is not started yet."""
    made = make_place(tmp_path / "objects", own_qdrant)
    yield made
    await made.qdrant.close()


@pytest.fixture
async def another_process(place: Place, tmp_path: Path) -> AsyncIterator[Place]:
    """The same stores as `place`, as another process of the product sees them."""
    made = make_place(tmp_path / "objects", place.process)
    yield made
    await made.qdrant.close()
