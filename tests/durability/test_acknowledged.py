"""Nothing is acknowledged before it is durable: bytes, catalogue entry, and their folders."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.qdrant_process import QdrantProcess

from info_assistant.api.app import create_app
from info_assistant.settings import Settings
from info_assistant.wiring.application import build

pytestmark = pytest.mark.model
DEADLINE_S = 60.0
FILE = {"file": ("a.md", b"# Records\n\nWrite to the records office.\n")}
ORIGINAL, ENTRY = "/originals/", "/documents/"


@dataclass
class Syncing:
    """Records what is fsynced, in order; whatever `holds` says is held until it is let go."""

    synced: list[str] = field(default_factory=list)
    holds: Callable[[str], bool] = lambda _path: False
    held: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    @staticmethod
    def kind_of(path: str) -> tuple[str, bool]:
        """Return whose path it is, and whether it is a folder."""
        return (ORIGINAL if ORIGINAL in path else ENTRY), Path(path).is_dir()

    def __call__(self, descriptor: int) -> None:
        """Sync, after waiting if that is wanted."""
        path = Path(f"/proc/self/fd/{descriptor}").resolve().as_posix()
        if self.holds(path):
            self.held.set()
            assert self.let_go.wait(DEADLINE_S)
        os.fdatasync(descriptor)
        self.synced.append(path)


@pytest.fixture
def qdrant(tmp_path: Path) -> Iterator[QdrantProcess]:
    """Return a running local Qdrant."""
    process = QdrantProcess(tmp_path / "qdrant")
    process.start()
    try:
        yield process
    finally:
        process.stop()


@asynccontextmanager
async def backend(folder: Path, qdrant: QdrantProcess) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the whole backend in this process; its worker does not run."""
    environment = {"DATA_DIR": str(folder / "data"), "QDRANT_URL": qdrant.url}
    application = build(Settings.from_environment(environment))
    services = application.services
    await asyncio.gather(*(start() for start in services.starters))
    services.lifecycle.started = True
    transport = httpx.ASGITransport(create_app(services))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client
    finally:
        await application.close()


async def test_bytes_then_catalogue_entry_are_synced_with_their_folders(
    tmp_path: Path, qdrant: QdrantProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 202: the original, its folder, then the catalogue entry and its folder."""
    async with backend(tmp_path, qdrant) as client:
        syncing = Syncing()
        monkeypatch.setattr(os, "fsync", syncing)
        reply = await client.post("/v1/documents", files=FILE)
        assert reply.status_code == 202, reply.text
    kinds = [syncing.kind_of(path) for path in syncing.synced if ORIGINAL in path or ENTRY in path]
    wanted = [(ORIGINAL, False), (ORIGINAL, True), (ENTRY, False), (ENTRY, True)]
    # The last of each: new folders bring their parents with them.
    places = [len(kinds) - kinds[::-1].index(each) for each in wanted]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", [ORIGINAL, ENTRY])
@pytest.mark.parametrize("folder", [False, True])
async def test_reply_waits_for_the_disk(
    tmp_path: Path,
    qdrant: QdrantProcess,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    *,
    folder: bool,
) -> None:
    """While a file or its folder is not on the disk yet, the upload is not acknowledged."""
    async with backend(tmp_path, qdrant) as client:
        syncing = Syncing(holds=lambda path: kind in path and Path(path).is_dir() == folder)
        monkeypatch.setattr(os, "fsync", syncing)
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            upload = group.create_task(client.post("/v1/documents", files=FILE))
            assert await asyncio.to_thread(syncing.held.wait, DEADLINE_S)
            # All else gets its turn; what is held cannot have been acknowledged.
            await asyncio.to_thread(threading.Event().wait, 0.2)
            assert not upload.done()
            syncing.let_go.set()
        assert upload.result().status_code == 202
