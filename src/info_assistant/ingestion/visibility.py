"""What may be shown at this moment: the changes that the index may not know yet, in memory.

The index filters every search by tenant and groups, but it follows the catalogue with a delay. What
was removed, held back or opened to other groups in the meantime is held here, on top of it, from
the change itself on the replica that took it, and through the feed of changes on every other within
2 s.
It never shows anybody more than index or catalogue do.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from info_assistant.errors import ObjectStorageUnavailable, VectorStoreUnavailable
from info_assistant.ingestion.corpus import CorpusPositions
from info_assistant.model.document import Document
from info_assistant.model.identity import AccessScope
from info_assistant.model.passage import Passage
from info_assistant.model.visibility import ChangeBatch, ChangeKind, VisibilityChange
from info_assistant.observability.log import get_logger
from info_assistant.ports import ChangeFeed, Clock
from info_assistant.resilience.wake_ups import Topic, WakeUps

KEPT_FOR = timedelta(minutes=10)
"""How long a change is kept at least: many times longer than any answer that began before it."""

STALE_S = 30.0
"""After so long without a look at the feed, removals made elsewhere may be unknown here."""

MOST_DOCUMENTS = 100_000
"""Documents whose changes are held at once; beyond that, changes are refused."""

_POLL_S = 0.5
_LIST_S = 30.0
_PATIENCE_S = 2.0

_log = get_logger("visibility")


@dataclass(frozen=True, slots=True)
class _Known:
    """What the changes of one document come to."""

    removed_up_to: int = 0
    access_revision: int = 0
    access: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()

    def and_then(self, change: VisibilityChange) -> "_Known":
        if change.kind is ChangeKind.REMOVED:
            return replace(self, removed_up_to=max(self.removed_up_to, change.revision))
        if change.revision <= self.access_revision:
            return self
        return replace(
            self, access_revision=change.revision, access=change.access, listed=change.listed
        )


class VisibilityOverlay:
    """Recent changes of visibility (`ports.Visibility`); `run` listens to the other replicas."""

    def __init__(
        self,
        feed: ChangeFeed,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wake_ups: WakeUps | None = None,
    ) -> None:
        """Begin knowing nothing; `refresh` reads what the feed holds."""
        self._wake_ups = wake_ups or WakeUps()
        self._monotonic = monotonic
        self._feed = feed
        self._clock = clock
        self._batches: dict[int, ChangeBatch] = {}
        # Made here: those not yet on the feed, and those not yet read back from it.
        self._untold: list[VisibilityChange] = []
        self._unheard: set[VisibilityChange] = set()
        self._known: dict[str, _Known] = {}
        self.corpus = CorpusPositions()
        """When the documents of each tenant last changed."""
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._listed_at: float | None = None
        self._said_stale = False

    @property
    def stale(self) -> bool:
        """Whether changes made elsewhere in the last 30 s may be unknown here."""
        return self._since(self._looked_at) > STALE_S

    @property
    def documents(self) -> int:
        """How many documents have changes held here."""
        return len(self._known)

    def may_show(self, scope: AccessScope, passage: Passage) -> bool:
        """Whether `scope` may see this passage now."""
        access = passage.access
        known = self._known.get(passage.document_id)
        if known is not None:
            if passage.version <= known.removed_up_to:
                return False
            if passage.access_revision < known.access_revision:
                access = known.access
        return scope.may_see(passage.tenant, access)

    def current(self, document: Document) -> Document | None:
        """Return the document with the groups it is open to now, or None if it is removed."""
        known = self._known.get(document.id)
        if known is None:
            return document
        if document.content.version <= known.removed_up_to:
            return None
        if document.revision >= known.access_revision:
            return document
        return replace(document, revision=known.access_revision, access=known.listed)

    def knows_later_than(self, document: Document) -> bool:
        """Whether the document's entry was changed after this revision, as far as is known here."""
        known = self._known.get(document.id)
        return known is not None and known.access_revision > document.revision

    def require_room(self) -> None:
        """Return if one more change can be held. Raises VectorStoreUnavailable.

        What is held shrinks by itself while the search service answers.
        """
        if len(self._known) >= MOST_DOCUMENTS:
            raise VectorStoreUnavailable(
                "So many changes wait for the search service (Qdrant) that no more can be taken "
                "safely; nothing was changed. Try again once it answers, or see /health.",
                retry_after_s=30,
            )

    async def announce(self, change: VisibilityChange) -> None:
        """Put a change in force: here at once, on every replica within 2 s of the return.

        Raises ObjectStorageUnavailable; it is in force here all the same, and told later.
        """
        self._hold([change])
        self._expect([change])
        try:
            await self._feed.publish([change])
        except BaseException:
            # Also when the request was given up: what happened must be told.
            self._untold.append(change)
            raise

    async def tell_content(self, documents: Sequence[Document]) -> None:
        """Tell every replica that new versions have taken the place of the old ones.

        Durable when this returns, and to be told again if it fails. Raises
        ObjectStorageUnavailable.
        """
        changes = [
            VisibilityChange(each.tenant, each.id, ChangeKind.CONTENT, each.content.version)
            for each in documents
        ]
        self._expect(changes)
        await self._feed.publish(changes)

    async def refresh(self) -> None:
        """Look at the feed; returns within 2 s and raises nothing if that fails."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._look()
        except (TimeoutError, ObjectStorageUnavailable) as error:
            if self.stale and not self._said_stale:
                self._said_stale = True
                _log.warning("Visibility changes cannot be read", error=str(error))
        else:
            if self._said_stale:
                self._said_stale = False
                _log.info("Visibility changes are read again")

    async def run(self) -> None:
        """Listen to the other replicas, until cancelled."""
        while True:
            await self.refresh()
            await self._wake_ups.pause(Topic.CHANGES, _POLL_S)

    async def settle(
        self,
        project: Callable[[VisibilityChange], Awaitable[None]],
    ) -> None:
        """Carry old changes into the index once more, and take them off the feed, oldest first.

        To be called after the index was compared with the catalogue. Documents under way need no
        patience: what they bring is opened as the catalogue has it by then. Raises what `project`
        raises, ObjectStorageUnavailable.
        """
        # The newest entry stays, so it need not be carried again and again.
        for number in sorted(self._batches)[:-1]:
            batch = self._batches[number]
            if self._clock.now() - batch.at < KEPT_FOR:
                return
            for change in batch.changes:
                if change.kind is not ChangeKind.CONTENT:
                    await project(change)
            # Held until the feed is listed again: whatever was read before is answered by then.
            await self._feed.delete(number)

    async def _look(self) -> None:
        async with self._looking:
            began = self._monotonic()
            await self._tell()
            if self._since(self._listed_at) > _LIST_S:
                async for batch in self._feed.catch_up():
                    self._take(batch)
                self._forget_before(self._feed.oldest)
                self._listed_at = began
            async for batch in self._feed.news():
                self._take(batch)
            self._looked_at = began

    async def _tell(self) -> None:
        """Publish what could not be published when it happened."""
        untold = list(self._untold)
        if untold:
            await self._feed.publish(untold)
            del self._untold[: len(untold)]

    def _take(self, batch: ChangeBatch) -> None:
        self._batches[batch.number] = batch
        heard = self._unheard.intersection(batch.changes)
        self._unheard -= heard
        self.corpus.heard(heard)
        self.corpus.note(batch)
        self._hold(batch.changes)

    def _expect(self, changes: Sequence[VisibilityChange]) -> None:
        """Count changes as made here until they are read back from the feed."""
        new = [each for each in changes if each not in self._unheard]
        self._unheard.update(new)
        self.corpus.expect(new)

    def _hold(self, changes: Iterable[VisibilityChange]) -> None:
        for change in changes:
            if change.kind is ChangeKind.CONTENT:
                continue
            known = self._known.get(change.document_id, _Known())
            self._known[change.document_id] = known.and_then(change)

    def _forget_before(self, oldest: int) -> None:
        """Forget what is off the feed: the index knows it by now."""
        gone = [number for number in self._batches if number < oldest]
        if not gone:
            return
        for number in gone:
            del self._batches[number]
        self._known = {}
        for batch in self._batches.values():
            self._hold(batch.changes)
        self._hold(self._unheard)

    def _since(self, moment: float | None) -> float:
        return float("inf") if moment is None else self._monotonic() - moment


def access_change(document: Document) -> VisibilityChange:
    """Return the word who may see and find a document from this revision on."""
    return VisibilityChange(
        document.tenant,
        document.id,
        ChangeKind.ACCESS,
        document.revision,
        access=document.findable_by,
        listed=document.access,
    )
