"""Hints between replicas over a channel of Redis. Losing them is harmless: everybody polls."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.errors import RedisUnavailable
from info_assistant.resilience.wake_ups import Topic, WakeUps
from info_assistant.stores.redis.connection import RedisConnection

_CHANNEL = "info-assistant:wake-up"
_LISTEN_S = 1.0
_AGAIN_S = 1.0


class RedisWakeUps:
    """Carries the hints of this process to the others, and theirs to this one."""

    def __init__(
        self, redis: RedisConnection, wake_ups: WakeUps, *, usable: Callable[[], bool]
    ) -> None:
        """Carry for `wake_ups`, while `redis` is `usable`."""
        self._redis = redis
        self._wake_ups = wake_ups
        self._usable = usable
        self._untold: set[Topic] = set()
        self._news = asyncio.Event()
        wake_ups.carry_by(self._carry)

    async def run(self) -> None:
        """Carry hints both ways, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish(), name="wake-ups out")
            group.create_task(self._listen(), name="wake-ups in")

    def _carry(self, topic: Topic) -> None:
        self._untold.add(topic)
        self._news.set()

    async def _publish(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            topics, self._untold = self._untold, set()
            if self._usable():
                await self._tell(topics)

    async def _tell(self, topics: set[Topic]) -> None:
        for topic in topics:
            try:
                await self._redis.ask(partial(_published, topic))
            except RedisUnavailable:
                return

    async def _listen(self) -> None:
        while True:
            if self._usable():
                with suppress(RedisUnavailable):
                    await self._hear()
            await asyncio.sleep(_AGAIN_S)

    async def _hear(self) -> None:
        """Wake who waits here, for as long as this master is the one. Raises RedisUnavailable."""
        async with self._redis.subscribed(_CHANNEL) as channel:
            # What was told before we listened.
            for topic in Topic:
                self._wake_ups.wake(topic)
            while self._usable() and channel.current:
                heard = await channel.next(_LISTEN_S)
                if heard in set(Topic):
                    self._wake_ups.wake(Topic(heard))


def _published(topic: Topic, client: Redis) -> Awaitable[Any]:
    return cast("Awaitable[Any]", client.publish(_CHANNEL, topic.value))
