"""Brings the projections back in line with the catalogue, whatever was missed or lost."""

import structlog

from info_assistant.errors import StoredDataInvalid
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.model.document import DocumentState, DocumentStatus, Tombstone
from info_assistant.model.visibility import ChangeKind, VisibilityChange
from info_assistant.ports import Clock

_GROUP = 256
_RECONCILER = "reconciler"
_LOG = structlog.get_logger(__name__)


class Reconciler:
    """Compares the catalogue, the board and the index, and mends what differs.

    Documents under way are left alone, whoever has them: only what nobody has begins anew.
    """

    def __init__(self, stores: Stores, library: Library, clock: Clock) -> None:
        """Mend these stores."""
        self._stores = stores
        self._library = library
        self._clock = clock

    async def mend(self) -> int:
        """Compare and mend once; return how many documents are to be indexed again.

        Raises VectorStoreUnavailable, ObjectStorageUnavailable, Misconfigured.
        """
        async for tenant, document_id, up_to in self._stores.catalogue.unswept():
            await self._library.sweep(tenant, document_id, up_to)
        # The index first, the catalogue second, the board last. What was indexed before the
        # catalogue was listed and is not in it is gone; what is on the board and not in it may
        # have been uploaded since and is looked up once more.
        counts = dict(await self._stores.passages.counts())
        living = {
            document_id: (tenant, revision)
            async for tenant, document_id, revision in self._stores.catalogue.living()
        }
        again = await self._compare_board(living, counts)
        for document_id in counts.keys() - living.keys():
            await self._stores.passages.remove_document(document_id)
        await self._library.visibility.settle(self._project)
        return again

    async def _compare_board(
        self, living: dict[str, tuple[str, int]], counts: dict[str, int]
    ) -> int:
        missing = set(living)
        behind: list[str] = []
        torn: list[DocumentStatus] = []
        async for status in self._stores.board.every():
            document = status.document
            missing.discard(document.id)
            if document.id not in living:
                await self._remove_if_gone(status)
            elif document.revision < living[document.id][1]:
                if not await self._reopened(status, living[document.id][1]):
                    behind.append(document.id)
            elif status.state is DocumentState.READY and not await self._is_whole(status, counts):
                torn.append(status)
        behind += sorted(missing)
        for start in range(0, len(behind), _GROUP):
            await self._accept([(*living[key], key) for key in behind[start : start + _GROUP]])
        await self._stores.board.reopen(torn, self._clock.now())
        return len(behind) + len(torn)

    async def _reopened(self, status: DocumentStatus, revision: int) -> bool:
        """Whether all that the board missed is who may see a document, which it now knows."""
        shown = status.document
        try:
            newest = await self._stores.catalogue.revision(shown.tenant, shown.id, revision)
        except StoredDataInvalid:
            return False
        if newest is None or not status.state.settled or newest.content != shown.content:
            return False
        await self._library.project_entry(newest)
        return True

    async def _project(self, change: VisibilityChange) -> None:
        """Carry a change into the index, whatever was written there after it was first done."""
        tenant, document_id = change.tenant, change.document_id
        if change.kind is ChangeKind.REMOVED:
            await self._stores.passages.remove_versions(tenant, document_id, up_to=change.revision)
            return
        newest = await self._stores.catalogue.latest(tenant, document_id)
        if newest is not None:
            await self._library.project_entry(newest)

    async def _is_whole(self, status: DocumentStatus, counts: dict[str, int]) -> bool:
        """Whether the index holds the passages of a ready document and no others of it."""
        document = status.document
        version = document.content.version
        if counts.get(document.id, 0) == status.passages:
            return True
        passages = self._stores.passages
        # An empty index was wiped; asking it about each document would only take time.
        found = await passages.count(document.tenant, document.id, version) if counts else 0
        if found < status.passages:
            _LOG.warning("passages missing", document_id=document.id, found=found)
            return False
        if found > status.passages:
            await passages.remove_document(document.id)
            return False
        await passages.remove_versions(document.tenant, document.id, up_to=version - 1)
        return True

    async def _accept(self, documents: list[tuple[str, int, str]]) -> None:
        statuses: list[DocumentStatus] = []
        for tenant, revision, document_id in documents:
            now = self._clock.now()
            try:
                document = await self._stores.catalogue.latest(tenant, document_id)
            except StoredDataInvalid as exc:
                _LOG.error("catalogue object unreadable", error=exc.message)
                continue
            if document is not None:
                statuses.append(DocumentStatus(document, DocumentState.ACCEPTED, now))
            else:
                # A change that a removal overtook has a name here, and no bytes to live on.
                await self._stores.catalogue.bury(
                    Tombstone(tenant, document_id, revision, now, _RECONCILER)
                )
        await self._stores.board.announce(statuses)

    async def _remove_if_gone(self, status: DocumentStatus) -> None:
        tenant, document_id = status.document.tenant, status.document.id
        if await self._is_gone(tenant, document_id):
            up_to = status.document.revision
            await self._stores.passages.remove_versions(tenant, document_id, up_to=up_to)
            await self._stores.board.remove(tenant, document_id, up_to=up_to)

    async def _is_gone(self, tenant: str, document_id: str) -> bool:
        try:
            return await self._stores.catalogue.latest(tenant, document_id) is None
        except StoredDataInvalid:
            return False
