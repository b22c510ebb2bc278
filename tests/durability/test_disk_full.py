"""A full disk, for real: clear refusals, nothing half-committed, and on when there is room."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.durability.small_disk import small_disk

pytestmark = [pytest.mark.stack, pytest.mark.model]

TEXT = "# Records\n\nTo request records, write to the records office. It answers in thirty days.\n"


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Processes]:
    """Return a backend whose object storage has a folder, and so a disk, of its own."""
    processes = Processes(tmp_path, BLOB_URL=(tmp_path / "storage").as_uri())
    with closing(processes.client):
        yield processes


def sources(backend: Processes) -> dict[str, str]:
    """Return the state of each document by its source; nothing while that cannot be told."""
    reply = backend.client.get("/v1/documents?limit=1000")
    documents = reply.json()["documents"] if reply.is_success else []
    return {each["source"]: each["state"] for each in documents}


def stored(folder: Path) -> set[str]:
    """Return the names of all objects and of whatever else lies there."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".ballast")
    return {path.relative_to(folder).as_posix() for path in found}


def test_full_object_storage_refuses_and_goes_on(backend: Processes, tmp_path: Path) -> None:
    """With object storage's disk full an upload is 503, leaves nothing behind, and works later."""
    with (
        small_disk(tmp_path / "storage", 8) as disk,
        backend.running("local-qdrant"),
        backend.running("serve"),
    ):
        backend.await_ready()
        backend.becomes(lambda: backend.upload("a.md", TEXT).is_success, 40, "an upload")
        backend.becomes(lambda: sources(backend) == {"a.md": "ready"}, 40, "it is ready")
        disk.fill()
        before = {name for name in stored(disk.folder) if "/documents/" in name}
        for number in range(5):
            refused = backend.upload(f"full-{number}.md", TEXT + f"Page {number}.\n")
            problem = (refused.status_code, refused.json()["code"])
            assert problem == (503, "object_storage_unavailable")
        assert {name for name in stored(disk.folder) if "/documents/" in name} == before
        assert sources(backend) == {"a.md": "ready"}
        assert backend.ask().json()["status"] == "answered"
        disk.empty()
        backend.becomes(
            lambda: backend.upload("full-0.md", TEXT + "Page 0.\n").is_success, 40, "room again"
        )
        backend.becomes(
            lambda: sources(backend) == {"a.md": "ready", "full-0.md": "ready"}, 40, "both ready"
        )


def test_full_qdrant_keeps_what_was_accepted(backend: Processes, tmp_path: Path) -> None:
    """With Qdrant's disk full nothing accepted is lost, and it is ready once there is room."""
    with (
        small_disk(tmp_path / "qdrant", 600) as disk,
        backend.running("local-qdrant"),
        backend.running("serve"),
    ):
        backend.await_ready()
        backend.becomes(lambda: backend.upload("a.md", TEXT).is_success, 40, "an upload")
        backend.becomes(lambda: sources(backend) == {"a.md": "ready"}, 40, "it is ready")
        disk.fill()
        accepted = set()
        for number in range(40):
            reply = backend.upload(f"b-{number}.md", TEXT + f"Page {number}.\n" * 200)
            if reply.is_success:
                accepted.add(f"b-{number}.md")
            else:
                problem = (reply.status_code, reply.json()["code"])
                assert problem == (500, "vector_store_unavailable")
        assert backend.answers("/livez")
        assert "No space left" in backend.log("serve"), "the disk was never full"
        disk.empty()

        def all_ready() -> bool:
            found = sources(backend)
            return accepted <= found.keys() and set(found.values()) == {"ready"}

        backend.becomes(all_ready, 90, "everything accepted is ready")
        assert backend.ask().json()["status"] == "answered"
