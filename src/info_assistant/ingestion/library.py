"""The documents as people see them: state, bytes, text, who may see them, what becomes of them."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from info_assistant.errors import Conflict, NotFound, Unavailable, VectorStoreUnavailable
from info_assistant.ingestion.access import checked_access, explain
from info_assistant.ingestion.entries import (
    LONGEST_TITLE,
    Entries,
    EntryEdit,
    checked_id,
    checked_metadata,
    checked_text,
    unknown_document,
)
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.originals import Original
from info_assistant.ingestion.readings import open_reading
from info_assistant.ingestion.references import delete_unshared
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.model.document import (
    Document,
    DocumentState,
    DocumentStatus,
    Hold,
    HoldKind,
    Tombstone,
)
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.passage import Passage
from info_assistant.model.reading import Reading
from info_assistant.model.visibility import ChangeKind, Explanation, VisibilityChange
from info_assistant.observability.steps import Step, step
from info_assistant.ports import Clock, DocumentFilter, StatusPage

_LONGEST_REASON = 500

_LOG = structlog.get_logger(__name__)


class Library:
    """Documents of all tenants, each visible to those who may see it."""

    def __init__(self, stores: Stores, visibility: VisibilityOverlay, clock: Clock) -> None:
        """Use these stores; `visibility` knows what has changed since they were written."""
        self._stores = stores
        self._visibility = visibility
        self._clock = clock
        self._entries = Entries(stores, visibility, clock)

    @property
    def visibility(self) -> VisibilityOverlay:
        """What has changed since the index was written."""
        return self._visibility

    async def status(self, scope: AccessScope, document_id: str) -> DocumentStatus:
        """Return the state of a document.

        Raises NotFound, VectorStoreUnavailable, and ObjectStorageUnavailable where the board is
        known to be behind.
        """
        shown = await self._stores.board.get(scope, document_id)
        seen = shown and self._seen(scope, shown)
        if shown and seen and not self._visibility.knows_later_than(shown.document):
            return seen
        return self._brought_up_to_date(seen, await self._document(scope, document_id))

    async def document(self, scope: AccessScope, document_id: str) -> Document:
        """Return a document; works while Qdrant is down. Raises NotFound, Unavailable."""
        try:
            return (await self.status(scope, document_id)).document
        except VectorStoreUnavailable:
            return await self._document(scope, document_id)

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None = None,
        wanted: DocumentFilter | None = None,
    ) -> StatusPage:
        """List documents, all of them unless only some are wanted.

        A page may hold fewer than `limit` and still have a `next`. Raises InvalidRequest,
        VectorStoreUnavailable.
        """
        page = await self._stores.board.page(
            scope, limit=limit, after=after, wanted=wanted or DocumentFilter()
        )
        seen = (self._seen(scope, each) for each in page.statuses)
        return StatusPage(tuple(each for each in seen if each is not None), page.next)

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, Original]:
        """Return a document's bytes as they were uploaded; the newest version unless named.

        Raises NotFound, ObjectStorageUnavailable. Works while Qdrant is down.
        """
        document = await self._document(scope, document_id, version)
        return await self._status_of(scope, document), Original(self._stores.blobs, document)

    async def reading(
        self,
        scope: AccessScope,
        document_id: str,
        version: int | None = None,
        *,
        span: tuple[int, int] = (0, 1),
    ) -> tuple[DocumentStatus, Reading]:
        """Return a document's text; the newest version unless named.

        Of a text of more than some hundred thousand characters, the stretch around `span`.
        Raises NotFound (also while it is not read yet), ObjectStorageUnavailable.
        """
        document = await self._document(scope, document_id, version)
        stored = await open_reading(self._stores.blobs, document)
        if stored is None:
            raise NotFound(
                f"{document.title!r} has not been read yet, so there is no text to show. "
                "Its status says how far it is."
            )
        reading = await stored.stretch(*span)
        return await self._status_of(scope, document), reading

    async def remove(self, caller: Caller, document_id: str, *, purge: bool = False) -> None:
        """Remove a document for good; durable, and invisible here, when this returns.

        With `purge` its quotes go out of the records of old answers too, within minutes. Operators
        may ask for that of a document that is removed already.

        On every other replica it is invisible within 2 s. What is left of it is swept away now or,
        while a store is down, by the worker later. Raises NotFound, ObjectStorageUnavailable.
        """
        self._visibility.require_room()
        if purge and await self._purge_removed(caller, document_id):
            return
        document = await self._document(caller.scope, document_id)
        revision = document.revision
        if purge:
            await self._order_purge(caller, document_id, revision)
        await self._stores.catalogue.bury(
            Tombstone(document.tenant, document_id, revision, self._clock.now(), caller.subject)
        )
        await self._visibility.announce(
            VisibilityChange(document.tenant, document_id, ChangeKind.REMOVED, revision)
        )
        try:
            await self.sweep(document.tenant, document_id, revision)
        except Unavailable as exc:
            _LOG.warning("removed document not swept yet", document_id=document_id, error=exc.code)

    async def _purge_removed(self, caller: Caller, document_id: str) -> bool:
        """Whether the document was removed already, and its quotes are now to go as well."""
        tenant = caller.scope.tenant
        standing = await self._stores.catalogue.standing(tenant, checked_id(document_id))
        removed = standing.document is None and standing.buried > 0
        if not (removed and caller.role.includes(Role.OPERATOR)):
            return False
        await self._order_purge(caller, document_id, standing.buried)
        return True

    async def _order_purge(self, caller: Caller, document_id: str, revision: int) -> None:
        await self._stores.catalogue.order_purge(
            Tombstone(caller.scope.tenant, document_id, revision, self._clock.now(), caller.subject)
        )

    async def sweep(self, tenant: str, document_id: str, up_to: int) -> None:
        """Delete what is left of revisions that a tombstone covers; the catalogue's entry last.

        As long as that is there, somebody comes back to finish. Raises VectorStoreUnavailable,
        ObjectStorageUnavailable.
        """
        stores = self._stores
        with step(Step.DELETE, document_id=document_id):
            for document in await stores.catalogue.dead_revisions(tenant, document_id, up_to):
                await delete_unshared(stores, document)
            await stores.passages.remove_versions(tenant, document_id, up_to=up_to)
            await stores.board.remove(tenant, document_id, up_to=up_to)
            await stores.catalogue.sweep(tenant, document_id, up_to)

    async def retry(self, caller: Caller, document_id: str) -> DocumentStatus:
        """Let a document that has failed be taken in again; one still under way stays as it is.

        Raises NotFound, Conflict if it has not failed, VectorStoreUnavailable.
        """
        shown = await self.status(caller.scope, document_id)
        if not shown.state.settled:
            return shown
        if shown.state is not DocumentState.FAILED:
            raise Conflict(
                f"This document is {shown.state.value}, so there is nothing to try again. Upload "
                "it anew to replace it."
            )
        now = self._clock.now()
        await self._stores.board.reopen([shown], now)
        return DocumentStatus(shown.document, DocumentState.ACCEPTED, now)

    async def edit(self, caller: Caller, document_id: str, edit: EntryEdit) -> DocumentStatus:
        """Change title, groups or metadata; passages follow without being read or embedded again.

        In force as `Entries.change` says. Raises InvalidRequest, Forbidden, NotFound, Conflict,
        ObjectStorageUnavailable.
        """
        checked = replace(
            edit,
            title=edit.title and checked_text("title", edit.title, LONGEST_TITLE),
            access=None if edit.access is None else checked_access(caller, edit.access),
            metadata=checked_metadata(edit.metadata),
        )
        changed = await self._entries.change(caller, document_id, checked.of)
        return await self._edited(caller, changed)

    async def hold(
        self, caller: Caller, document_id: str, kind: HoldKind, reason: str
    ) -> DocumentStatus:
        """Hold a document back from answers, until somebody restores it; durable on return.

        New versions of it stay back too. In force and raising as `edit`.
        """
        reason = checked_text("reason", reason, _LONGEST_REASON)
        hold = Hold(kind, reason, caller.subject, self._clock.now())

        def held(document: Document) -> Document:
            known = document.hold
            again = known and (known.kind, known.reason) == (kind, reason)
            return document if again else replace(document, hold=hold)

        return await self._edited(caller, await self._entries.change(caller, document_id, held))

    async def restore(self, caller: Caller, document_id: str) -> DocumentStatus:
        """Let a document into answers again: at once where its passages are there.

        In force and raising as `edit`.
        """
        changed = await self._entries.change(
            caller, document_id, lambda document: replace(document, hold=None)
        )
        return await self._edited(caller, changed)

    async def versions(
        self, scope: AccessScope, document_id: str, *, before: int, limit: int
    ) -> Sequence[Document]:
        """Return revisions below `before` that brought bytes, newest first.

        Raises NotFound, ObjectStorageUnavailable.
        """
        latest = await self._document(scope, document_id)
        return await self._stores.catalogue.versions(latest, before, limit)

    async def passages(
        self, scope: AccessScope, document_id: str, *, first: int, limit: int
    ) -> tuple[DocumentStatus, Sequence[Passage]]:
        """Return a document's passages as they are searched and quoted, from number `first` on.

        Raises NotFound, VectorStoreUnavailable.
        """
        # The board may not know yet that the document is held back; the catalogue does.
        document = await self._document(scope, document_id)
        found = await self._stores.passages.some(document, first=first, limit=limit)
        return await self._status_of(scope, document), found

    async def project_entry(self, document: Document) -> None:
        """Carry a document's entry into the projections. Raises VectorStoreUnavailable."""
        await self._entries.project(document)

    async def explain_access(
        self, tenant: str, document_id: str, scope: AccessScope
    ) -> Explanation:
        """Say whether `scope` may see a document of `tenant`, and why.

        Raises NotFound if there never was one, ObjectStorageUnavailable.
        """
        catalogue = self._stores.catalogue
        standing = await catalogue.standing(tenant, checked_id(document_id))
        tombstone = await catalogue.tombstone(tenant, document_id, standing.buried)
        document, state = standing.document, None
        if document is None and tombstone is None:
            raise NotFound(f"There is no document {document_id!r} in the tenant {tenant!r}.")
        if document is not None:
            try:
                open_to = AccessScope(tenant, frozenset(document.access))
                state = (await self.status(open_to, document_id)).state
            except VectorStoreUnavailable:
                state = None
        return explain(scope, document, state, tombstone)

    async def _edited(self, caller: Caller, document: Document) -> DocumentStatus:
        """Return a document after an edit, which may have closed it to the caller."""
        either = AccessScope(document.tenant, caller.scope.groups | set(document.access))
        return await self._status_of(either, document)

    async def _document(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> Document:
        catalogue = self._stores.catalogue
        standing = await catalogue.standing(scope.tenant, checked_id(document_id))
        latest = standing.document
        if latest is None or not scope.may_see(latest.tenant, latest.access):
            raise unknown_document(document_id)
        if version is None or version == latest.content.version:
            return latest
        # A version is the revision that brought its bytes; access is what it is today. Those of a
        # removed document of this name were open to others, and wait to be swept away.
        removed = version <= standing.buried
        older = None if removed else await catalogue.revision(scope.tenant, document_id, version)
        if older is None:
            raise NotFound(f"There is no version {version} of this document any more.")
        # Its bytes are of then; who may see them, and whether, is as it is now.
        return replace(older, access=latest.access, metadata=latest.metadata, hold=latest.hold)

    async def _status_of(self, scope: AccessScope, document: Document) -> DocumentStatus:
        try:
            shown = await self._stores.board.get(scope, document.id)
        except VectorStoreUnavailable:
            shown = None
        return self._brought_up_to_date(shown and self._seen(scope, shown), document)

    @staticmethod
    def _brought_up_to_date(seen: DocumentStatus | None, document: Document) -> DocumentStatus:
        """Return the state of a document whose entry comes from the catalogue."""
        if seen and seen.document.content == document.content:
            return seen.with_entry(document)
        return DocumentStatus(document, DocumentState.ACCEPTED, document.updated_at)

    def _seen(self, scope: AccessScope, shown: DocumentStatus) -> DocumentStatus | None:
        """Return what the board shows, brought up to date, if `scope` may see it now."""
        document = self._visibility.current(shown.document)
        if document is None or not scope.may_see(document.tenant, document.access):
            return None
        return shown if document is shown.document else replace(shown, document=document)
