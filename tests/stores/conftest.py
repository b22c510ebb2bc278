"""A real local Qdrant process for the stores, and made-up passages with vectors."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np
import pytest

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

SERVE = """
import sys
from pathlib import Path
from info_assistant.local_qdrant.server import serve
serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), "a-key")
"""
DEADLINE_S = 20.0
IDENTITY = "test-model@1"


def unused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class QdrantProcess:
    """A local Qdrant that a test may stop, start and wipe."""

    directory: Path
    port: int = field(default_factory=unused_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.directory), str(self.port)],
            stderr=subprocess.DEVNULL,
        )
        pause, left = Event(), int(DEADLINE_S / 0.05)
        while not self._answers():
            left -= 1
            assert left, "local-qdrant did not answer in time"
            assert self.process.poll() is None, "local-qdrant ended at once"
            pause.wait(0.05)

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            self.process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            return False


@pytest.fixture(scope="session")
def shared_qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantProcess]:
    """One Qdrant for all tests that leave it running."""
    process = QdrantProcess(tmp_path_factory.mktemp("qdrant"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def own_qdrant(tmp_path: Path) -> Iterator[QdrantProcess]:
    """A Qdrant that the test starts, stops and wipes itself."""
    process = QdrantProcess(tmp_path / "qdrant")
    yield process
    process.stop()


@pytest.fixture
async def store(shared_qdrant: QdrantProcess) -> AsyncIterator[QdrantStore]:
    """An empty store in the shared Qdrant."""
    qdrant = QdrantStore(shared_qdrant.url, "a-key", IDENTITY)
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
