"""A document's way from `accepted` to `ready`, for many documents at once.

Reading and splitting, embedding, and writing run side by side, joined by short queues: while the
embedder works on one batch the next documents are read and the last batch is written. Batches
are cut across documents, because most documents are smaller than a batch.

Whatever is not available is waited for, however long; only a document's own fault fails it.
Several workers, in as many processes, share the documents by leases (`leases.py`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from info_assistant.errors import (
    InfoAssistantError,
    NotFound,
    ReaderBroken,
)
from info_assistant.ingestion.batches import Batcher, Piece, Work
from info_assistant.ingestion.endings import Endings, steps
from info_assistant.ingestion.leases import LEASE_S, Claims, LeaseWatch
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.patience import Patience
from info_assistant.ingestion.portions import STALL_S, portions_of, text_of
from info_assistant.ingestion.readings import StoredReading, forget_reading
from info_assistant.ingestion.reconcile import Reconciler
from info_assistant.ingestion.reporter import StatusReporter
from info_assistant.ingestion.split import TokenCounter
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Progress
from info_assistant.model.passage import IndexedPassage, Passage
from info_assistant.observability.steps import Step
from info_assistant.ports import Clock, Embedder, Reader

_RESTS_FOR_EACH_RECONCILED = 4
_LOG = structlog.get_logger(__name__)

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

    Two embedding calls overlap, so that the embedder's threads have work while a batch ends. A
    document has as many `attempts` as it may bring the parser down, or come no further in
    `stall_s`, before it has failed.
    """

    poll_s: float = 2.0
    reconcile_s: float = 30.0
    first_retry_s: float = 0.25
    last_retry_s: float = 5.0
    shutdown_s: float = 1.5
    look_s: float = 2.0
    lease_s: float = LEASE_S
    stall_s: float = STALL_S
    attempts: int = 3
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
        self._claims = Claims(stores.board, clock, LeaseWatch(self._pace.lease_s))
        self._claimed: asyncio.Queue[DocumentStatus] = asyncio.Queue(self._pace.readers)
        self._batcher = Batcher(self._pace.waiting)
        self._embedded: asyncio.Queue[list[tuple[Work, Sequence[IndexedPassage]]]] = asyncio.Queue(
            self._pace.embeddings
        )
        self._reporter = StatusReporter(stores.board, clock)
        self._wait = Patience(
            self._pace.first_retry_s, self._pace.last_retry_s, self._reporter.progressed
        )
        self._endings = Endings(
            stores,
            self._reporter,
            self._wait,
            clock,
            self._pace.look_s,
            library.visibility.tell_content,
        )
        self._reconciler = Reconciler(stores, library, clock)
        self.held: Callable[[], bool] = lambda: False
        """Whether nothing new may be begun at this moment, because a restore is under way."""

    def on_settled(self, callback: Callable[[float], None]) -> None:
        """Tell `callback` how many seconds each document took until it was ready or failed."""
        self._reporter.on_settled = callback

    def notify(self) -> None:
        """Look for new documents now rather than at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Take documents in, for ever. Cancelling gives up the leases of those under way."""
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
        self._reporter.interrupt()
        with contextlib.suppress(InfoAssistantError, TimeoutError):
            async with asyncio.timeout(self._pace.shutdown_s):
                await self._reporter.flush()

    async def _reconcile(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            wait_s = self._pace.reconcile_s
            try:
                if not self.held() and await self._reconciler.mend():
                    self.notify()
                # A catalogue so large that comparing takes long is compared less often.
                took_s = asyncio.get_running_loop().time() - began
                wait_s = max(wait_s, took_s * _RESTS_FOR_EACH_RECONCILED)
            except InfoAssistantError as exc:
                _LOG.warning("projections not compared yet", error=exc.code, detail=exc.message)
                wait_s = min(wait_s, self._pace.last_retry_s)
            await asyncio.sleep(wait_s)

    async def _claim(self) -> None:
        while True:
            self._wake.clear()
            claimed: Sequence[DocumentStatus] = ()
            if not self.held():
                claimed = await self._wait.until_available(
                    lambda: self._claims.claim(self._reporter.held, self._pace.claims)
                )
            for status in claimed:
                self._reporter.hold(status)
            for status in claimed:
                await self._claimed.put(status)
            if not claimed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.poll_s):
                        await self._wake.wait()

    async def _read(self) -> None:
        while True:
            claimed = await self._claimed.get()
            if self._reporter.holds(claimed):
                work = await self._prepared(claimed)
                if work is not None:
                    await self._hand_on(work)

    async def _prepared(self, claimed: DocumentStatus) -> Work | None:
        """Read a document; None if there is nothing to index."""
        document = claimed.document
        try:
            # The board may be behind: what counts is the newest revision in the catalogue.
            latest = await self._endings.latest(document)
            if latest is None:
                await self._endings.forget(document)
                return None
            document = latest
            reading = await self._wait.until_available(lambda: self._reading_of(document))
        except NotFound:
            self._endings.fail(document, "The stored file is missing. Upload the document again.")
        except ReaderBroken as exc:
            self._try_once_more(claimed, document, exc.message)
        except InfoAssistantError as exc:
            self._endings.fail(document, exc.message)
        except Exception:  # noqa: BLE001
            # The boundary between documents: a fault of ours in one of them must not stop the rest.
            _LOG.exception("document not read", document_id=document.id)
            self._endings.fail(document, _INTERNAL_FAULT)
        else:
            work = Work(claimed, document, reading, looked_at=asyncio.get_running_loop().time())
            self._progress(work)
            return work
        return None

    async def _reading_of(self, document: Document) -> StoredReading:
        def tell(done: int, total: int, unit: str) -> None:
            progress = Progress(done, total, unit)
            self._reporter.report(document, DocumentState.READING, progress=progress)

        self._reporter.report(document, DocumentState.READING)
        return await text_of(document, self._stores.blobs, self._tools.reader, tell)

    async def _hand_on(self, work: Work) -> None:
        """Split a document part by part, and hand its passages on as there is room for them."""
        try:
            await self._split(work)
        except NotFound:
            await self._read_again(work)
        except ReaderBroken as exc:
            work.stopped = True
            self._try_once_more(work.claimed, work.document, exc.message)
        except Exception:  # noqa: BLE001
            # The boundary between documents, as in `_prepared`.
            _LOG.exception("document not split", document_id=work.document.id)
            self._stop(work, _INTERNAL_FAULT)

    async def _split(self, work: Work) -> None:
        passages: Sequence[Passage] = []
        portions = portions_of(
            work, self._tools.counter, self._wait.until_available, self._pace.stall_s
        )
        async with contextlib.aclosing(portions):
            async for more in portions:
                self._reporter.progressed()
                if not self._endings.goes_on(work):
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

    async def _read_again(self, work: Work) -> None:
        """Let a document whose text is lost begin anew."""
        work.stopped = True
        await self._wait.until_available(lambda: forget_reading(self._stores.blobs, work.document))
        self._reporter.report(work.document, DocumentState.INTERRUPTED)

    async def _embed(self) -> None:
        while True:
            pieces = await self._batcher.take(self._pace.batch)
            indexed = await self._indexed(
                [piece for piece in pieces if self._endings.goes_on(piece.work)]
            )
            self._reporter.progressed()
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
            vectors = await self._wait.until_available(
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
                await self._endings.look_whether_wanted(work)
            living = [(work, indexed) for work, indexed in batch if self._endings.goes_on(work)]
            written = await self._written(living) if living else []
            await self._endings.finish([work for work in written if work.whole])

    async def _written(self, batch: Sequence[tuple[Work, Sequence[IndexedPassage]]]) -> list[Work]:
        """Write passages of several documents together; one at a time if they are refused."""
        passages = [each for _, indexed in batch for each in indexed]
        works = list(dict.fromkeys(work for work, _ in batch))
        try:
            with steps(Step.INDEX_BATCH, works):
                await self._wait.until_available(
                    lambda: self._stores.passages.write(passages, hidden=True)
                )
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
        return works

    def _stop(self, work: Work, reason: str) -> None:
        work.stopped = True
        self._endings.fail(work.document, reason)

    def _try_once_more(self, claimed: DocumentStatus, document: Document, reason: str) -> None:
        """Count an attempt: what the machine did a document is forgiven, not what it does again."""
        # A new version begins anew.
        same = claimed.document.content.version == document.content.version
        attempts = (claimed.attempts if same else 0) + 1
        if attempts >= self._pace.attempts:
            self._endings.fail(document, f"{reason} It was tried {attempts} times.", attempts)
            return
        _LOG.info("document to be tried again", document_id=document.id, attempts=attempts)
        self._reporter.report(document, DocumentState.INTERRUPTED, detail=reason, attempts=attempts)

    def _progress(self, work: Work) -> None:
        progress = Progress(work.written, work.expected, "passages")
        self._reporter.report(work.document, DocumentState.INDEXING, progress=progress)
