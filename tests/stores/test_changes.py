"""The feed of visibility changes: nothing told is ever missed, whoever slept in the meantime."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clocks import HandClock

from info_assistant.model.schema import CURRENT, Stored
from info_assistant.model.visibility import ChangeBatch, ChangeKind, VisibilityChange
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.changes import BlobChangeFeed

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def change(revision: int) -> VisibilityChange:
    """Return a change that is known by its number."""
    return VisibilityChange("default", "d", ChangeKind.ACCESS, revision, ("staff", "größe"))


async def all_of(batches: AsyncIterator[ChangeBatch]) -> list[ChangeBatch]:
    """Return the entries."""
    return [each async for each in batches]


async def revisions(batches: AsyncIterator[ChangeBatch]) -> list[int]:
    """Return the revisions told in the entries."""
    return [each.revision async for batch in batches for each in batch.changes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that all replicas share."""
    return tmp_path


def replica(folder: Path) -> BlobChangeFeed:
    """Return the feed as one replica sees it."""
    return BlobChangeFeed(ObjectBlobs(str(folder)), HandClock(NOON))


async def test_what_one_replica_tells_the_others_hear(folder: Path) -> None:
    """A change arrives unchanged, once, in order, and at a replica that starts later too."""
    one, two = replica(folder), replica(folder)
    assert await all_of(two.news()) == []
    for number in range(3):
        await one.publish([change(number), change(number + 10)])
    heard = await all_of(two.news())
    assert [each.number for each in heard] == [1, 2, 3]
    assert heard[1].changes == (change(1), change(11))
    assert heard[1].at == NOON
    assert await all_of(two.news()) == []
    assert await all_of(replica(folder).catch_up()) == heard


async def test_writers_at_once_lose_nothing(folder: Path) -> None:
    """Of changes told by many replicas at the same moment each gets an entry of its own."""
    writers = [replica(folder) for _ in range(8)]
    await asyncio.gather(
        *(each.publish([change(number)]) for number, each in enumerate(writers * 3))
    )
    reader = replica(folder)
    heard = await revisions(reader.news())
    # The very first may be told twice: it has nothing before it to join on to.
    assert set(heard) == set(range(24))
    assert len(heard) <= 25


async def test_the_newest_entry_stays(folder: Path) -> None:
    """Deleting all but keeps the last, so that a new replica goes on where the row ends."""
    one = replica(folder)
    for number in range(4):
        await one.publish([change(number)])
    await all_of(one.news())
    for number in range(1, 5):
        await one.delete(number)
    late = replica(folder)
    assert await revisions(late.catch_up()) == [3]
    assert late.oldest == 4
    await late.publish([change(4)])
    assert await revisions(one.news()) == [4]


async def test_a_sleeper_writes_into_no_gap(folder: Path) -> None:
    """A replica whose last known entry was deleted meanwhile is heard all the same, and hears."""
    sleeper, awake = replica(folder), replica(folder)
    await awake.publish([change(0)])
    await all_of(sleeper.news())
    for number in range(1, 5):
        await awake.publish([change(number)])
    await all_of(awake.news())
    for number in range(1, 5):
        await awake.delete(number)
    await sleeper.publish([change(99)])
    assert await revisions(awake.news()) == [99]
    assert await all_of(sleeper.news()) != []  # What it wrote into the gap first.
    assert await revisions(sleeper.catch_up()) == [4, 99]


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"at": 1, "changes": []}', b"\xff"])
async def test_a_damaged_entry_hides_no_other(folder: Path, damage: bytes) -> None:
    """An entry that makes no sense counts as empty; those around it are heard."""
    one = replica(folder)
    for number in range(3):
        await one.publish([change(number)])
    (folder / "system/changes/0000000002.json").write_bytes(damage)
    (folder / "system/changes/stray.txt").write_bytes(b"x")
    assert await revisions(replica(folder).catch_up()) == [0, 2]
    assert await revisions(replica(folder).news()) == [0, 2]


async def test_what_a_later_version_adds_is_ignored(folder: Path) -> None:
    """An entry of a later schema with unknown fields is understood."""
    one = replica(folder)
    await one.publish([change(7)])
    path = folder / "system/changes/0000000001.json"
    stored = json.loads(path.read_bytes())
    assert stored["schema"] == CURRENT[Stored.VISIBILITY_CHANGES]
    stored["later"] = stored["changes"][0]["later"] = 1
    path.write_text(json.dumps(stored | {"schema": stored["schema"] + 1}))
    assert await revisions(replica(folder).news()) == [7]


STEPS = st.lists(
    st.tuples(st.sampled_from(["publish", "news", "catch_up", "delete"]), st.integers(0, 2)),
    max_size=25,
)


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_awake_replicas_hear_everything(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """Whoever writes, reads and deletes when: replicas that keep listening miss nothing."""
    asyncio.run(_follow(tmp_path_factory.mktemp("feed"), steps))


async def _follow(folder: Path, steps: list[tuple[str, int]]) -> None:
    replicas = [replica(folder) for _ in range(3)]
    listener, heard, told = replica(folder), list[int](), 0
    for what, who in steps:
        if what == "publish":
            await replicas[who].publish([change(told)])
            told += 1
        elif what == "delete":
            await all_of(replicas[who].news())
            for number in range(1, told + 1):
                await replicas[who].delete(number)
        else:
            feed = replicas[who]
            await all_of(feed.news() if what == "news" else feed.catch_up())
        heard += await revisions(listener.news())
    # A sleeper's first try may be heard besides; nothing is missing.
    assert set(heard) == set(range(told))
