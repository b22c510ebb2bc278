"""Waiting for what is away, however long: an outage around a document never condemns it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from info_assistant.errors import Misconfigured, Unavailable

_LOG = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Patience:
    """Tries again, first after `first_s` seconds, then ever later, up to `last_s`.

    `on_wait` is called whenever it is known what is waited for.
    """

    def __init__(self, first_s: float, last_s: float, on_wait: Callable[[], None]) -> None:
        """Wait between these times."""
        self._first_s = first_s
        self._last_s = last_s
        self._on_wait = on_wait

    async def until_available(self, action: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `action` returns, trying again for as long as a dependency is away."""
        wait_s = self._first_s
        while True:
            try:
                return await action()
            except (Unavailable, Misconfigured) as exc:
                _LOG.warning("ingestion waits", error=exc.code, detail=exc.message)
                self._on_wait()
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._last_s)
