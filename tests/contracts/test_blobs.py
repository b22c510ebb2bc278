"""What every `ports.Blobs` must do; each adapter is one parameter of `open_blobs`."""

import asyncio
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from tests.s3_process import S3Process

from info_assistant.drills.ports import unused_port
from info_assistant.errors import InvalidRequest, NotFound, ObjectStorageUnavailable
from info_assistant.stores.blobs import ObjectBlobs

Open = Callable[[], ObjectBlobs]

ADAPTERS = ["path", "file-url", "s3"]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Process]:
    """Return a small S3."""
    process = S3Process(unused_port())
    with process.running():
        yield process


@pytest.fixture(params=ADAPTERS)
def open_blobs(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Process) -> Open:
    """Return a function that opens the same, at first empty, storage each time."""
    if request.param == "s3":
        keys = {"access_key_id": "x", "secret_access_key": "x", "region": "us-east-1"}
        prefix = uuid4().hex
        return lambda: ObjectBlobs(s3.url(prefix), {"endpoint": s3.endpoint, **keys})
    folder = tmp_path / "not made yet" / "objects"
    url = str(folder) if request.param == "path" else folder.as_uri()
    return lambda: ObjectBlobs(url)


async def test_bytes_come_back(open_blobs: Open) -> None:
    """What one process stores, another reads, empty objects included."""
    assert await open_blobs().put_new("a/b/c.json", b"\0\xff")
    assert await open_blobs().put_new("a/empty", b"")
    assert await open_blobs().get("a/b/c.json") == b"\0\xff"
    assert await open_blobs().get("a/empty") == b""


async def test_a_range_of_bytes_comes_back(open_blobs: Open) -> None:
    """A stretch is given by itself; of what is not there nothing is."""
    await open_blobs().put_new("a/long", bytes(range(200)))
    assert await open_blobs().get_range("a/long", 10, 13) == b"\n\x0b\x0c"
    assert await open_blobs().get_range("a/long", 0, 200) == bytes(range(200))
    with pytest.raises(NotFound):
        await open_blobs().get_range("a/other", 0, 1)


async def test_a_name_is_taken_once(open_blobs: Open) -> None:
    """Of many writers that create one name exactly one wins, and its bytes stay."""
    writers = [open_blobs() for _ in range(8)]
    outcomes = await asyncio.gather(
        *(each.put_new("a/1.json", str(n).encode()) for n, each in enumerate(writers))
    )
    assert outcomes.count(True) == 1
    assert await open_blobs().get("a/1.json") == str(outcomes.index(True)).encode()
    assert [key async for key in open_blobs().keys("")] == ["a/1.json"]


async def test_derived_bytes_are_replaced(open_blobs: Open) -> None:
    """`put` replaces what was there, also what `put_new` wrote."""
    blobs = open_blobs()
    await blobs.put_new("a", b"old and long")
    await blobs.put("a", b"new")
    assert await blobs.get("a") == b"new"
    assert not await blobs.put_new("a", b"other")


async def test_deleting_is_final_and_repeatable(open_blobs: Open) -> None:
    """A deleted name is gone, deleting it again is harmless, and it can be taken anew."""
    blobs = open_blobs()
    await blobs.put_new("a/b", b"1")
    await blobs.delete("a/b")
    await blobs.delete("a/b")
    with pytest.raises(NotFound):
        await blobs.get("a/b")
    assert await blobs.put_new("a/b", b"2")


async def test_listings_follow_folders(open_blobs: Open) -> None:
    """A prefix is a whole folder: a longer name that merely begins alike is not in it."""
    blobs = open_blobs()
    names = {"t/documents/a/1", "t/documents/b/1", "t/documents2/c", "u/documents/a/1"}
    for name in names:
        await blobs.put_new(name, b"")
    assert {key async for key in blobs.keys("")} == names
    assert {key async for key in blobs.keys("t/documents")} == {
        "t/documents/a/1",
        "t/documents/b/1",
    }
    assert [key async for key in blobs.keys("nothing/here")] == []
    assert sorted(await blobs.folders("")) == ["t", "u"]
    assert sorted(await blobs.folders("t")) == ["documents", "documents2"]
    assert await blobs.folders("nothing") == []


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a\0", "a b", "a#1"]
)
async def test_unsafe_names_are_refused(open_blobs: Open, key: str) -> None:
    """No name leads out of the storage or hides in it."""
    blobs = open_blobs()
    for refused in (
        blobs.get(key),
        blobs.put(key, b""),
        blobs.put_new(key, b""),
        blobs.delete(key),
    ):
        with pytest.raises(InvalidRequest):
            await refused


async def test_ping_answers(open_blobs: Open) -> None:
    """Storage that works answers, also before anything is stored."""
    await open_blobs().ping()


async def test_files_go_in_and_come_out_in_pieces(open_blobs: Open, tmp_path: Path) -> None:
    """A large open file is stored from its beginning, once, and given back as a file to read."""
    data = b"".join(b"%08d" % number for number in range(2_500_000))
    path = tmp_path / "large"
    path.write_bytes(data)
    with path.open("rb") as file:
        file.seek(100)
        assert await open_blobs().put_new("t/originals/large", file)
        assert not await open_blobs().put_new("t/originals/large", file)
    async with open_blobs().file("t/originals/large") as stored:
        assert stored.read_bytes() == data
    with pytest.raises(NotFound):
        async with open_blobs().file("t/originals/none"):
            pass


async def test_an_empty_file_is_an_object_too(open_blobs: Open) -> None:
    """A file without bytes is stored and comes back."""
    assert await open_blobs().put_new("a/empty", io.BytesIO())
    assert await open_blobs().get("a/empty") == b""


async def test_listings_tell_size_and_age(open_blobs: Open) -> None:
    """Each entry says how large it is and when it was written."""
    blobs = open_blobs()
    await blobs.put_new("a/b", b"12345")
    (entry,) = [each async for each in blobs.entries("a")]
    assert (entry.key, entry.size) == ("a/b", 5)
    assert abs((datetime.now(UTC) - entry.modified).total_seconds()) < 60


async def test_a_folder_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    """A storage that cannot work is a typed error for every request."""
    (tmp_path / "objects").write_bytes(b"in the way")
    blobs = ObjectBlobs(str(tmp_path / "objects"))
    for refused in (blobs.ping(), blobs.get("a"), blobs.put_new("a", b""), blobs.put("a", b"")):
        with pytest.raises(ObjectStorageUnavailable):
            await refused
    with pytest.raises(ObjectStorageUnavailable):
        assert [key async for key in blobs.keys("")]
