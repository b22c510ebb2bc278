"""Builds a new index beside the one in use and puts it in its place, while questions go on.

The successor is built from the catalogue and the stored texts. Meanwhile every change that anybody
makes to the index in use is made to it as well (`begin_successor`), and what the catalogue says is
compared until nothing is left to do: so whatever changes on the way is right in it. Everything may
be done twice, and what a killed run wrote is not embedded again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from info_assistant.errors import NotFound, StoredDataInvalid, Unreadable
from info_assistant.ingestion.batches import Work
from info_assistant.ingestion.needs import Stores, WholeIndex
from info_assistant.ingestion.portions import portions_of, text_of
from info_assistant.ingestion.readings import StoredReading
from info_assistant.ingestion.worker import Tools
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.passage import IndexedPassage, Passage

_BATCH = 64
_LOG = structlog.get_logger(__name__)
_T = TypeVar("_T")


async def _once(action: Callable[[], Awaitable[_T]]) -> _T:
    return await action()


class Reindexer:
    """Builds the successor of an index and puts it in its place."""

    def __init__(
        self, stores: Stores, tools: Tools, on_progress: Callable[[int, int], None]
    ) -> None:
        """Replace `stores.passages`; `on_progress` is told (documents done, of how many)."""
        self._stores = stores
        self._tools = tools
        self._on_progress = on_progress
        self._done: dict[str, int] = {}
        self._passages: dict[str, int] = {}

    async def run(self) -> int:
        """Do it, or go on with what was begun; return the number of documents.

        Raises VectorStoreUnavailable, ObjectStorageUnavailable, EmbedderUnavailable, Misconfigured.
        """
        successor = await self._stores.passages.begin_successor()
        await self._catch_up(successor)
        await self._stores.passages.adopt_successor()
        # Once more: for whoever was between looking where to write and writing.
        await self._catch_up(self._stores.passages)
        await self._correct_board()
        return len(self._done)

    async def _catch_up(self, index: WholeIndex) -> None:
        """Bring `index` in line with the catalogue, until there is nothing left to do."""
        while True:
            living = {
                document_id: (tenant, revision)
                async for tenant, document_id, revision in self._stores.catalogue.living()
            }
            todo = [key for key, (_, revision) in living.items() if self._done.get(key) != revision]
            for number, document_id in enumerate(todo):
                self._on_progress(len(living) - len(todo) + number, len(living))
                await self._take(index, *living[document_id], document_id)
            for document_id in (await index.counts()).keys() - living.keys():
                if document_id in self._done or not await self._is_new(document_id):
                    await index.remove_document(document_id)
                self._done.pop(document_id, None)
            self._on_progress(len(living), len(living))
            if not todo:
                return

    async def _is_new(self, document_id: str) -> bool:
        """Whether a document has come to life since the catalogue was listed."""
        return any([key == document_id async for _, key, _ in self._stores.catalogue.living()])

    async def _take(self, index: WholeIndex, tenant: str, revision: int, document_id: str) -> None:
        """Make one document right in `index`, whatever happens to it meanwhile."""
        catalogue = self._stores.catalogue
        while True:
            try:
                document = await catalogue.latest(tenant, document_id)
                if document is None:
                    await index.remove_document(document_id)
                    self._done[document_id] = revision
                    return
                await self._index(index, document)
            except (Unreadable, NotFound, StoredDataInvalid) as exc:
                # It has no passages in the index in use either; its state says why.
                _LOG.info("document not indexed anew", document_id=document_id, error=exc.code)
                self._done[document_id] = revision
                return
            self._done[document_id] = document.revision
            after = await catalogue.latest(tenant, document_id)
            if after is not None and after.revision == document.revision:
                return

    async def _index(self, index: WholeIndex, document: Document) -> None:
        version = document.content.version
        reading = await text_of(document, self._stores.blobs, self._tools.reader)
        work = _work(document, reading)
        there = await index.count(document.tenant, document.id, version)
        if not there or there != await self._count(_work(document, reading)):
            async for passages in portions_of(work, self._tools.counter, _once):
                for at in range(0, len(passages), _BATCH):
                    await self._write(index, passages[at : at + _BATCH])
            there = work.passages
        self._passages[document.id] = there
        if version > 1:
            await index.remove_versions(document.tenant, document.id, up_to=version - 1)
        await index.set_entry(document)

    async def _count(self, work: Work) -> int:
        async for _ in portions_of(work, self._tools.counter, _once):
            pass
        return work.passages

    async def _write(self, index: WholeIndex, passages: Sequence[Passage]) -> None:
        vectors = await self._tools.embedder.embed_passages(passages)
        await index.write([IndexedPassage(*pair) for pair in zip(passages, vectors, strict=True)])

    async def _correct_board(self) -> None:
        """Let the board say how many passages documents have now, where that has changed."""
        async for status in self._stores.board.every():
            there = self._passages.get(status.document.id, status.passages)
            current = status.document.revision == self._done.get(status.document.id)
            if status.state is DocumentState.READY and current and there != status.passages:
                await self._stores.board.put_all([replace(status, passages=there)])


def _work(document: Document, reading: StoredReading) -> Work:
    """Return what a document's portions are counted in; nobody else has it in hand."""
    return Work(
        DocumentStatus(document, DocumentState.INDEXING, document.updated_at), document, reading
    )
