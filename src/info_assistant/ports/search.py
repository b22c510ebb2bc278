"""Passages that can be searched, and the vectors by which they are found."""

from collections.abc import Sequence
from typing import Protocol

from info_assistant.model.document import Document
from info_assistant.model.identity import AccessScope
from info_assistant.model.passage import (
    Candidate,
    IndexedPassage,
    Passage,
    PassageVectors,
    QuestionVectors,
)
from info_assistant.model.question import Filters


class PassageIndex(Protocol):
    """Searchable passages: a projection. All methods raise VectorStoreUnavailable."""

    async def search(
        self, scope: AccessScope, question: QuestionVectors, filters: Filters, limit: int
    ) -> Sequence[Candidate]:
        """Return the `limit` best passages that `scope` may see, best first.

        Dense and lexical rankings are fused, and scope and filters applied, inside the search.
        """

    async def write(self, passages: Sequence[IndexedPassage], *, hidden: bool = False) -> None:
        """Write passages durably; writing them again changes nothing.

        Those written `hidden` are open to nobody until `reveal`; what is revealed stays as it is.
        """

    async def reveal(self, documents: Sequence[Document]) -> None:
        """Open what is hidden of these versions to their groups, all of each at once."""

    async def remove_versions(self, tenant: str, document_id: str, *, up_to: int) -> None:
        """Remove the passages of a document's versions up to and including `up_to`."""

    async def count(self, tenant: str, document_id: str, version: int) -> int:
        """Return how many passages of this version are searchable."""


class Embedder(Protocol):
    """Turns text into vectors off the event loop. Raises EmbedderUnavailable."""

    @property
    def identity(self) -> str:
        """Model name and the hash of its weights: another identity needs another collection."""

    async def embed_question(self, text: str) -> QuestionVectors:
        """Embed a question, ahead of any document work."""

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed passages with their context, yielding to questions."""
