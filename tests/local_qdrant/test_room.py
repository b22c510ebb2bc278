"""A disk that is nearly full: refused in words, nothing changed, and on it goes with room."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import qdrant_edge as edge
from qdrant_client.http import models

from info_assistant.local_qdrant.collection import Collection
from info_assistant.local_qdrant.engine import Shard
from info_assistant.local_qdrant.faults import DiskFull, status_of
from info_assistant.local_qdrant.schema import Schema


class Usage(NamedTuple):
    """What the system says of a disk."""

    total: int
    used: int
    free: int


async def test_the_engine_never_meets_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With little room points are refused before the engine sees them; making room is not."""
    vectors = {"dense": models.VectorParams(size=4, distance=models.Distance.DOT)}
    schema = Schema.of(models.CreateCollection(vectors=vectors))
    collection = Collection.create(tmp_path / "c", "c", schema, Shard)
    point = edge.Point(1, {"dense": [1.0, 0.0, 0.0, 0.0]}, {})
    await collection.upsert([point], None, None)
    free = 20_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - free, free))
    with pytest.raises(DiskFull, match="No space left on device: 20 MB") as refused:
        await collection.upsert([edge.Point(2, {"dense": [1.0, 0.0, 0.0, 0.0]}, {})], None, None)
    assert status_of(refused.value) == 500
    assert collection.points_count() == 1
    collection.change(edge.UpdateOperation.delete_points([1]))
    assert collection.points_count() == 0
    free = 1_000_000
    with pytest.raises(DiskFull):
        collection.change(edge.UpdateOperation.delete_points([1]))
    free = 10**9
    await collection.upsert([point], None, None)
    assert collection.points_count() == 1
    collection.close()
