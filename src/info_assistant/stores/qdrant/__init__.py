"""Passages and document states in Qdrant: projections, rebuilt from object storage at any time."""

from collections.abc import Callable

from info_assistant.stores.qdrant.board import QdrantBoard
from info_assistant.stores.qdrant.connection import Connection
from info_assistant.stores.qdrant.copies import QdrantCopies
from info_assistant.stores.qdrant.passages import QdrantPassages
from info_assistant.stores.qdrant.search import RankBy

__all__ = ["QdrantBoard", "QdrantCopies", "QdrantPassages", "QdrantStore", "RankBy"]

DIMENSION = 384


def _ignore() -> None:
    """Count nothing."""


class QdrantStore:
    """One Qdrant with both projections (`ports.Probe`).

    Works with a Qdrant that is down at the start, restarts, or loses its storage: collections are
    made when first needed. `embedder_identity` names the model whose vectors are stored.
    `url` may name several peers, with commas between them: who breaks or hangs is passed over.
    `timeout_s` bounds each read; `on_error` is called for every failed request.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        embedder_identity: str,
        timeout_s: float = 2.0,
        on_error: Callable[[], None] = _ignore,
    ) -> None:
        """Remember where Qdrant is; nothing is opened before the first request."""
        self.connection = Connection(url, api_key, timeout_s, on_error)
        self.passages = QdrantPassages(self.connection, embedder_identity, DIMENSION)
        self.board = QdrantBoard(self.connection)

    async def ping(self) -> None:
        """Return if Qdrant answers and takes our key. Raises VectorStoreUnavailable."""
        await self.connection.ask(lambda client: client.get_aliases())

    async def drop_projections(self) -> None:
        """Delete both projections; they come into being again, empty, at the next use."""
        await self.passages.drop()
        await self.board.drop()

    async def close(self) -> None:
        """Close the connections."""
        await self.connection.close()
