"""The state of each document on its way in, kept in Qdrant for everybody to see."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest, StoredDataInvalid
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.identity import AccessScope
from info_assistant.ports import DocumentFilter, StatusPage
from info_assistant.stores.qdrant.connection import (
    WRITE_TIMEOUT_S,
    Collection,
    CollectionPlan,
    Connection,
)
from info_assistant.stores.qdrant.payload import (
    entry_at_top,
    entry_inside,
    status_from,
    status_payload,
)

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
                "tags": keyword,
                "marking": keyword,
                "review_by": models.PayloadSchemaType.INTEGER,
                "superseded": models.PayloadSchemaType.INTEGER,
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

    async def set_entry(self, document: Document) -> None:
        """Show a document's entry as it was edited, unless a later revision is shown already.

        What is known of its way in stays as it is; only who is at rest goes out of answers, or back
        into them: at once where its passages are there, else by being read again.
        """
        # What filters look at comes first: a reader of the inner revision may rely on it. Of
        # several writes with the same guard the first that fits is the only one that counts.
        for state, fits in _after_edit(document):
            fields = entry_at_top(document) | ({"state": state.value} if state else {})
            await self._merge(document, fields, also=fits)
        await self._merge(document, entry_inside(document), inside="document")

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
        wanted: DocumentFilter,
    ) -> StatusPage:
        """List what `scope` may see in the order of ids; every word of a query must occur.

        A page may hold fewer than `limit` and still have a `next`. Raises InvalidRequest.
        """
        if after is not None and not _is_uuid(after):
            raise InvalidRequest(f"`after` must be what the page before gave as `next`: {after!r}")
        words = wanted.query.casefold().split()
        visible = _filter(scope, wanted)
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

    async def _merge(
        self,
        document: Document,
        fields: dict[str, object],
        *,
        inside: str = "",
        also: Sequence[models.FieldCondition] = (),
    ) -> None:
        """Set fields at the top or `inside` a field, unless those there are of a later revision.

        `also` is what else must hold.
        """
        key = f"{inside}.revision" if inside else "revision"
        later = models.FieldCondition(key=key, range=models.Range(gte=document.revision))
        behind = models.Filter(
            must=[
                models.FieldCondition(key="tenant", match=models.MatchValue(value=document.tenant)),
                models.HasIdCondition(has_id=[document.id]),
                *also,
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


def _after_edit(
    document: Document,
) -> list[tuple[DocumentState | None, tuple[models.FieldCondition, ...]]]:
    """Return the state that a document goes into by an edit, and for which documents that holds.

    None leaves the state as it is: a document under way is put to rest by who takes it in.
    """
    at_rest = [state.value for state in DocumentState if state.settled]
    stay: tuple[DocumentState | None, tuple[models.FieldCondition, ...]] = (None, ())
    if document.hold:
        resting = models.FieldCondition(key="state", match=models.MatchAny(any=at_rest))
        return [(DocumentState.WITHDRAWN, (resting,)), stay]
    held = _is("state", DocumentState.WITHDRAWN.value)
    whole = models.FieldCondition(key="passages", range=models.Range(gte=1))
    return [(DocumentState.READY, (held, whole)), (DocumentState.ACCEPTED, (held,)), stay]


def _is(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _filter(scope: AccessScope, wanted: DocumentFilter) -> models.Filter | None:
    if not scope.groups:
        return None
    must: list[models.Condition] = [
        _is("tenant", scope.tenant),
        models.FieldCondition(key="access", match=models.MatchAny(any=sorted(scope.groups))),
    ]
    exact = {
        "state": wanted.state and wanted.state.value,
        "tags": wanted.tag,
        "marking": wanted.marking,
    }
    must += [_is(key, value) for key, value in exact.items() if value is not None]
    if wanted.review_before is not None:
        before = models.Range(lt=wanted.review_before.toordinal())
        must.append(models.FieldCondition(key="review_by", range=before))
    if wanted.superseded_by is not None:
        by = models.Range(lte=wanted.superseded_by.toordinal())
        must.append(models.FieldCondition(key="superseded", range=by))
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
