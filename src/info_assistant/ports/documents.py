"""A document's way: the truth about documents, their state, their text, who may see them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from info_assistant.model.document import Document, DocumentState, DocumentStatus, Tombstone
from info_assistant.model.identity import AccessScope
from info_assistant.model.lease import Lease
from info_assistant.model.passage import Passage
from info_assistant.model.reading import Block, ReadingFacts
from info_assistant.model.visibility import ChangeBatch, VisibilityChange


class Catalogue(Protocol):
    """The truth about documents. Raises ObjectStorageUnavailable."""

    async def latest(self, tenant: str, document_id: str) -> Document | None:
        """Return the newest living revision, or None if there is none."""

    async def commit(self, document: Document) -> bool:
        """Write the revision, the moment a document is accepted; False if another was first."""

    async def bury(self, tombstone: Tombstone) -> None:
        """Write the tombstone; durable when this returns."""

    def tombstones(self) -> AsyncIterator[Tombstone]:
        """Yield every tombstone of every tenant."""

    def documents(self) -> AsyncIterator[Document]:
        """Yield the newest living revision of every document of every tenant."""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One page of a listing; `next` continues it."""

    statuses: tuple[DocumentStatus, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents to list; what is left out does not count.

    `query` is words that title or source contain. `review_before` is the day before which somebody
    wanted to look at them again, `superseded_by` the day on which they count no more; `access` is a
    group that may see them. `ids` are the only ones that come into question.
    """

    state: DocumentState | None = None
    query: str = ""
    tag: str | None = None
    marking: str | None = None
    review_before: date | None = None
    superseded_by: date | None = None
    access: str | None = None
    ids: tuple[str, ...] | None = None


class DocumentBoard(Protocol):
    """The state of each document on its way in: a projection. Raises VectorStoreUnavailable."""

    async def announce(self, statuses: Sequence[DocumentStatus]) -> None:
        """Show new revisions, unless later ones or the same are shown; takes away their leases."""

    async def get(self, scope: AccessScope, document_id: str) -> DocumentStatus | None:
        """Return the state of a document that `scope` may see."""

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None,
        wanted: DocumentFilter,
    ) -> StatusPage:
        """List what `scope` may see, as far as it is wanted."""

    async def unsettled(self, limit: int) -> Sequence[DocumentStatus]:
        """Return documents of all tenants that still have a way to go, oldest first."""

    async def claim(self, seen: Sequence[DocumentStatus], lease: Lease) -> Sequence[DocumentStatus]:
        """Take those of the documents in hand that nobody has claimed since they were `seen`."""

    async def report(
        self, statuses: Sequence[DocumentStatus]
    ) -> Mapping[str, DocumentStatus | None]:
        """Write states, each under the lease that it carries; a state that ends the work ends it.

        What somebody else has claimed since, or of which a later revision is shown, stays as it is.
        Return what is shown of it, by document id, None where that is nothing.
        """

    async def reopen(self, shown: Sequence[DocumentStatus], at: datetime) -> None:
        """Begin anew with documents that nobody has in hand, if they still stand as `shown`."""

    async def remove(self, tenant: str, document_id: str, *, up_to: int) -> None:
        """Forget a document, unless a revision later than `up_to` is shown."""


class BlockSink(Protocol):
    """Takes the blocks of a file while it is read."""

    def begin(self) -> None:
        """Forget what has come so far: the file is read from its beginning."""

    async def add(self, blocks: Sequence[Block]) -> None:
        """Take the next blocks. What it raises ends the reading."""


class Reader(Protocol):
    """Turns a file into text within limits of memory and time."""

    async def read_into(
        self,
        sink: BlockSink,
        data: bytes | Path,
        *,
        filename: str,
        media_type: str,
        on_progress: Callable[[int, int, str], None] | None = None,
    ) -> ReadingFacts:
        """Read a file, given as bytes or by its path, into `sink`; return what else is known.

        `on_progress` is told how many of how many (pages, rows) are read. Raises Unreadable with
        the reason in words, ReaderBroken where reading came to no end.
        """


class ChangeFeed(Protocol):
    """Changes of visibility, from each replica to all. Methods raise ObjectStorageUnavailable."""

    async def publish(self, changes: Sequence[VisibilityChange]) -> None:
        """Tell the changes to every replica; durable when this returns."""

    def news(self) -> AsyncIterator[ChangeBatch]:
        """Yield what was published since the last look, oldest first; cheap when that is none."""

    def catch_up(self) -> AsyncIterator[ChangeBatch]:
        """Yield the same, also where what came next is deleted by now."""

    @property
    def oldest(self) -> int:
        """The lowest number still kept when `catch_up` last looked; 0 where there was none."""

    async def delete(self, number: int) -> None:
        """Forget an entry; never the newest, which shows where to go on."""


class Visibility(Protocol):
    """What may be shown at this moment, also while the index is behind the truth."""

    def may_show(self, scope: AccessScope, passage: Passage) -> bool:
        """Whether a caller may see this passage now; asked right before anything is shown."""

    @property
    def stale(self) -> bool:
        """Whether removals of the last 30 s may be unknown here, so that nothing old be served."""
