"""The state of each document on its way in, kept in Qdrant for everybody to see."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest, StoredDataInvalid
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.identity import AccessScope
from info_assistant.ports import StatusPage
from info_assistant.stores.qdrant.collection import Collection, CollectionPlan
from info_assistant.stores.qdrant.connection import WRITE_TIMEOUT_S, Connection
from info_assistant.stores.qdrant.payload import status_from, status_payload

_SCAN = 256
"""States read at a time where the words of a title decide."""
_SCANS = 20
"""Reads that one page may take; a search that finds little continues on the next page."""
_UNSETTLED_SEEN = 1024
_WRITE = 256
_LOG = structlog.get_logger(__name__)
_UNSETTLED = [state.value for state in DocumentState if not state.settled]


class QdrantBoard:
    """The board of documents (`ports.DocumentBoard`)."""

    def __init__(self, connection: Connection) -> None:
        """Plan the collection."""
        keyword = models.PayloadSchemaType.KEYWORD
        plan = CollectionPlan(
            alias="documents",
            name="documents_v1",
            vectors={},
            sparse={},
            indexes={
                "tenant": models.KeywordIndexParams(
                    type=models.KeywordIndexType.KEYWORD, is_tenant=True
                ),
                "access": keyword,
                "state": keyword,
            },
        )
        self._collection = Collection(connection, plan)

    async def put(self, status: DocumentStatus) -> None:
        """Create or replace the state of a document."""
        await self.put_all([status])

    async def put_all(self, statuses: Sequence[DocumentStatus]) -> None:
        """Create or replace the states of several documents."""
        for at in range(0, len(statuses), _WRITE):
            points = [
                models.PointStruct(id=each.document.id, vector={}, payload=status_payload(each))
                for each in statuses[at : at + _WRITE]
            ]
            await self._collection.ask(
                lambda client, points=points: client.upsert(  # type: ignore[misc]
                    self._collection.alias, points=points, wait=True
                ),
                timeout_s=WRITE_TIMEOUT_S,
            )

    async def set_access(self, document: Document) -> None:
        """Open a document to its groups here, unless a later revision of it is shown already.

        What is known of its way in stays as it is.
        """
        access = list(document.access)
        # What filters look at comes first: a reader of the inner revision may rely on it.
        await self._merge(document, {"access": access, "revision": document.revision}, "")
        inner = {
            "access": access,
            "revision": document.revision,
            "updated_at": document.updated_at.isoformat(),
        }
        await self._merge(document, inner, "document")

    async def get(self, scope: AccessScope, document_id: str) -> DocumentStatus | None:
        """Return the state of a document that `scope` may see."""
        if not _is_uuid(document_id):
            return None
        records = await self._collection.ask(
            lambda client: client.retrieve(
                self._collection.alias, ids=[document_id], with_payload=True
            )
        )
        for status in _readable(records):
            if scope.may_see(status.document.tenant, status.document.access):
                return status
        return None

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None,
        state: DocumentState | None,
        query: str,
    ) -> StatusPage:
        """List what `scope` may see in the order of ids; every word of `query` must occur.

        A page may hold fewer than `limit` and still have a `next`. Raises InvalidRequest.
        """
        if after is not None and not _is_uuid(after):
            raise InvalidRequest(f"`after` must be what the page before gave as `next`: {after!r}")
        words = query.casefold().split()
        visible = _filter(scope, state)
        if visible is None:
            return StatusPage((), None)
        found: list[DocumentStatus] = []
        for _ in range(_SCANS):
            size = limit - len(found) if not words else _SCAN
            statuses, following = await self._scroll(visible, size, after)
            for status in statuses:
                if len(found) == limit:
                    return StatusPage(tuple(found), status.document.id)
                if _mentions(status, words):
                    found.append(status)
            after = following
            if after is None or len(found) == limit:
                break
        return StatusPage(tuple(found), after)

    async def unsettled(self, limit: int) -> Sequence[DocumentStatus]:
        """Return documents of all tenants that still have a way to go, oldest first."""
        condition = models.Filter(
            must=[models.FieldCondition(key="state", match=models.MatchAny(any=_UNSETTLED))]
        )
        statuses, _ = await self._scroll(condition, max(limit, _UNSETTLED_SEEN), None)
        statuses.sort(key=lambda status: (status.document.updated_at, status.document.id))
        return statuses[:limit]

    async def every(self) -> AsyncIterator[DocumentStatus]:
        """Yield the state of every document of every tenant."""
        after: str | None = None
        while True:
            statuses, after = await self._scroll(None, _SCAN, after)
            for status in statuses:
                yield status
            if after is None:
                return

    async def counts(self, tenant: str | None = None) -> Mapping[DocumentState, int]:
        """Return how many documents, of one tenant or of all, are in each state, 0 included."""
        mine = None
        if tenant is not None:
            match = models.MatchValue(value=tenant)
            mine = models.Filter(must=[models.FieldCondition(key="tenant", match=match)])
        response = await self._collection.ask(
            lambda client: client.facet(
                self._collection.alias,
                key="state",
                facet_filter=mine,
                limit=len(DocumentState),
                exact=True,
            )
        )
        found = {str(hit.value): hit.count for hit in response.hits}
        return {state: found.get(state.value, 0) for state in DocumentState}

    async def remove(self, tenant: str, document_id: str) -> None:
        """Forget a document."""
        selector = models.FilterSelector(
            filter=models.Filter(
                must=[
                    models.FieldCondition(key="tenant", match=models.MatchValue(value=tenant)),
                    models.HasIdCondition(has_id=[document_id]),
                ]
            )
        )
        await self._collection.ask(
            lambda client: client.delete(
                self._collection.alias, points_selector=selector, wait=True
            ),
            timeout_s=WRITE_TIMEOUT_S,
        )

    async def drop(self) -> None:
        """Forget all documents."""
        await self._collection.drop()

    async def _merge(self, document: Document, fields: dict[str, object], inside: str) -> None:
        """Set fields at the top or `inside` a field, unless those there are of a later revision."""
        key = f"{inside}.revision" if inside else "revision"
        later = models.FieldCondition(key=key, range=models.Range(gte=document.revision))
        behind = models.Filter(
            must=[
                models.FieldCondition(key="tenant", match=models.MatchValue(value=document.tenant)),
                models.HasIdCondition(has_id=[document.id]),
            ],
            must_not=[later],
        )
        await self._collection.ask(
            lambda client: client.set_payload(
                self._collection.alias, payload=fields, key=inside or None, points=behind, wait=True
            ),
            timeout_s=WRITE_TIMEOUT_S,
        )

    async def _scroll(
        self, condition: models.Filter | None, limit: int, after: str | None
    ) -> tuple[list[DocumentStatus], str | None]:
        records, following = await self._collection.ask(
            lambda client: client.scroll(
                self._collection.alias,
                scroll_filter=condition,
                limit=limit,
                offset=after,
                with_payload=True,
            )
        )
        return _readable(records), None if following is None else str(following)


def _readable(records: Sequence[models.Record]) -> list[DocumentStatus]:
    statuses: list[DocumentStatus] = []
    for record in records:
        try:
            statuses.append(status_from(str(record.id), record.payload or {}))
        except StoredDataInvalid as exc:
            # As good as missing: the worker writes it anew from the catalogue.
            _LOG.warning("document state unreadable", error=exc.message)
    return statuses


def _filter(scope: AccessScope, state: DocumentState | None) -> models.Filter | None:
    if not scope.groups:
        return None
    must: list[models.Condition] = [
        models.FieldCondition(key="tenant", match=models.MatchValue(value=scope.tenant)),
        models.FieldCondition(key="access", match=models.MatchAny(any=sorted(scope.groups))),
    ]
    if state is not None:
        must.append(models.FieldCondition(key="state", match=models.MatchValue(value=state.value)))
    return models.Filter(must=must)


def _mentions(status: DocumentStatus, words: Sequence[str]) -> bool:
    text = f"{status.document.title}\n{status.document.source}".casefold()
    return all(word in text for word in words)


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
