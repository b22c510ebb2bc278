"""The connection to Redis: one master among several servers, looked for again and again.

While no master is known, requests fail at once and cost nothing; a background task looks for one.
So an outage adds the short wait of the first request that meets it, and nothing to the others. That
is a breaker which opens with the first failure and is closed by no request, only by a look; a
server that keeps failing after each look is left alone for some seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from redis.asyncio import Redis

from info_assistant.errors import RedisFault, RedisUnavailable
from info_assistant.observability.log import get_logger
from info_assistant.stores.redis.host import RedisHost, Timing

CHECK_S = 5.0
"""Seconds between two looks at who leads, while all is well."""

_LOOK_S = 1.0
"""Seconds between two looks while nobody does."""

_FLAPPING_S = 10.0
"""A server that is lost again so soon after it was found rests, each time for twice as long."""

_FIRST_REST_S, _LONGEST_REST_S = 1.0, 4.0

# What these say is not that the server is gone.
_PASSING = frozenset({RedisFault.BUSY, RedisFault.FULL, RedisFault.FAILED})

_log = get_logger("redis")
_T = TypeVar("_T")


@dataclass(slots=True)
class _Losses:
    """How often a server was lost soon after it was found, and until when it rests."""

    last: float = float("-inf")
    in_row: int = 0
    rests_until: float = float("-inf")

    def add(self, now: float) -> None:
        self.in_row = self.in_row + 1 if now - self.last < _FLAPPING_S else 0
        self.last = now
        if self.in_row:
            rest_s = min(_LONGEST_REST_S, _FIRST_REST_S * 2.0 ** (self.in_row - 1))
            self.rests_until = now + rest_s


class RedisConnection:
    """Redis as the rest of the product asks it (`ports.Probe`); `run` keeps the master known."""

    def __init__(
        self,
        urls: Sequence[str],
        timing: Timing | None = None,
        on_error: Callable[[], None] = lambda: None,
    ) -> None:
        """Remember where the servers are; `on_error` is told of each request that failed."""
        self._hosts = [RedisHost(url, timing or Timing()) for url in urls]
        self._on_error = on_error
        self._master: RedisHost | None = None
        self._losses = {host: _Losses() for host in self._hosts}
        self._lost = asyncio.Event()
        self._looking = asyncio.Lock()

    @property
    def known(self) -> bool:
        """Whether there is a master to be asked."""
        return self._master is not None

    @property
    def breaker(self) -> str:
        """Whether requests are let through, in the words of breakers: `closed` or `open`."""
        return "closed" if self.known else "open"

    async def ask(self, request: Callable[[Redis], Awaitable[_T]]) -> _T:
        """Send one request to the master, once. Raises RedisUnavailable."""
        master = self._master
        if master is None:
            raise _unknown()
        try:
            return await master.ask(request)
        except RedisUnavailable as error:
            self._note(master, error)
            raise

    @asynccontextmanager
    async def subscribed(self, channel: str) -> AsyncIterator["Channel"]:
        """Listen to what is published at the master in use. Raises RedisUnavailable."""
        master = self._master
        if master is None:
            raise _unknown()
        async with master.subscribed(channel) as heard:
            yield Channel(heard, lambda: self._master is master)

    async def ping(self) -> None:
        """Return if a master answers. Raises RedisUnavailable."""
        if self._master is None:
            await self.look()
        # As any request: who finds it gone spares all others the wait.
        await self.ask(lambda client: client.ping())

    async def run(self) -> None:
        """Look who leads, for ever: every few seconds, and at once when the master is lost."""
        while True:
            await self.look()
            self._lost.clear()
            try:
                async with asyncio.timeout(CHECK_S if self._master else _LOOK_S):
                    await self._lost.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Ask every server whether it leads, and choose the one with the highest epoch."""
        async with self._looking:
            found = await asyncio.gather(*(self._epoch_of(host) for host in self._hosts))
            epoch, best = max(
                zip(found, self._hosts, strict=True),
                key=lambda pair: pair[0],
                default=(0, None),
            )
            self._choose(best if epoch > 0 else None, epoch)

    async def close(self) -> None:
        """Close all connections."""
        for host in self._hosts:
            await host.close()

    async def _epoch_of(self, host: RedisHost) -> int:
        if asyncio.get_running_loop().time() < self._losses[host].rests_until:
            return 0
        try:
            return await host.leads()
        except RedisUnavailable as error:
            if host is self._master:
                self._note(host, error)
            return 0

    def _choose(self, master: RedisHost | None, epoch: int) -> None:
        if master is not self._master:
            name = master.name if master else None
            _log.warning("Redis master changed", master=name, epoch=epoch)
        self._master = master

    def _note(self, host: RedisHost, error: RedisUnavailable) -> None:
        """Count a failed request; give the master up where it would fail the next one, too."""
        self._on_error()
        if error.kind in _PASSING or host is not self._master:
            return
        _log.warning("Redis connection failed", host=host.name, kind=error.kind.value)
        self._losses[host].add(asyncio.get_running_loop().time())
        self._master = None
        self._lost.set()


class Channel:
    """What is published at one master."""

    def __init__(
        self, heard: Callable[[float], Awaitable[str | None]], current: Callable[[], bool]
    ) -> None:
        """Listen with `heard`, for as long as the master is `current`."""
        self._heard = heard
        self._current = current

    @property
    def current(self) -> bool:
        """Whether this is still the master that is asked."""
        return self._current()

    async def next(self, seconds: float) -> str | None:
        """Return what is published next; None where that is nothing in this time.

        Raises RedisUnavailable.
        """
        return await self._heard(seconds)


def _unknown() -> RedisUnavailable:
    return RedisUnavailable(
        "No Redis answers as a master. Answers are given afresh and limits are kept by each "
        "process alone until one is back.",
        kind=RedisFault.UNREACHABLE,
    )
