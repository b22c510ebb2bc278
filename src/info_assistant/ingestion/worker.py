"""A document's way from `accepted` to `ready`, for many documents at once.

Reading and splitting, embedding, and writing run side by side, joined by short queues: while the
embedder works on one batch the next documents are read and the last batch is written. Batches
are cut across documents, because most documents are smaller than a batch.

Whatever is not available is waited for, however long; only a document's own fault fails it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from info_assistant.errors import (
    InfoAssistantError,
    Misconfigured,
    NotFound,
    Unavailable,
)
from info_assistant.ingestion.batches import Batcher, Piece, Work
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.portions import portions_of, text_of
from info_assistant.ingestion.readings import forget_reading
from info_assistant.ingestion.reconcile import Reconciler
from info_assistant.ingestion.reporter import StatusReporter
from info_assistant.ingestion.split import TokenCounter
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Progress
from info_assistant.model.passage import IndexedPassage, Passage
from info_assistant.ports import Clock, Embedder, Reader

_LOG = structlog.get_logger(__name__)
_T = TypeVar("_T")

_INTERNAL_FAULT = (
    "This document could not be taken in because of a fault in the program, not in the document. "
    "Upload it again; if that does not help, tell the people who run this service."
)
_NO_TEXT = "No text was found in this document, so there is nothing to search."


@dataclass(frozen=True, slots=True)
class Tools:
    """What turns bytes into vectors. `counter` counts word pieces for the splitter."""

    reader: Reader
    embedder: Embedder
    counter: TokenCounter


@dataclass(frozen=True, slots=True)
class Pace:
    """How the worker divides its work; times in seconds, sizes in passages.

    Two embedding calls overlap, so that the embedder's threads have work while a batch ends.
    """

    poll_s: float = 2.0
    reconcile_s: float = 30.0
    first_retry_s: float = 0.25
    last_retry_s: float = 5.0
    shutdown_s: float = 1.5
    look_s: float = 2.0
    claims: int = 32
    readers: int = 4
    batch: int = 64
    embeddings: int = 2
    waiting: int = 256


class IngestionWorker:
    """Takes documents in until it is cancelled. One instance belongs to one event loop."""

    def __init__(
        self,
        stores: Stores,
        library: Library,
        tools: Tools,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        """Work on these stores; `library` sweeps what was removed."""
        self._stores = stores
        self._tools = tools
        self._clock = clock
        self._pace = pace or Pace()
        self._wake = asyncio.Event()
        self._in_flight: dict[str, Document] = {}
        self._claimed: asyncio.Queue[DocumentStatus] = asyncio.Queue(self._pace.readers)
        self._batcher = Batcher(self._pace.waiting)
        self._embedded: asyncio.Queue[list[tuple[Work, Sequence[IndexedPassage]]]] = asyncio.Queue(
            self._pace.embeddings
        )
        self._reporter = StatusReporter(stores.board)
        self._reconciler = Reconciler(stores, library, clock, self._busy)

    def on_settled(self, callback: Callable[[float], None]) -> None:
        """Tell `callback` how many seconds each document took until it was ready or failed."""
        self._reporter.on_settled = callback

    def notify(self) -> None:
        """Look for new documents now rather than at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Take documents in, for ever. Cancelling marks those under way as interrupted."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reporter.run(), name="ingestion-report")
                tasks.create_task(self._reconcile(), name="ingestion-reconcile")
                tasks.create_task(self._claim(), name="ingestion-claim")
                for _ in range(self._pace.readers):
                    tasks.create_task(self._read(), name="ingestion-read")
                for _ in range(self._pace.embeddings):
                    tasks.create_task(self._embed(), name="ingestion-embed")
                tasks.create_task(self._write(), name="ingestion-write")
        finally:
            await self._interrupt()

    async def _interrupt(self) -> None:
        for document in self._in_flight.values():
            self._report(document, DocumentState.INTERRUPTED)
        with contextlib.suppress(InfoAssistantError, TimeoutError):
            async with asyncio.timeout(self._pace.shutdown_s):
                await self._reporter.flush()

    def _busy(self) -> AbstractSet[str]:
        return self._in_flight.keys() | self._reporter.pending

    async def _reconcile(self) -> None:
        while True:
            wait_s = self._pace.reconcile_s
            try:
                if await self._reconciler.mend():
                    self.notify()
            except InfoAssistantError as exc:
                _LOG.warning("projections not compared yet", error=exc.code, detail=exc.message)
                wait_s = min(wait_s, self._pace.last_retry_s)
            await asyncio.sleep(wait_s)

    async def _claim(self) -> None:
        while True:
            self._wake.clear()
            # Taken before and after: a state may reach the board while we read it.
            busy = set(self._busy())
            limit = self._pace.claims + len(busy)
            found = await self._until_available(lambda: self._stores.board.unsettled(limit))  # noqa: B023  (awaited at once)
            fresh = [each for each in found if each.document.id not in busy | self._busy()]
            for status in fresh:
                self._in_flight[status.document.id] = status.document
            for status in fresh:
                await self._claimed.put(status)
            if not fresh:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.poll_s):
                        await self._wake.wait()

    async def _read(self) -> None:
        while True:
            claimed = (await self._claimed.get()).document
            work = await self._prepared(claimed)
            if work is None:
                self._in_flight.pop(claimed.id, None)
            else:
                await self._hand_on(work)

    async def _prepared(self, claimed: Document) -> Work | None:
        """Read a document; None if there is nothing to index."""
        document = claimed
        try:
            # The board may be behind: what counts is the newest revision in the catalogue.
            latest = await self._until_available(
                lambda: self._stores.catalogue.latest(claimed.tenant, claimed.id)
            )
            if latest is None:
                await self._forget(claimed)
                return None
            document = latest
            self._in_flight[document.id] = document
            self._report(document, DocumentState.READING)
            reading = await self._until_available(
                lambda: text_of(document, self._stores.blobs, self._tools.reader)
            )
        except NotFound:
            self._fail(document, "The stored file is missing. Upload the document again.")
        except InfoAssistantError as exc:
            self._fail(document, exc.message)
        except Exception:  # noqa: BLE001
            # The boundary between documents: a fault of ours in one of them must not stop the rest.
            _LOG.exception("document not read", document_id=document.id)
            self._fail(document, _INTERNAL_FAULT)
        else:
            work = Work(document, reading, looked_at=asyncio.get_running_loop().time())
            self._progress(work)
            return work
        return None

    async def _hand_on(self, work: Work) -> None:
        """Split a document part by part, and hand its passages on as there is room for them."""
        try:
            passages: Sequence[Passage] = []
            async for more in portions_of(work, self._tools.counter, self._until_available):
                if work.stopped:
                    return
                if passages:
                    await self._batcher.put(work, passages)
                passages = more
            if not passages:
                self._stop(work, " ".join([_NO_TEXT, *work.reading.facts.notes]))
                return
            # Only with the last ones, so that whoever writes them knows that they are.
            work.split = True
            await self._batcher.put(work, passages)
        except NotFound:
            await self._read_again(work)
        except Exception:  # noqa: BLE001
            # The boundary between documents, as in `_prepared`.
            _LOG.exception("document not split", document_id=work.document.id)
            self._stop(work, _INTERNAL_FAULT)

    async def _read_again(self, work: Work) -> None:
        """Let a document whose text is lost begin anew."""
        work.stopped = True
        await self._until_available(lambda: forget_reading(self._stores.blobs, work.document))
        self._report(work.document, DocumentState.ACCEPTED)
        self._in_flight.pop(work.document.id, None)
        self.notify()

    async def _embed(self) -> None:
        while True:
            pieces = await self._batcher.take(self._pace.batch)
            indexed = await self._indexed([piece for piece in pieces if not piece.work.stopped])
            if indexed:
                await self._embedded.put(indexed)

    async def _indexed(
        self, pieces: Sequence[Piece]
    ) -> list[tuple[Work, Sequence[IndexedPassage]]]:
        """Embed pieces of several documents together; one at a time if that goes wrong."""
        passages = [passage for piece in pieces for passage in piece.passages]
        if not passages:
            return []
        try:
            vectors = await self._until_available(
                lambda: self._tools.embedder.embed_passages(passages)
            )
            indexed = iter([IndexedPassage(*pair) for pair in zip(passages, vectors, strict=True)])
        except Exception:  # noqa: BLE001
            # The boundary between documents, as in `_prepared`.
            _LOG.exception("passages not embedded", documents=len(pieces))
            if len(pieces) > 1:
                return [done for piece in pieces for done in await self._indexed([piece])]
            self._stop(pieces[0].work, _INTERNAL_FAULT)
            return []
        return [(piece.work, [next(indexed) for _ in piece.passages]) for piece in pieces]

    async def _write(self) -> None:
        while True:
            batch = await self._embedded.get()
            while not self._embedded.empty():
                batch.extend(self._embedded.get_nowait())
            for work in dict.fromkeys(work for work, _ in batch):
                await self._look_whether_wanted(work)
            living = [(work, indexed) for work, indexed in batch if not work.stopped]
            for work in await self._written(living):
                if work.whole and not work.stopped:
                    await self._finish(work)

    async def _written(self, batch: Sequence[tuple[Work, Sequence[IndexedPassage]]]) -> list[Work]:
        """Write passages of several documents together; one at a time if they are refused."""
        passages = [each for _, indexed in batch for each in indexed]
        try:
            await self._until_available(lambda: self._stores.passages.write(passages))
        except InfoAssistantError as exc:
            if len(batch) > 1:
                return [work for each in batch for work in await self._written([each])]
            _LOG.error("passages refused", document_id=batch[0][0].document.id, error=exc.message)
            self._stop(batch[0][0], _INTERNAL_FAULT)
            return []
        for work, indexed in batch:
            work.written += len(indexed)
            if not work.whole:
                self._progress(work)
        return list(dict.fromkeys(work for work, _ in batch))

    async def _look_whether_wanted(self, work: Work) -> None:
        """Stop a long document that was deleted or replaced while it was under way."""
        now = asyncio.get_running_loop().time()
        if work.stopped or now - work.looked_at < self._pace.look_s:
            return
        work.looked_at = now
        document = work.document
        latest = await self._until_available(
            lambda: self._stores.catalogue.latest(document.tenant, document.id)
        )
        if latest is None or latest.content.version != document.content.version:
            work.stopped = True
            await self._finish(work)
        else:
            # Who may see it can have changed, which the board is told with its progress.
            work.document = latest

    async def _finish(self, work: Work) -> None:
        """Let the new version stand alone, unless the document has moved on meanwhile."""
        document, version = work.document, work.document.content.version
        try:
            await self._until_available(lambda: self._settle(work, document, version))
        except InfoAssistantError as exc:
            self._stop(work, exc.message)
        self._in_flight.pop(document.id, None)

    async def _settle(self, work: Work, document: Document, version: int) -> None:
        stores = self._stores
        latest = await stores.catalogue.latest(document.tenant, document.id)
        if latest is None:
            await self._forget(document)
        elif latest.content.version != version:
            self._report(latest, DocumentState.ACCEPTED)
            self.notify()
        else:
            if version > 1:
                await stores.passages.remove_versions(
                    document.tenant, document.id, up_to=version - 1
                )
            if latest.revision > work.access_revision:
                await stores.passages.set_access(latest)
            # Splitting finds a better title than a file name where the document states one.
            titled = replace(latest, title=work.title)
            self._report(titled, DocumentState.READY, passages=work.passages)

    async def _forget(self, document: Document) -> None:
        """Remove what is left of a document that was deleted while it was under way."""
        self._reporter.forget(document.id)
        await self._until_available(
            lambda: self._stores.passages.remove_versions(
                document.tenant, document.id, up_to=document.content.version
            )
        )
        await self._until_available(lambda: self._stores.board.remove(document.tenant, document.id))

    def _stop(self, work: Work, reason: str) -> None:
        work.stopped = True
        self._fail(work.document, reason)
        self._in_flight.pop(work.document.id, None)

    def _fail(self, document: Document, reason: str) -> None:
        _LOG.info("document failed", document_id=document.id, reason=reason)
        self._report(document, DocumentState.FAILED, detail=reason)

    def _progress(self, work: Work) -> None:
        progress = Progress(work.written, work.expected, "passages")
        self._report(work.document, DocumentState.INDEXING, progress=progress)

    def _report(
        self,
        document: Document,
        state: DocumentState,
        *,
        detail: str = "",
        progress: Progress | None = None,
        passages: int = 0,
    ) -> None:
        self._reporter.report(
            DocumentStatus(document, state, self._clock.now(), detail, progress, passages)
        )

    async def _until_available(self, action: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `action` returns, trying again for as long as a dependency is away."""
        wait_s = self._pace.first_retry_s
        while True:
            try:
                return await action()
            except (Unavailable, Misconfigured) as exc:
                _LOG.warning("ingestion waits", error=exc.code, detail=exc.message)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._pace.last_retry_s)
