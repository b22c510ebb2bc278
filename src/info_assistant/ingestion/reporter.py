"""Tells the board how far documents are, in few writes: only the latest word of each counts."""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime

import structlog

from info_assistant.errors import Misconfigured, Unavailable
from info_assistant.ingestion.needs import WholeBoard
from info_assistant.model.document import DocumentState, DocumentStatus

_LOG = structlog.get_logger(__name__)
# Begun anew, here or elsewhere, at another time.
_LEFT = frozenset({DocumentState.ACCEPTED, DocumentState.INTERRUPTED})


class StatusReporter:
    """Writes reported states to the board together, at most every `interval_s` seconds.

    `on_settled` is told the seconds from the first word of each document until it was ready or
    failed.
    """

    def __init__(self, board: WholeBoard, interval_s: float = 0.5) -> None:
        """Report to `board`."""
        self.on_settled: Callable[[float], None] = lambda _seconds: None
        self._begun: dict[str, datetime] = {}
        self._board = board
        self._interval_s = interval_s
        self._pending: dict[str, DocumentStatus] = {}
        self._changed = asyncio.Event()

    @property
    def pending(self) -> AbstractSet[str]:
        """Ids of the documents whose latest state is not on the board yet."""
        return self._pending.keys()

    def report(self, status: DocumentStatus) -> None:
        """Put this state on the board soon, instead of any that is still waiting."""
        self._pending[status.document.id] = status
        self._changed.set()
        begun = self._begun.setdefault(status.document.id, status.since)
        if status.state.settled:
            self.on_settled((status.since - begun).total_seconds())
        if status.state.settled or status.state in _LEFT:
            del self._begun[status.document.id]

    def forget(self, document_id: str) -> None:
        """Take back what is still waiting about a document."""
        self._pending.pop(document_id, None)
        self._begun.pop(document_id, None)

    async def run(self) -> None:
        """Write what is reported, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.flush()
            except (Unavailable, Misconfigured) as exc:
                _LOG.warning("document states not written yet", error=exc.code)
                self._changed.set()
            await asyncio.sleep(self._interval_s)

    async def flush(self) -> None:
        """Write what is waiting. Raises VectorStoreUnavailable, Misconfigured."""
        batch = dict(self._pending)
        if not batch:
            return
        await self._board.put_all(list(batch.values()))
        for document_id, status in batch.items():
            if self._pending.get(document_id) is status:
                del self._pending[document_id]
