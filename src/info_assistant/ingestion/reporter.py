"""What this worker has in hand, and how far it is: told to the board in few writes.

Only the latest word about each document counts. Each is written under the document's lease, so that
a worker whose lease was taken over changes nothing any more, and learns that it was.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import structlog

from info_assistant.errors import Misconfigured, Unavailable
from info_assistant.ingestion.leases import RENEW_S
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Progress
from info_assistant.model.lease import Lease
from info_assistant.ports import Clock, DocumentBoard

PATIENCE_S = 300.0
"""After so long without any progress a worker renews its leases no longer."""

_LOG = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Held:
    """A document in hand: its latest state, and whether the board knows it."""

    status: DocumentStatus
    lease: Lease
    begun: float
    written_at: float
    pending: bool = False


class StatusReporter:
    """Holds documents and tells the board of them, at most every `interval_s` seconds.

    That the last of them has come to its end is told at once, since somebody may watch for it.
    `on_settled` is told how many seconds each document took from its claim until it was ready or
    failed.
    """

    def __init__(self, board: DocumentBoard, clock: Clock, interval_s: float = 0.5) -> None:
        """Report to `board`."""
        self.on_settled: Callable[[float], None] = lambda _seconds: None
        self._board = board
        self._clock = clock
        self._interval_s = interval_s
        self._held: dict[str, _Held] = {}
        self._changed = asyncio.Event()
        self._all_ended = asyncio.Event()
        self._progress_at = time.monotonic()

    @property
    def held(self) -> AbstractSet[str]:
        """Ids of the documents in hand, until the board knows how each ended."""
        return self._held.keys()

    def hold(self, status: DocumentStatus) -> None:
        """Take in hand a document whose lease we have got."""
        if status.lease is not None:
            now = time.monotonic()
            self._held[status.document.id] = _Held(status, status.lease, now, now)

    def holds(self, status: DocumentStatus) -> bool:
        """Whether the document is still in hand, under the lease that it was claimed with."""
        held = self._held.get(status.document.id)
        return held is not None and status.lease is not None and self._same(held, status.lease)

    def report(
        self,
        document: Document,
        state: DocumentState,
        *,
        detail: str = "",
        progress: Progress | None = None,
        passages: int = 0,
        attempts: int | None = None,
    ) -> None:
        """Put this state on the board soon, instead of any that is still waiting."""
        held = self._held.get(document.id)
        if held is None:
            return
        now = self._clock.now()
        counted = held.status.attempts if attempts is None else attempts
        held.lease = replace(held.lease, renewed_at=now)
        held.status = DocumentStatus(
            document, state, now, detail, progress, passages, counted, held.lease
        )
        held.pending = True
        self.progressed()
        self._changed.set()
        if all(each.status.state.settled for each in self._held.values()):
            self._all_ended.set()

    def progressed(self) -> None:
        """Note that the worker comes on, or knows what it waits for."""
        self._progress_at = time.monotonic()

    def forget(self, document_id: str) -> None:
        """Let go of a document that is no more."""
        self._held.pop(document_id, None)

    def interrupt(self) -> None:
        """Give up the lease of everything that has not come to its end."""
        for held in list(self._held.values()):
            if not held.status.state.settled:
                self.report(held.status.document, DocumentState.INTERRUPTED)

    async def run(self) -> None:
        """Write what is reported and renew leases, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S / 4):
                    await self._changed.wait()
            self._changed.clear()
            self._all_ended.clear()
            self._renew()
            try:
                await self.flush()
            except (Unavailable, Misconfigured) as exc:
                _LOG.warning("document states not written yet", error=exc.code)
                self._changed.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._all_ended.wait()

    async def flush(self) -> None:
        """Write what is waiting. Raises VectorStoreUnavailable, Misconfigured."""
        written = {key: held for key, held in self._held.items() if held.pending}
        statuses = {key: held.status for key, held in written.items()}
        differing = await self._board.report(list(statuses.values()))
        for document_id, status in statuses.items():
            held = written[document_id]
            if self._held.get(document_id) is not held:
                continue
            if document_id in differing:
                self._differs(held, differing[document_id])
            elif held.status is status:
                self._has_been_written(held)

    def _has_been_written(self, held: _Held) -> None:
        held.pending = False
        held.written_at = time.monotonic()
        state = held.status.state
        if state.settled:
            self.on_settled(held.written_at - held.begun)
        if not state.in_hand:
            del self._held[held.status.document.id]

    def _differs(self, held: _Held, shown: DocumentStatus | None) -> None:
        """Make of it what the board shows instead of what we wrote."""
        if shown is not None and shown.lease is not None and self._same(held, shown.lease):
            # Still ours: only who may see it was changed meanwhile.
            held.status = replace(held.status, document=shown.document)
            self._changed.set()
            return
        document_id = held.status.document.id
        _LOG.info("document no longer in hand", document_id=document_id)
        del self._held[document_id]

    def _renew(self) -> None:
        now = time.monotonic()
        if now - self._progress_at > PATIENCE_S:
            return
        for held in self._held.values():
            if not held.pending and now - held.written_at > RENEW_S:
                held.lease = replace(held.lease, renewed_at=self._clock.now())
                held.status = replace(held.status, lease=held.lease)
                held.pending = True

    @staticmethod
    def _same(held: _Held, lease: Lease) -> bool:
        return held.lease.token == lease.token
