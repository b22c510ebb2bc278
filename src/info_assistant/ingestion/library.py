"""The documents as people see them: their state, their bytes, their text, and their removal."""

from collections.abc import Mapping

import structlog

from info_assistant.errors import NotFound, Unavailable, VectorStoreUnavailable
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.originals import delete_unshared, load_reading, original_key
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Tombstone
from info_assistant.model.identity import AccessScope, Caller
from info_assistant.model.reading import Reading
from info_assistant.ports import Clock, StatusPage

_LOG = structlog.get_logger(__name__)


class Library:
    """Documents of all tenants, each visible to those who may see it."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Use these stores."""
        self._stores = stores
        self._clock = clock
        self._hidden: dict[str, int] = {}

    def hidden_documents(self) -> Mapping[str, int]:
        """Return removed documents that searches may still find, with their last dead version.

        Passages of these documents up to that version must not be shown.
        """
        return self._hidden

    async def status(self, scope: AccessScope, document_id: str) -> DocumentStatus:
        """Return the state of a document. Raises NotFound, VectorStoreUnavailable."""
        shown = await self._stores.board.get(scope, document_id)
        if shown is not None and not self._is_hidden(shown.document):
            return shown
        document = await self._document(scope, document_id)
        return DocumentStatus(document, DocumentState.ACCEPTED, document.updated_at)

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None = None,
        state: DocumentState | None = None,
        query: str = "",
    ) -> StatusPage:
        """List documents; `query` is words that title or source contain.

        A page may hold fewer than `limit` and still have a `next`. Raises InvalidRequest,
        VectorStoreUnavailable.
        """
        page = await self._stores.board.page(
            scope, limit=limit, after=after, state=state, query=query
        )
        seen = tuple(each for each in page.statuses if not self._is_hidden(each.document))
        return StatusPage(seen, page.next)

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, bytes]:
        """Return a document's bytes as they were uploaded; the newest version unless named.

        Raises NotFound, ObjectStorageUnavailable. Works while Qdrant is down.
        """
        document = await self._document(scope, document_id, version)
        data = await self._stores.blobs.get(original_key(document.tenant, document.content.sha256))
        return await self._status_of(scope, document), data

    async def reading(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, Reading]:
        """Return a document's text; the newest version unless named.

        Raises NotFound (also while it is not read yet), ObjectStorageUnavailable.
        """
        document = await self._document(scope, document_id, version)
        reading = await load_reading(self._stores.blobs, document)
        if reading is None:
            raise NotFound(
                f"{document.title!r} has not been read yet, so there is no text to show. "
                "Its status says how far it is."
            )
        return await self._status_of(scope, document), reading

    async def remove(self, caller: Caller, document_id: str) -> None:
        """Remove a document for good; durable, and invisible here, when this returns.

        What is left of it is swept away now or, while a store is down, by the worker later. Raises
        NotFound, ObjectStorageUnavailable.
        """
        document = await self._document(caller.scope, document_id)
        revision = document.revision
        await self._stores.catalogue.bury(
            Tombstone(document.tenant, document_id, revision, self._clock.now(), caller.subject)
        )
        self._hidden[document_id] = revision
        try:
            await self.sweep(document.tenant, document_id, revision)
        except Unavailable as exc:
            _LOG.warning("removed document not swept yet", document_id=document_id, error=exc.code)

    async def sweep(self, tenant: str, document_id: str, up_to: int) -> None:
        """Delete what is left of revisions that a tombstone covers; the catalogue's entry last.

        As long as that is there, somebody comes back to finish. Raises VectorStoreUnavailable,
        ObjectStorageUnavailable.
        """
        self._hidden[document_id] = max(up_to, self._hidden.get(document_id, 0))
        stores = self._stores
        await stores.passages.remove_versions(tenant, document_id, up_to=up_to)
        if await stores.catalogue.latest(tenant, document_id) is None:
            await stores.board.remove(tenant, document_id)
        for document in await stores.catalogue.dead_revisions(tenant, document_id, up_to):
            await delete_unshared(stores, document)
        await stores.catalogue.sweep(tenant, document_id, up_to)
        self._hidden.pop(document_id, None)

    async def _document(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> Document:
        catalogue = self._stores.catalogue
        latest = await catalogue.latest(scope.tenant, _checked(document_id))
        if latest is None or not scope.may_see(latest.tenant, latest.access):
            raise _unknown(document_id)
        if version in {None, latest.content.version}:
            return latest
        # A version is the revision that brought its bytes; access is what it is today.
        older = await catalogue.revision(scope.tenant, document_id, version or 0)
        if older is None:
            raise NotFound(f"There is no version {version} of this document any more.")
        return older

    async def _status_of(self, scope: AccessScope, document: Document) -> DocumentStatus:
        try:
            shown = await self._stores.board.get(scope, document.id)
        except VectorStoreUnavailable:
            shown = None
        if shown is not None and shown.document.content == document.content:
            return shown
        return DocumentStatus(document, DocumentState.ACCEPTED, document.updated_at)

    def _is_hidden(self, document: Document) -> bool:
        return document.revision <= self._hidden.get(document.id, 0)


def _checked(document_id: str) -> str:
    # An id becomes part of an object's name, so nothing but an id may pass.
    if len(document_id) == len("00000000-0000-0000-0000-000000000000") and not set(
        document_id
    ).difference("0123456789abcdef-"):
        return document_id
    raise _unknown(document_id)


def _unknown(document_id: str) -> NotFound:
    return NotFound(
        f"There is no document {document_id[:80]!r} that you may see. It may have been removed; "
        "the list of documents shows what there is."
    )
