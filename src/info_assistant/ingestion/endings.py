"""How a document's way in ends: its new version stands alone, or makes way for what came since."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import structlog

from info_assistant.errors import InfoAssistantError
from info_assistant.ingestion.batches import Work
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.patience import Patience
from info_assistant.ingestion.reporter import StatusReporter
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.observability.steps import Step, step
from info_assistant.ports import Clock

_LOG = structlog.get_logger(__name__)

TellContent = Callable[[Sequence[Document]], Awaitable[None]]


class Endings:
    """Brings documents to their end; waits for what is away."""

    def __init__(
        self,
        stores: Stores,
        reporter: StatusReporter,
        wait: Patience,
        clock: Clock,
        look_s: float,
        tell_content: TellContent,
    ) -> None:
        """Ask about a document that is under way for long every `look_s` seconds.

        `tell_content` tells every replica of versions that have taken the place of others.
        """
        self._stores = stores
        self._reporter = reporter
        self._wait = wait
        self._clock = clock
        self._look_s = look_s
        self._tell_content = tell_content

    def goes_on(self, work: Work) -> bool:
        """Whether there is still something to be done for it, and by us."""
        return not work.stopped and self._reporter.holds(work.claimed)

    async def look_whether_wanted(self, work: Work) -> None:
        """Stop a long document that was deleted or replaced while it was under way."""
        now = asyncio.get_running_loop().time()
        if not self.goes_on(work) or now - work.looked_at < self._look_s:
            return
        work.looked_at = now
        await self._is_wanted(work)

    async def finish(self, works: Sequence[Work]) -> None:
        """Let new versions stand alone, unless their documents have moved on meanwhile."""
        complete = [work for work in works if await self._is_wanted(work)]
        if not complete:
            return
        try:
            with steps(Step.VERSION_SWAP, complete):
                documents = [work.document for work in complete]
                await self._wait.until_available(lambda: self._swap(documents))
                # Before it counts as ready: killed in between, its way is gone to the end again.
                await self._wait.until_available(lambda: self._tell_content(documents))
        except InfoAssistantError as exc:
            for work in complete:
                self.fail(work.document, exc.message)
            return
        for work in complete:
            # Splitting finds a better title than a file name where the document states one.
            titled = replace(work.document, title=work.title)
            rest = DocumentState.WITHDRAWN if titled.hold else DocumentState.READY
            self._reporter.report(titled, rest, passages=work.passages)

    async def _is_wanted(self, work: Work) -> bool:
        """Whether this version is still what its document has, and ours to bring in."""
        try:
            latest = await self.latest(work.document)
        except InfoAssistantError as exc:
            work.stopped = True
            self.fail(work.document, exc.message)
            return False
        if latest is None or latest.content.version != work.document.content.version:
            work.stopped = True
            await self._give_way(work, latest)
            return False
        # Who may see it can have changed, which the board is told with its progress.
        work.document = latest
        return self.goes_on(work)

    async def _swap(self, documents: Sequence[Document]) -> None:
        """Open complete versions to their readers, then remove the older ones.

        While both are there, an answer takes the newer (`answering/rank.py`).
        """
        passages = self._stores.passages
        await passages.reveal(documents)
        for each in documents:
            if each.content.version > 1:
                await passages.remove_versions(each.tenant, each.id, up_to=each.content.version - 1)
            if each.revision > each.content.version:
                # What an attempt before this one has revealed may be behind its entry by now.
                await passages.set_entry(each)

    async def _give_way(self, work: Work, latest: Document | None) -> None:
        """Leave a document that was removed or replaced while it was under way."""
        if latest is None:
            await self.forget(work.document)
            return
        self._reporter.forget(latest.id)
        announced = DocumentStatus(latest, DocumentState.ACCEPTED, self._clock.now())
        await self._wait.until_available(lambda: self._stores.board.announce([announced]))

    async def forget(self, document: Document) -> None:
        """Remove what is left of a document that was deleted while it was under way."""
        self._reporter.forget(document.id)
        stores, version = self._stores, document.content.version
        await self._wait.until_available(
            lambda: stores.passages.remove_versions(document.tenant, document.id, up_to=version)
        )
        await self._wait.until_available(
            lambda: stores.board.remove(document.tenant, document.id, up_to=document.revision)
        )

    def fail(self, document: Document, reason: str, attempts: int | None = None) -> None:
        """Let a document end as failed, with the reason in words."""
        _LOG.info("document failed", document_id=document.id, reason=reason)
        self._reporter.report(document, DocumentState.FAILED, detail=reason, attempts=attempts)

    async def latest(self, document: Document) -> Document | None:
        """Return the newest living revision of a document, or None."""
        return await self._wait.until_available(
            lambda: self._stores.catalogue.latest(document.tenant, document.id)
        )


@contextlib.contextmanager
def steps(name: Step, works: Sequence[Work]) -> Iterator[None]:
    """Tell of a step that several documents take together."""
    with ExitStack() as stack:
        for work in works:
            stack.enter_context(step(name, document_id=work.document.id))
        yield
