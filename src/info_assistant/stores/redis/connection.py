"""The connection to Redis: one master among several servers, looked for again and again.

While no master is known, requests fail at once and cost nothing; a background task looks for one.
So an outage adds the short wait of the first request that meets it, and nothing to the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from redis.asyncio import Redis

from info_assistant.errors import RedisFault, RedisUnavailable
from info_assistant.observability.log import get_logger
from info_assistant.stores.redis.host import RedisHost, Timing

CHECK_S = 5.0
"""Seconds between two looks at who leads, while all is well."""

_LOOK_S = 1.0
"""Seconds between two looks while nobody does."""

# What these say is not that the server is gone.
_PASSING = frozenset({RedisFault.BUSY, RedisFault.FULL, RedisFault.FAILED})

_log = get_logger("redis")
_T = TypeVar("_T")


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
        self._lost = asyncio.Event()
        self._looking = asyncio.Lock()

    @property
    def known(self) -> bool:
        """Whether there is a master to be asked."""
        return self._master is not None

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

    async def ping(self) -> None:
        """Return if a master answers. Raises RedisUnavailable."""
        if self._master is None:
            await self.look()
        master = self._master
        if master is None:
            raise _unknown()
        await master.ping()

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
        self._master = None
        self._lost.set()


def _unknown() -> RedisUnavailable:
    return RedisUnavailable(
        "No Redis answers as a master. Answers are given afresh and limits are kept by each "
        "process alone until one is back.",
        kind=RedisFault.UNREACHABLE,
    )
