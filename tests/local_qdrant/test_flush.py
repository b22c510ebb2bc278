"""Nothing is acknowledged before it is on disk, and a fault of the engine stays in its place."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Self

import httpx
import pytest
import qdrant_edge as edge

from info_assistant.local_qdrant.app import create_app
from info_assistant.local_qdrant.directory import Directory
from info_assistant.local_qdrant.engine import Shard, translated
from info_assistant.local_qdrant.faults import EngineFailed

SLOW_S = 0.3
POINT = {"id": 1, "vector": {"dense": [1, 2, 3, 4]}, "payload": {"a": 1}}


class SlowDisk(Shard):
    """The real engine on a disk that takes its time."""

    slow: ClassVar[bool] = False

    def flush(self) -> None:
        """Flush, late."""
        if SlowDisk.slow:
            threading.Event().wait(SLOW_S)
        super().flush()


class FullDisk(Shard):
    """The real engine on a disk that fills up."""

    full: ClassVar[bool] = False

    def flush(self) -> None:
        """Fail while the disk is full."""
        if FullDisk.full:
            raise EngineFailed("No space left on device")
        super().flush()


class Renaming(Shard):
    """The real engine in the moment between two names of the next part of its log.

    Its thread makes `tmp-open-2` and renames it. Whoever has just read the folder's list and opens
    the file finds nothing, as with this name that leads nowhere.
    """

    @classmethod
    def create(cls, path: Path, config: edge.EdgeConfig) -> Self:
        """Make a new shard and leave the name of what was renamed."""
        made = super().create(path, config)
        (path / "wal" / "tmp-open-9").symlink_to("/renamed")
        return made


class Panicking(Shard):
    """The real engine, made to panic by what the server's own checks would have stopped."""

    panic: ClassVar[bool] = False

    def update(self, operation: edge.UpdateOperation) -> None:
        """Panic inside the engine."""
        if Panicking.panic:
            with translated():
                unequal = edge.Point(9, {"bm25": edge.SparseVector([1, 2], [1.0])}, None)
                operation = edge.UpdateOperation.upsert_points([unequal])
        super().update(operation)


@asynccontextmanager
async def _client(root: Path, shard: type[Shard]) -> AsyncIterator[httpx.AsyncClient]:
    directory = Directory.open(root, shard)
    transport = httpx.ASGITransport(create_app(directory))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for name in ("a", "b"):
            reply = await client.put(
                f"/collections/{name}",
                json={
                    "vectors": {"dense": {"size": 4, "distance": "Cosine"}},
                    "sparse_vectors": {"bm25": {}},
                },
            )
            assert reply.status_code == 200
        yield client
    directory.close()


@pytest.mark.parametrize("wait", ["true", "false"])
async def test_a_delayed_flush_delays_the_reply(
    tmp_path: Path, wait: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of change is acknowledged after its flush, with `wait=false` too."""
    changes = [
        ("PUT", "/points", {"points": [POINT]}),
        ("POST", "/points/payload", {"payload": {"b": 2}, "points": [1]}),
        ("PUT", "/points/payload", {"payload": {"c": 3}, "points": [1]}),
        ("POST", "/points/payload/delete", {"keys": ["c"], "points": [1]}),
        ("PUT", "/index", {"field_name": "a", "field_schema": "integer"}),
        ("DELETE", "/index/a", None),
        ("POST", "/points/delete", {"points": [1]}),
        ("POST", "/points/delete", {"filter": {"must": [{"key": "a", "match": {"value": 1}}]}}),
    ]
    async with _client(tmp_path, SlowDisk) as client:
        monkeypatch.setattr(SlowDisk, "slow", True)
        for method, path, body in changes:
            started = time.monotonic()
            reply = await client.request(
                method, f"/collections/a{path}", params={"wait": wait}, json=body
            )
            assert reply.json()["result"]["status"] == "completed"
            assert time.monotonic() - started >= SLOW_S
        monkeypatch.setattr(SlowDisk, "slow", False)


async def test_a_failed_flush_is_no_acknowledgement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full the caller learns it, and what is in memory only is not served."""
    async with _client(tmp_path, FullDisk) as client:
        monkeypatch.setattr(FullDisk, "full", True)
        reply = await client.put("/collections/a/points", json={"points": [POINT]})
        assert reply.status_code == 500
        assert "No space left" in reply.json()["status"]["error"]
        assert (await client.post("/collections/a/points/count", json={})).status_code == 500
        monkeypatch.setattr(FullDisk, "full", False)


async def test_a_collection_opens_again_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fault the engine is opened anew, by itself, as soon as that works."""
    async with _client(tmp_path, FullDisk) as client:
        kept = await client.put("/collections/a/points", json={"points": [POINT]})
        assert kept.status_code == 200
        monkeypatch.setattr(FullDisk, "full", True)
        refused = await client.put("/collections/a/points", json={"points": [POINT | {"id": 2}]})
        assert refused.status_code == 500
        monkeypatch.setattr(FullDisk, "full", False)
        again = {"points": [POINT | {"id": 3}]}
        async with asyncio.timeout(60):
            while not (await client.put("/collections/a/points", json=again)).is_success:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        found = await client.post("/collections/a/points", json={"ids": [1, 3]})
        assert [each["id"] for each in found.json()["result"]] == [1, 3]


async def test_a_panic_closes_one_collection_and_not_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panic of the engine is an error reply; other collections and the process go on."""
    async with _client(tmp_path, Panicking) as client:
        monkeypatch.setattr(Panicking, "panic", True)
        reply = await client.put("/collections/a/points", json={"points": [POINT]})
        monkeypatch.setattr(Panicking, "panic", False)
        assert reply.status_code == 500
        assert "Restart local-qdrant" in reply.json()["status"]["error"]
        after = await client.post("/collections/a/points/count", json={})
        assert after.status_code == 500
        other = await client.put("/collections/b/points", json={"points": [POINT]})
        assert other.status_code == 200


async def test_a_part_of_the_log_may_be_renamed_at_any_moment(tmp_path: Path) -> None:
    """A thread of the engine renames a file while a collection or a snapshot is made; both are."""
    async with _client(tmp_path, Renaming) as client:
        await client.put("/collections/a/points", json={"points": [POINT]})
        made = (await client.post("/collections/a/snapshots")).json()["result"]["name"]
        archive = tmp_path / "snapshots" / "a" / made
        reply = await client.put(
            "/collections/c/snapshots/recover", json={"location": archive.as_uri()}
        )
        assert reply.status_code == 200
        count = (await client.post("/collections/c/points/count", json={})).json()
        assert count["result"]["count"] == 1
