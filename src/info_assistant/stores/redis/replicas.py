"""How many backends share this Redis, so that each knows its share of the limits without it."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.errors import RedisUnavailable
from info_assistant.stores.redis.connection import RedisConnection

PERIOD_S = 5.0
_FORGOTTEN_S = 20
_KEY = "info-assistant:backends"

# KEYS[1] is the list of backends by when they were last here, by Redis's own clock; ARGV are our
# name and after how many seconds of silence a backend is forgotten.
_HERE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""


class Replicas:
    """Counts the backends; while Redis is away, those counted last."""

    def __init__(self, redis: RedisConnection, otherwise: Callable[[], int] = lambda: 1) -> None:
        """Count `otherwise` until Redis could be asked for the first time."""
        self._redis = redis
        self._otherwise = otherwise
        self.name = uuid.uuid4().hex
        """This process, to the others."""
        self._count = 0

    @property
    def count(self) -> int:
        """How many backends there were when that was last known, this one included."""
        return self._count or max(1, self._otherwise())

    async def run(self) -> None:
        """Say that this backend is here, and count, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> None:
        """Say that this backend is here, and count, once."""
        # The connection has logged what is suppressed here, and /health tells it.
        with contextlib.suppress(RedisUnavailable):
            self._count = max(1, int(await self._redis.ask(self._here)))

    def _here(self, client: Redis) -> Awaitable[Any]:
        run = cast("Callable[..., Awaitable[Any]]", client.eval)
        return run(_HERE, 1, _KEY, self.name, _FORGOTTEN_S)
