"""The documents as people see them: state, bytes, text, who may see them, and their removal."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from info_assistant.errors import Conflict, NotFound, Unavailable, VectorStoreUnavailable
from info_assistant.ingestion.access import checked_access, explain
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.originals import delete_unshared, original_key
from info_assistant.ingestion.readings import open_reading
from info_assistant.ingestion.visibility import VisibilityOverlay, access_change
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Tombstone
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.reading import Reading
from info_assistant.model.visibility import ChangeKind, Explanation, VisibilityChange
from info_assistant.ports import Clock, StatusPage

_ATTEMPTS = 5
_PROJECT_S = 2.0

_LOG = structlog.get_logger(__name__)


class Library:
    """Documents of all tenants, each visible to those who may see it."""

    def __init__(self, stores: Stores, visibility: VisibilityOverlay, clock: Clock) -> None:
        """Use these stores; `visibility` knows what has changed since they were written."""
        self._stores = stores
        self._visibility = visibility
        self._clock = clock

    @property
    def visibility(self) -> VisibilityOverlay:
        """What has changed since the index was written."""
        return self._visibility

    async def status(self, scope: AccessScope, document_id: str) -> DocumentStatus:
        """Return the state of a document. Raises NotFound, VectorStoreUnavailable."""
        shown = await self._stores.board.get(scope, document_id)
        seen = shown and self._seen(scope, shown)
        if seen:
            return seen
        document = await self._document(scope, document_id)
        return DocumentStatus(document, DocumentState.ACCEPTED, document.updated_at)

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
        seen = (self._seen(scope, each) for each in page.statuses)
        return StatusPage(tuple(each for each in seen if each is not None), page.next)

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

    async def remove(self, caller: Caller, document_id: str) -> None:
        """Remove a document for good; durable, and invisible here, when this returns.

        On every other replica it is invisible within 2 s. What is left of it is swept away now or,
        while a store is down, by the worker later. Raises NotFound, ObjectStorageUnavailable.
        """
        self._visibility.require_room()
        document = await self._document(caller.scope, document_id)
        revision = document.revision
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

    async def sweep(self, tenant: str, document_id: str, up_to: int) -> None:
        """Delete what is left of revisions that a tombstone covers; the catalogue's entry last.

        As long as that is there, somebody comes back to finish. Raises VectorStoreUnavailable,
        ObjectStorageUnavailable.
        """
        stores = self._stores
        await stores.passages.remove_versions(tenant, document_id, up_to=up_to)
        if await stores.catalogue.latest(tenant, document_id) is None:
            await stores.board.remove(tenant, document_id)
        for document in await stores.catalogue.dead_revisions(tenant, document_id, up_to):
            await delete_unshared(stores, document)
        await stores.catalogue.sweep(tenant, document_id, up_to)

    async def change_access(
        self, caller: Caller, document_id: str, groups: Sequence[str]
    ) -> DocumentStatus:
        """Open a document to these groups and to no others.

        In force here, for text under way too, when this returns, and on every other replica within
        2 s; the index follows, now or, while Qdrant is down, later. Callers may do this with what
        they see, operators with each document of their tenant: one that is closed to all by mistake
        would stay so. Raises InvalidRequest, Forbidden, NotFound, Conflict,
        ObjectStorageUnavailable.
        """
        access = checked_access(caller, groups)
        self._visibility.require_room()
        changed = await self._commit_access(caller, document_id, access)
        await self._visibility.announce(access_change(changed))
        try:
            async with asyncio.timeout(_PROJECT_S):
                await self.project_access(changed)
        except (TimeoutError, Unavailable) as exc:
            code = getattr(exc, "code", "timeout")
            _LOG.warning("access not in the index yet", document_id=document_id, error=code)
        either = AccessScope(changed.tenant, caller.scope.groups | set(access))
        return await self._status_of(either, changed)

    async def project_access(self, document: Document) -> None:
        """Open a document to its groups in the index and on the board, states left as they are.

        Raises VectorStoreUnavailable.
        """
        # The board last: what it shows, the index has.
        await self._stores.passages.set_access(document)
        await self._stores.board.set_access(document)

    async def explain_access(
        self, tenant: str, document_id: str, scope: AccessScope
    ) -> Explanation:
        """Say whether `scope` may see a document of `tenant`, and why.

        Raises NotFound if there never was one, ObjectStorageUnavailable.
        """
        catalogue = self._stores.catalogue
        standing = await catalogue.standing(tenant, _checked(document_id))
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

    async def _commit_access(
        self, caller: Caller, document_id: str, access: tuple[str, ...]
    ) -> Document:
        tenant = caller.scope.tenant
        for _ in range(_ATTEMPTS):
            document = await self._stores.catalogue.latest(tenant, _checked(document_id))
            if document is None or not (
                caller.role.includes(Role.OPERATOR)
                or caller.scope.may_see(document.tenant, document.access)
            ):
                raise _unknown(document_id)
            if document.access == access:
                # Told all the same: an attempt before this one may have come only so far.
                return document
            changed = replace(
                document,
                revision=document.revision + 1,
                access=access,
                updated_at=self._clock.now(),
            )
            if await self._stores.catalogue.commit(changed):
                return changed
        raise Conflict(
            "The document is being changed by others at this moment, so its access was not "
            "changed. Try again in a moment.",
            retry_after_s=1,
        )

    async def _document(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> Document:
        catalogue = self._stores.catalogue
        standing = await catalogue.standing(scope.tenant, _checked(document_id))
        latest = standing.document
        if latest is None or not scope.may_see(latest.tenant, latest.access):
            raise _unknown(document_id)
        if version is None or version == latest.content.version:
            return latest
        # A version is the revision that brought its bytes; access is what it is today. Those of a
        # removed document of this name were open to others, and wait to be swept away.
        removed = version <= standing.buried
        older = None if removed else await catalogue.revision(scope.tenant, document_id, version)
        if older is None:
            raise NotFound(f"There is no version {version} of this document any more.")
        return older

    async def _status_of(self, scope: AccessScope, document: Document) -> DocumentStatus:
        try:
            shown = await self._stores.board.get(scope, document.id)
        except VectorStoreUnavailable:
            shown = None
        seen = shown and self._seen(scope, shown)
        if seen and seen.document.content == document.content:
            return seen
        return DocumentStatus(document, DocumentState.ACCEPTED, document.updated_at)

    def _seen(self, scope: AccessScope, shown: DocumentStatus) -> DocumentStatus | None:
        """Return what the board shows, brought up to date, if `scope` may see it now."""
        document = self._visibility.current(shown.document)
        if document is None or not scope.may_see(document.tenant, document.access):
            return None
        return shown if document is shown.document else replace(shown, document=document)


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
