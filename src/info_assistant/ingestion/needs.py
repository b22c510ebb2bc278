"""What taking documents in needs beyond `ports`: the same stores, seen whole.

A reader's request sees one tenant through its access groups. Ingestion repairs projections, so
it also looks at everything that is there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from info_assistant.model.document import (
    Document,
    DocumentState,
    DocumentStatus,
    Standing,
    Tombstone,
)
from info_assistant.model.passage import Passage
from info_assistant.ports import Blobs, Catalogue, DocumentBoard, PassageIndex


class RevisionedCatalogue(Catalogue, Protocol):
    """A catalogue that also shows revisions, dead ones included. Raises StoredDataInvalid."""

    async def revision(self, tenant: str, document_id: str, revision: int) -> Document | None:
        """Return one revision, dead or alive, or None."""

    async def standing(self, tenant: str, document_id: str) -> Standing:
        """Return where a document stands, by one look at its names."""

    async def tombstone(self, tenant: str, document_id: str, revision: int) -> Tombstone | None:
        """Return the tombstone at this revision, or None."""

    async def order_purge(self, order: Tombstone) -> None:
        """Write the word that quotes of these revisions are to go out of old answers."""

    def living(self) -> AsyncIterator[tuple[str, str, int]]:
        """Yield (tenant, document id, newest revision) of what lives, from names alone."""

    def unswept(self) -> AsyncIterator[tuple[str, str, int]]:
        """Yield (tenant, document id, tombstone's revision) where dead revisions still lie."""

    async def versions(self, latest: Document, before: int, limit: int) -> Sequence[Document]:
        """Return revisions of a living document that brought bytes, newest first."""

    async def dead_revisions(
        self, tenant: str, document_id: str, up_to: int
    ) -> tuple[Document, ...]:
        """Return the revisions up to and including `up_to` that can be understood."""

    async def sweep(self, tenant: str, document_id: str, up_to: int) -> None:
        """Delete the revisions up to and including `up_to`; the tombstone stays."""


class WholeBoard(DocumentBoard, Protocol):
    """A board that can be read and written whole."""

    async def set_entry(self, document: Document) -> None:
        """Show a document's entry as edited, unless a later revision of it is shown already."""

    async def put_all(self, statuses: Sequence[DocumentStatus]) -> None:
        """Create or replace the states of several documents, whoever has them in hand."""

    def every(self) -> AsyncIterator[DocumentStatus]:
        """Yield the state of every document of every tenant."""

    async def counts(self, tenant: str | None = None) -> Mapping[DocumentState, int]:
        """Return how many documents, of one tenant or of all, are in each state, 0 included."""

    async def drop(self) -> None:
        """Forget all documents."""


class WholeIndex(PassageIndex, Protocol):
    """An index that can be counted and dropped whole."""

    async def counts(self) -> Mapping[str, int]:
        """Return the number of passages by document id, of all tenants and versions."""

    async def set_entry(self, document: Document) -> None:
        """Carry a document's entry into its passages, unless they know a later revision of it."""

    async def some(self, document: Document, *, first: int, limit: int) -> Sequence[Passage]:
        """Return passages of a document's present version, from number `first` on."""

    async def remove_document(self, document_id: str) -> None:
        """Remove the passages of all versions of a document."""

    async def drop(self) -> None:
        """Delete all passages, whatever embedding model wrote them."""


class ReplaceableIndex(WholeIndex, Protocol):
    """An index beside which another can be built to take its place."""

    async def begin_successor(self) -> WholeIndex:
        """Return the index that is to take this one's place: empty, or as far as it was built.

        From here on, every change of this one is made there too, by whichever process makes it.
        """

    async def adopt_successor(self) -> None:
        """Put the successor in this one's place, at once for everybody, and delete this one."""

    async def leftovers(self) -> Sequence[str]:
        """Return the names of indexes that were built once and that nobody uses."""

    async def delete_leftovers(self) -> None:
        """Delete indexes that nobody uses."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where documents live: the truth (`blobs`, `catalogue`) and its projections."""

    blobs: Blobs
    catalogue: RevisionedCatalogue
    board: WholeBoard
    passages: ReplaceableIndex
