"""What only one of the two kinds of object storage does."""

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.errors import InvalidRequest, Misconfigured, ObjectStorageUnavailable
from info_assistant.stores.blobs import ObjectBlobs, check_key


async def test_bytes_and_their_folders_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, and every folder that leads to it, is on disk before a write is acknowledged."""
    synced: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    root = tmp_path / "objects"
    assert await ObjectBlobs(str(root)).put_new("t/documents/x.json", b"bytes")
    assert synced[-1] == str(root / "t/documents")
    file = next(name for name in synced if "x.json#" in name)
    assert file.startswith(str(root / "t/documents/x.json#"))
    assert {str(tmp_path), str(root), str(root / "t")} <= set(synced)


async def test_a_failed_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails in the middle of a write leaves neither the name nor a stray file."""

    def failing(_: int) -> None:
        raise OSError(5, "made to fail")

    blobs = ObjectBlobs(str(tmp_path))
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ObjectStorageUnavailable):
        await blobs.put_new("x.json", b"bytes")
    assert os.listdir(tmp_path) == []  # noqa: PTH208  A blocking look is fine here.


async def test_a_full_disk_is_said_in_words_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses a write in words and leaves nothing of it; with room it is taken."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    blobs = ObjectBlobs(str(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ObjectStorageUnavailable, match="is full, so nothing was stored"):
            await blobs.put_new("x.json", b"bytes")
    assert os.listdir(tmp_path) == []  # noqa: PTH208  A blocking look is fine here.
    assert await blobs.put_new("x.json", b"bytes")


async def test_what_a_crash_left_is_not_listed(tmp_path: Path) -> None:
    """A temporary file of a killed process is no object, and its name can still be taken."""
    blobs = ObjectBlobs(str(tmp_path))
    (tmp_path / "x.json#123").write_bytes(b"hal")
    assert [key async for key in blobs.keys("")] == []
    assert await blobs.put_new("x.json", b"whole")


async def test_unreachable_s3_fails_fast() -> None:
    """An S3 server that refuses connections is a typed error within moments."""
    keys = {"access_key_id": "a", "secret_access_key": "b", "region": "x"}
    blobs = ObjectBlobs("s3://bucket/prefix", {"endpoint": "http://127.0.0.1:9", **keys})
    for refused in (blobs.ping(), blobs.get("a"), blobs.put_new("a", b"")):
        async with asyncio.timeout(60):
            with pytest.raises(ObjectStorageUnavailable):
                await refused


@pytest.mark.parametrize("url", ["ftp://host/a", "", "gs://bucket"])
def test_other_urls_name_the_setting(url: str) -> None:
    """A URL of another kind is refused at once, naming the variable to set."""
    with pytest.raises(Misconfigured, match="BLOB_URL"):
        ObjectBlobs(url)


@given(st.text(max_size=60))
def test_a_key_that_passes_stays_below_the_root(key: str) -> None:
    """Whatever passes the check names a visible file below the root, under that very name."""
    try:
        check_key(key)
    except InvalidRequest:
        return
    path = Path("/root-of-all", key)
    assert path.resolve().is_relative_to("/root-of-all")
    assert path.relative_to("/root-of-all").as_posix() == key
    assert not any(part.startswith(".") for part in path.parts)


async def test_a_hanging_folder_takes_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often somebody asks whether it works; afterwards it is looked at anew."""
    release, looks = threading.Event(), []

    def check(_files: object) -> None:
        looks.append(1)
        release.wait(60)

    monkeypatch.setattr("info_assistant.stores.blobs._DurableFiles.check", check)
    blobs = ObjectBlobs(str(tmp_path))
    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await blobs.ping()
    assert len(looks) == 1
    release.set()
    await blobs.ping()
    await blobs.ping()
    assert len(looks) >= 2
