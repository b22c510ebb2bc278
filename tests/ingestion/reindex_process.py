"""Builds a new index in a process of its own, that a test kills: folder and URL are arguments."""

import asyncio
import sys
from collections.abc import Sequence

from tests.ingestion.conftest import HashEmbedder, ThreadReader
from tests.qdrant_process import PATIENT_S

from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.reindex import Reindexer
from info_assistant.ingestion.worker import Tools
from info_assistant.model.passage import Passage, PassageVectors
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.qdrant import QdrantStore


def tell(word: str) -> None:
    """Say a word to the test."""
    sys.stdout.write(f"test: {word}\n")
    sys.stdout.flush()


class TellingEmbedder(HashEmbedder):
    """Says on stdout how much it embeds, and waits for a word before it does."""

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed passages."""
        tell(f"embedding {len(passages)}")
        await asyncio.to_thread(sys.stdin.readline)
        return await super().embed_passages(passages)


async def main() -> None:
    """Build a new index and put it in place."""
    blobs = ObjectBlobs(sys.argv[1])
    qdrant = QdrantStore(sys.argv[2], None, HashEmbedder.identity, PATIENT_S)
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    embedder = TellingEmbedder()
    tools = Tools(ThreadReader(), embedder, embedder)
    await Reindexer(stores, tools, lambda _done, _total: None).run()
    tell("done")


if __name__ == "__main__":
    asyncio.run(main())
