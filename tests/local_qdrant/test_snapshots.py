"""Snapshots by address: only this server's own, and all or nothing."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from qdrant_client import models
from tests.local_qdrant.conftest import Process


def _recover(server: Process, name: str, location: str) -> int:
    url = f"{server.url}/collections/{name}/snapshots/recover"
    return httpx.put(url, json={"location": location}, timeout=30).status_code


def test_a_snapshot_becomes_another_collection(
    server: Process, make_passages: Callable[..., None]
) -> None:
    """Recovering under a new name makes a collection of its own beside the first."""
    client = server.client()
    make_passages(client)
    client.upsert("passages", [models.PointStruct(id=1, vector={"dense": [1.0, 2.0, 3.0, 4.0]})])
    made = client.create_snapshot("passages")
    assert made is not None
    path = server.directory / "snapshots" / "passages" / made.name
    assert _recover(server, "copy", path.as_uri()) == 200
    client.delete("copy", points_selector=[1])
    assert (client.count("passages").count, client.count("copy").count) == (1, 0)


def test_a_snapshot_that_is_none_changes_nothing(
    server: Process, make_passages: Callable[..., None], tmp_path: Path
) -> None:
    """Foreign files, broken archives and other addresses leave the collection as it was."""
    client = server.client()
    make_passages(client)
    client.upsert("passages", [models.PointStruct(id=1, vector={"dense": [1.0, 2.0, 3.0, 4.0]})])
    outside = tmp_path / "outside.snapshot"
    outside.write_bytes(b"x")
    folder = server.directory / "snapshots" / "passages"
    folder.mkdir()
    (folder / "broken.snapshot").write_bytes(b"\x1f\x8b not a tar archive")
    assert _recover(server, "passages", outside.as_uri()) == 400
    assert _recover(server, "passages", (folder / ".." / ".." / "LOCK").as_uri()) == 400
    assert _recover(server, "passages", (folder / "broken.snapshot").as_uri()) == 400
    assert _recover(server, "passages", (folder / "none.snapshot").as_uri()) == 404
    assert _recover(server, "passages", "https://elsewhere.example/x.snapshot") == 501
    assert client.count("passages").count == 1
    assert len(list((server.directory / "collections").iterdir())) == 1


def _link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = kind, target
    return link


HOSTILE = {
    "above": tarfile.TarInfo("../../escaped"),
    "absolute": tarfile.TarInfo("/escaped-from-a-snapshot"),
    "symbolic-link": _link("config.json", "/etc/passwd", tarfile.SYMTYPE),
    "hard-link": _link("config.json", "../../LOCK", tarfile.LNKTYPE),
    "pipe": _link("config.json", "", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("member", HOSTILE.values(), ids=HOSTILE)
def test_an_archive_writes_nothing_elsewhere(
    server: Process, make_passages: Callable[..., None], member: tarfile.TarInfo
) -> None:
    """Members that lead out of the collection's folder, or are no files, are refused."""
    make_passages(server.client())
    folder = server.directory / "snapshots" / "passages"
    folder.mkdir()
    with tarfile.open(folder / "hostile.snapshot", "w:gz") as archive:
        archive.addfile(member, io.BytesIO())
    assert _recover(server, "copy", (folder / "hostile.snapshot").as_uri()) == 400
    assert not list(server.directory.rglob("escaped*"))
    assert not Path("/escaped-from-a-snapshot").exists()
    assert len(list((server.directory / "collections").iterdir())) == 1
