"""A collection that has grown is opened anew when nothing comes to it, and stays what it is."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import qdrant_edge as edge
from qdrant_client.http import models
from tests.api.conftest import eventually

from info_assistant.local_qdrant import collection as collections
from info_assistant.local_qdrant.collection import LOOSE_POINTS, Collection
from info_assistant.local_qdrant.directory import Directory
from info_assistant.local_qdrant.engine import Shard
from info_assistant.local_qdrant.faults import EngineFailed
from info_assistant.local_qdrant.repacking import repack
from info_assistant.local_qdrant.schema import Schema
from info_assistant.resilience.tasks import beside

SCHEMA = Schema.of(
    models.CreateCollection(
        vectors={"dense": models.VectorParams(size=4, distance=models.Distance.DOT)}
    )
)


class Counted(Shard):
    """The real engine, which counts how often it is opened and fails when told to."""

    opened: ClassVar[int] = 0
    failing: ClassVar[int] = 0

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open, or not."""
        Counted.opened += 1
        if Counted.opened <= Counted.failing:
            raise EngineFailed("no luck")
        return super().load(path)


@pytest.fixture
async def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """Return a directory with the empty collection `a`."""
    monkeypatch.setattr(Counted, "opened", 0)
    monkeypatch.setattr(Counted, "failing", 0)
    made = Directory.open(tmp_path, Counted)
    await made.create("a", SCHEMA)
    return made


async def grow(collection: Collection, points: int) -> None:
    """Add points, each with its number and whether that is odd."""
    first = collection.points_count()
    numbers = range(first, first + points)
    made = [edge.Point(n, {"dense": [1.0, n, 0.0, 0.0]}, {"odd": n % 2}) for n in numbers]
    await collection.upsert(made, None, None)


def found(collection: Collection) -> list[Any]:
    """Return what a search under a condition finds."""
    odd = edge.Filter(must=[edge.FieldCondition("odd", match=edge.MatchValue(1))])
    query = edge.Query.Nearest([0.0, 1.0, 0.0, 0.0], using="dense")
    (points,) = collection.query([edge.QueryRequest(limit=9, query=query, filter=odd)])
    return [(each.id, each.score) for each in points]


async def test_what_has_grown_is_packed_once(directory: Directory) -> None:
    """By itself, once all is quiet; searches find the same before and after."""
    collection = directory.collection("a")
    await grow(collection, LOOSE_POINTS)
    assert directory.loose == []
    before = found(collection)
    async with beside(repack(directory)):
        await eventually(lambda: Counted.opened)
    assert found(collection) == before
    assert collection.points_count() == LOOSE_POINTS
    assert directory.loose == []
    await grow(collection, 1)
    assert Counted.opened == 1
    directory.close()


@pytest.mark.parametrize(
    ("before", "after", "loose"),
    [
        (0, LOOSE_POINTS - 1, False),
        (0, LOOSE_POINTS, True),
        (4 * LOOSE_POINTS, LOOSE_POINTS, True),
        (4 * LOOSE_POINTS + 1, LOOSE_POINTS, False),
    ],
)
async def test_a_little_more_is_left_as_it_is(
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
    before: int,
    after: int,
    loose: bool,  # noqa: FBT001
) -> None:
    """What comes to a collection must be many points, and a fifth of all."""
    monkeypatch.setattr(collections, "_QUIET_S", 0.0)
    collection = directory.collection("a")
    await grow(collection, before)
    collection.open_anew()
    await grow(collection, after)
    assert collection.is_loose is loose
    directory.close()


async def test_a_change_under_way_comes_first(directory: Directory) -> None:
    """Nobody's points are taken from under them."""
    collection = directory.collection("a")
    await grow(collection, LOOSE_POINTS)
    async with beside(repack(directory)):
        async with directory.changing("a"):
            await eventually(lambda: directory.loose)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await eventually(lambda: Counted.opened)
            await grow(collection, 1)
        await eventually(lambda: Counted.opened)
    assert collection.points_count() == LOOSE_POINTS + 1
    directory.close()


async def test_what_cannot_be_opened_is_tried_again(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of that moment is told, and the next who asks finds every point."""
    monkeypatch.setattr(Counted, "failing", 1)
    collection = directory.collection("a")
    await grow(collection, LOOSE_POINTS)
    async with beside(repack(directory)):
        await eventually(lambda: Counted.opened)
        assert collection.points_count() == LOOSE_POINTS
    assert Counted.opened == 2
    directory.close()


async def test_the_end_waits_for_no_file(directory: Directory) -> None:
    """Files that are read to have them at hand hold up nobody who wants to leave."""
    await grow(directory.collection("a"), LOOSE_POINTS)
    with (directory.collection("a").folder / "large").open("wb") as large:
        large.truncate(200 * 2**30)
    async with beside(repack(directory)):
        await eventually(lambda: Counted.opened)
    async with asyncio.timeout(5):
        await asyncio.get_running_loop().shutdown_default_executor()
    directory.close()
