"""Shared objects: what one replica writes, every replica has, and the last good copy survives."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.clocks import HandClock
from tests.conftest import allowed
from tests.stores.failing_blobs import FailingBlobs

from info_assistant.errors import Conflict, ObjectStorageUnavailable
from info_assistant.ports import SharedState
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores import objects
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.objects import KEPT_VERSIONS, SharedObjects


def replica(blobs: ObjectBlobs, folder: Path) -> SharedObjects:
    """Return the objects as a process with its own disk sees them."""
    return SharedObjects(blobs, folder, SystemClock())


def counted(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add one."""
    return {"count": fields.get("count", 0) + 1}


async def test_a_change_on_one_replica_is_in_force_on_another(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """What one replica changes, the poll of another takes over, and its subscribers are told."""
    first, second = replica(blobs, tmp_path / "a"), replica(blobs, tmp_path / "b")
    told: list[SharedState] = []
    second.open("switches").on_change(told.append)
    polling = asyncio.ensure_future(second.run())
    try:
        assert second.open("switches").current == SharedState(0, {})
        state = await first.open("switches").change(lambda _: {"MAINTENANCE_MODE": True})
        assert state == SharedState(1, {"MAINTENANCE_MODE": True})
        assert first.open("switches").current == state
        async with asyncio.timeout(60):
            while second.open("switches").current != state:  # noqa: ASYNC110  It sets no event.
                await asyncio.sleep(0.01)
        assert told == [state]
    finally:
        polling.cancel()


async def test_writers_that_race_lose_nothing(blobs: FailingBlobs, tmp_path: Path) -> None:
    """Each of many changes from three replicas at once is made exactly once."""
    replicas = [replica(blobs, tmp_path / str(n)) for n in range(3)]
    states = await asyncio.gather(
        *(replicas[n % 3].open("tenants").change(counted) for n in range(24))
    )
    assert sorted(state.version for state in states) == list(range(1, 25))
    assert all(state.fields["count"] == state.version for state in states)
    await asyncio.gather(*(each.refresh() for each in replicas))
    assert {each.open("tenants").current.version for each in replicas} == {24}


async def test_a_change_that_gives_up_changes_nothing(blobs: FailingBlobs, tmp_path: Path) -> None:
    """What `edit` raises comes through, and no version is written."""

    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise Conflict("set by the environment")

    shared = replica(blobs, tmp_path / "a").open("switches")
    with pytest.raises(Conflict, match="environment"):
        await shared.change(refuse)
    assert [key async for key in blobs.keys("")] == []


async def test_a_replica_started_in_an_outage_has_the_last_good_copy(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """With object storage down a new process knows what was known, and goes on by itself later."""
    before = replica(blobs, tmp_path / "disk")
    state = await before.open("keys").change(lambda _: {"key": "hash"})
    blobs.down = True

    after = replica(blobs, tmp_path / "disk")
    shared = after.open("keys")
    assert shared.current == state
    await after.refresh()
    assert blobs.refused > 0
    assert shared.current == state
    assert shared.age_s == float("inf")
    with pytest.raises(ObjectStorageUnavailable):
        await shared.change(counted)

    blobs.down = False
    await after.refresh()
    assert shared.age_s < allowed(2)
    assert (await shared.change(counted)).version == 2


async def test_a_look_costs_one_request_and_a_gap_one_listing(
    blobs: FailingBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions are listed at the start and after a gap only, and a gap never hides the newest."""
    writer, reader = replica(blobs, tmp_path / "a"), replica(blobs, tmp_path / "b")
    shared = reader.open("switches")
    for _ in range(KEPT_VERSIONS + 3):
        await writer.open("switches").change(counted)
    await reader.refresh()
    assert shared.current.version == KEPT_VERSIONS + 3
    listed = blobs.listings
    await reader.refresh()
    assert blobs.listings == listed

    for version in range(1, KEPT_VERSIONS + 4):
        await blobs.delete(f"system/switches/{version:08d}.json")
    await blobs.put_new("system/switches/00000099.json", b'{"version": 99, "fields": {"a": 1}}')
    monkeypatch.setattr(objects, "_GAP_S", 0)
    await reader.refresh()
    assert shared.current == SharedState(99, {"a": 1})


async def test_old_versions_leave_once_no_writer_can_know_them(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """Compaction keeps the newest fifty, and for a day everything."""
    clock = HandClock()
    shared = SharedObjects(blobs, tmp_path / "a", clock)
    for _ in range(KEPT_VERSIONS + 5):
        await shared.open("switches").change(counted)
    await shared.compact()
    assert len([key async for key in blobs.keys("system")]) == KEPT_VERSIONS + 5
    clock.at += timedelta(days=2)
    await shared.compact()
    left = sorted([key async for key in blobs.keys("system")])
    assert len(left) == KEPT_VERSIONS
    assert left[0] == "system/switches/00000006.json"
    assert (await shared.open("switches").change(counted)).version == KEPT_VERSIONS + 6


async def test_what_cannot_be_understood_leaves_the_last_good_in_force(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """An unreadable version changes nothing, and the next change is made on top of it."""
    shared = replica(blobs, tmp_path / "a").open("switches")
    await shared.change(lambda _: {"a": 1})
    await blobs.put_new("system/switches/00000002.json", b"\xff not JSON")
    await shared.refresh()
    assert shared.current == SharedState(2, {"a": 1})
    assert await shared.change(lambda old: {**old, "b": 2}) == SharedState(3, {"a": 1, "b": 2})


async def test_unknown_fields_of_a_newer_build_are_ignored(
    blobs: FailingBlobs, tmp_path: Path
) -> None:
    """A version with a higher schema and more fields is read as far as we know it."""
    written = {"schema": 9, "version": 1, "fields": {"a": 1}, "new": [], "at": "later"}
    await blobs.put_new("system/switches/00000001.json", json.dumps(written).encode())
    shared = replica(blobs, tmp_path / "a").open("switches")
    await shared.refresh()
    assert shared.current == SharedState(1, {"a": 1})


def test_names_stay_clear_of_each_other(blobs: FailingBlobs, tmp_path: Path) -> None:
    """A name that is a path, or the folder of the system's segments, is refused."""
    for name in ("", "../keys", "a/b", "segments", "Keys"):
        with pytest.raises(ValueError, match="cannot name"):
            replica(blobs, tmp_path).open(name)
    assert replica(blobs, tmp_path).open("keys").name == "keys"


def test_the_last_good_copy_is_for_this_user_only(blobs: FailingBlobs, tmp_path: Path) -> None:
    """The local copy holds hashes of keys, so nobody else on the machine may read it."""
    asyncio.run(replica(blobs, tmp_path / "disk").open("keys").change(counted))
    kept = list((tmp_path / "disk").iterdir())
    assert [path.name for path in kept] == ["keys.json"]
    assert kept[0].stat().st_mode & 0o077 == 0
