"""Object storage and a real local Qdrant for the stores, and made-up passages with vectors."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.qdrant_process import PATIENT_S, QdrantProcess
from tests.stores.failing_blobs import FailingBlobs

from info_assistant.model.document import document_id
from info_assistant.model.identity import DEFAULT_TENANT, EVERYONE
from info_assistant.model.passage import (
    IndexedPassage,
    Passage,
    PassageVectors,
    Span,
    SparseVector,
    passage_id,
)
from info_assistant.stores.qdrant import QdrantStore

IDENTITY = "test-model@1"


@pytest.fixture
def blobs(tmp_path: Path) -> FailingBlobs:
    """Object storage that fails on command."""
    return FailingBlobs(str(tmp_path / "objects"))


@pytest.fixture(scope="session")
def shared_qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantProcess]:
    """One Qdrant for all tests that leave it running."""
    process = QdrantProcess(tmp_path_factory.mktemp("qdrant"), key="a-key")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def own_qdrant(tmp_path: Path) -> Iterator[QdrantProcess]:
    """A Qdrant that the test starts, stops and wipes itself."""
    process = QdrantProcess(tmp_path / "qdrant", key="a-key")
    yield process
    process.stop()


@pytest.fixture
async def store(shared_qdrant: QdrantProcess) -> AsyncIterator[QdrantStore]:
    """An empty store in the shared Qdrant."""
    qdrant = QdrantStore(shared_qdrant.url, "a-key", IDENTITY, PATIENT_S)
    await qdrant.drop_projections()
    yield qdrant
    await qdrant.close()


@pytest.fixture
def make_passage() -> Callable[..., IndexedPassage]:
    """Return a maker of passages whose vector points along one axis."""
    return indexed_passage


def indexed_passage(
    axis: int = 0,
    terms: tuple[int, ...] = (1,),
    *,
    source: str = "a.md",
    tenant: str = DEFAULT_TENANT,
    version: int = 1,
    ordinal: int = 0,
    access: tuple[str, ...] = (EVERYONE,),
) -> IndexedPassage:
    """Return a passage whose vector points along `axis` and that contains `terms`."""
    document = document_id(tenant, source)
    passage = Passage(
        id=passage_id(document, version, ordinal),
        tenant=tenant,
        document_id=document,
        version=version,
        ordinal=ordinal,
        title="A title",
        source=source,
        access=access,
        heading_path=("Part", "Chapter"),
        table_header="a | b",
        page=3,
        text="First. Second é.",
        start=10,
        end=26,
        statements=(Span(0, 6), Span(7, 16)),
    )
    dense = np.zeros(384, dtype=np.float32)
    dense[axis] = 1
    tokens = np.arange(-60, 60, dtype=np.int8).reshape(10, 12)
    sparse = SparseVector(terms, tuple(1.5 for _ in terms))
    return IndexedPassage(passage, PassageVectors(dense, sparse, tokens, (Span(0, 4), Span(4, 10))))
