"""One Redis server: how it is asked, how its faults are told apart, and whether it leads.

Several servers may think that they are the master: one was promoted while another lived, or came
back. A replicated key says who leads, as {epoch, holder}: whoever connects to a master that is not
the holder named in its own data raises the epoch there, and of several masters the one with the
highest epoch counts. So a promoted replica wins over the master whose data it copied, without
anybody having to be told.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import redis.exceptions as faults
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from info_assistant.errors import RedisFault, RedisUnavailable

_T = TypeVar("_T")

_KEY = "info-assistant:leader"

# KEYS[1] is the key above, ARGV[1] this server's name in our settings. Replicas refuse the write,
# which is as it should be.
_CLAIM = """
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then
  epoch = epoch + 1
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'holder', ARGV[1])
end
return epoch
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long we wait for Redis, in seconds, and how many connections each server gets.

    `answer_s` is for a request and its reply, connecting included. `pool_s` is the wait for a free
    connection: being busy ourselves is no outage.
    """

    connect_s: float = 0.25
    answer_s: float = 0.25
    pool_s: float = 0.05
    connections: int = 32


class RedisHost:
    """A server at one URL. Nothing is opened before it is first asked."""

    def __init__(self, url: str, timing: Timing) -> None:
        """Remember where it is."""
        self.name = _name(url)
        self._timing = timing
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=timing.connections,
            timeout=timing.pool_s,
            # The client would keep this time by asyncio.wait_for, which on Python 3.11 may swallow
            # the end of the task that asks; `ask` keeps it instead.
            socket_timeout=None,
            socket_connect_timeout=timing.connect_s,
            # A write whose reply was lost may have taken effect: nothing is ever sent twice.
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            # Who asks need not say which library that is: finding out takes 30 ms a connection.
            driver_info=None,
        )
        # Closing the client closes the pool, too.
        self._client = Redis.from_pool(pool)

    async def ask(self, request: Callable[[Redis], Awaitable[_T]]) -> _T:
        """Send one request. Raises RedisUnavailable, whose `kind` says what is wrong."""
        try:
            async with asyncio.timeout(self._timing.pool_s + self._timing.answer_s):
                return await request(self._client)
        except _FAILURES as exc:
            raise unavailable(exc) from exc

    @asynccontextmanager
    async def subscribed(
        self, channel: str
    ) -> AsyncIterator[Callable[[float], Awaitable[str | None]]]:
        """Give the way to wait for what is published, for some seconds at most.

        It holds one connection. Raises RedisUnavailable.
        """
        listener = self._client.pubsub(ignore_subscribe_messages=True)

        async def heard(seconds: float) -> str | None:
            try:
                async with asyncio.timeout(seconds + self._timing.answer_s):
                    message = await listener.get_message(timeout=seconds)
            except _FAILURES as exc:
                raise unavailable(exc) from exc
            return bytes(message["data"]).decode() if message else None

        try:
            try:
                async with asyncio.timeout(self._timing.connect_s + self._timing.answer_s):
                    await _call(listener.subscribe, channel)
            except _FAILURES as exc:
                raise unavailable(exc) from exc
            yield heard
        finally:
            await _call(listener.aclose)

    async def leads(self) -> int:
        """Return the epoch in which this server leads; 0 where it follows another.

        Raises RedisUnavailable.
        """
        role = await self.ask(lambda client: _call(client.role))
        if role[0] not in {b"master", "master"}:
            return 0
        return int(await self.ask(lambda client: _call(client.eval, _CLAIM, 1, _KEY, self.name)))

    async def close(self) -> None:
        """Close everything."""
        await self._client.aclose()


# uvloop raises RuntimeError where a connection of the pool has been broken since it was last used.
_FAILURES = (faults.RedisError, TimeoutError, OSError, RuntimeError)

_KINDS: tuple[tuple[type[Exception], RedisFault], ...] = (
    # The first that fits decides, special cases before their parents.
    (faults.MaxConnectionsError, RedisFault.BUSY),
    (faults.BusyLoadingError, RedisFault.LOADING),
    (faults.AuthenticationError, RedisFault.REFUSED),
    (faults.AuthorizationError, RedisFault.REFUSED),
    (faults.NoPermissionError, RedisFault.REFUSED),
    (faults.AuthenticationWrongNumberOfArgsError, RedisFault.REFUSED),
    (faults.ReadOnlyError, RedisFault.READ_ONLY),
    (faults.OutOfMemoryError, RedisFault.FULL),
    (faults.TimeoutError, RedisFault.TIMEOUT),
    (TimeoutError, RedisFault.TIMEOUT),
    (faults.ConnectionError, RedisFault.UNREACHABLE),
    (OSError, RedisFault.UNREACHABLE),
    (RuntimeError, RedisFault.UNREACHABLE),
)

_WORDS = {
    RedisFault.BUSY: "All our connections to Redis are in use",
    RedisFault.LOADING: "Redis is reading its data from disk",
    RedisFault.REFUSED: "Redis refuses our password or our user (see REDIS_URL)",
    RedisFault.READ_ONLY: "This Redis is a replica and takes no changes",
    RedisFault.FULL: "Redis has no memory left",
    RedisFault.TIMEOUT: "Redis did not answer in time",
    RedisFault.UNREACHABLE: "Redis cannot be reached",
    RedisFault.FAILED: "Redis reported a fault",
}


def unavailable(error: Exception) -> RedisUnavailable:
    """Return a vendor's error as one of ours."""
    kind = next((kind for each, kind in _KINDS if isinstance(error, each)), RedisFault.FAILED)
    # A pool that waited in vain says so only in words.
    if kind is RedisFault.UNREACHABLE and "No connection available" in str(error):
        kind = RedisFault.BUSY
    if kind is RedisFault.FAILED and str(error).startswith(("NOAUTH", "WRONGPASS")):
        kind = RedisFault.REFUSED
    return RedisUnavailable(
        f"{_WORDS[kind]} ({type(error).__name__}). Answers are given afresh and limits are kept by "
        "each process alone until it is back.",
        kind=kind,
    )


def _call(command: Callable[..., object], *arguments: str | int) -> Awaitable[Any]:
    """Call a command whose type the client shares with its blocking twin."""
    return cast("Awaitable[Any]", command(*arguments))


def _name(url: str) -> str:
    """Return what tells a server from the others, without its password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
