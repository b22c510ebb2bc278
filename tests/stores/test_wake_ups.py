"""Hints between replicas: news is heard at once with Redis, and soon without."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from tests.redis_process import PATIENT, RedisProcess

from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.model.visibility import ChangeKind, VisibilityChange
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.resilience.wake_ups import Topic, WakeUps
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.redis import RedisConnection, RedisWakeUps

LONG_S = 3600.0
PATIENCE_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a running Redis."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    yield process
    process.stop()


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[WakeUps]:
    """Run what carries one replica's hints."""
    redis = RedisConnection([url], PATIENT)
    await redis.look()
    wake_ups = WakeUps()
    carrier = RedisWakeUps(redis, wake_ups, usable=lambda: redis.known)
    try:
        async with BackgroundTasks({"redis": redis.run, "wake-ups": carrier.run}):
            yield wake_ups
    finally:
        await redis.close()


async def heard(teller: WakeUps, hearer: WakeUps, topic: Topic) -> None:
    """Tell again and again until it is heard: nobody says when a listener has begun to listen."""
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        waiting = group.create_task(hearer.pause(topic, LONG_S))
        while not waiting.done():
            teller.tell(topic)
            await asyncio.sleep(0.05)
        assert waiting.result()


async def test_what_one_replica_tells_another_hears(server: RedisProcess) -> None:
    """Each topic wakes its own waiters, also after Redis was away for a while."""
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(replica(server.url)) for _ in range(2)]
        for topic in Topic:
            # What is heard when a listener begins is no proof of anything.
            await other.pause(topic, PATIENCE_S)
            await heard(one, other, topic)
        server.stop()
        one.tell(Topic.CHANGES)
        server.start()
        await heard(one, other, Topic.CHANGES)


async def test_without_redis_a_pause_is_as_long_as_it_is() -> None:
    """Whoever hears nothing looks by itself when it is time."""
    wake_ups = WakeUps()
    wake_ups.tell(Topic.OBJECTS)
    assert await wake_ups.pause(Topic.OBJECTS, 0.01) is False
    wake_ups.wake(Topic.OBJECTS)
    assert await wake_ups.pause(Topic.OBJECTS, LONG_S) is True
    assert await wake_ups.pause(Topic.OBJECTS, 0.01) is False


async def test_writers_tell_of_switches_and_removals(tmp_path: Path) -> None:
    """A switch thrown and a document removed are told of once they are durable."""
    blobs, clock, wake_ups = ObjectBlobs(str(tmp_path / "objects")), SystemClock(), WakeUps()
    told: list[Topic] = []
    wake_ups.carry_by(told.append)
    objects = SharedObjects(blobs, tmp_path / "a", clock, wake_ups)
    await objects.open("switches").change(lambda _: {"a": 1})
    assert told == [Topic.OBJECTS]
    feed = BlobChangeFeed(blobs, clock, partial(wake_ups.tell, Topic.CHANGES))
    overlay = VisibilityOverlay(feed, clock)
    await overlay.announce(VisibilityChange("default", "d", ChangeKind.REMOVED, 1))
    assert told == [Topic.OBJECTS, Topic.CHANGES]
