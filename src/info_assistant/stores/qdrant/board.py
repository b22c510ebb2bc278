"""The state of each document on its way in, kept in Qdrant for everybody to see."""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

import structlog
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest, StoredDataInvalid
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.identity import AccessScope
from info_assistant.model.lease import Lease
from info_assistant.ports import DocumentFilter, StatusPage
from info_assistant.stores.qdrant.board_filters import (
    NOBODYS,
    UNSETTLED,
    after_edit,
    any_of,
    as_seen,
    behind,
    listed,
    ours,
)
from info_assistant.stores.qdrant.collection import Collection, CollectionPlan
from info_assistant.stores.qdrant.conditions import equals
from info_assistant.stores.qdrant.connection import WRITE_TIMEOUT_S, Connection
from info_assistant.stores.qdrant.payload import (
    entry_at_top,
    entry_inside,
    lease_fields,
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


class QdrantBoard:
    """The board of documents (`ports.DocumentBoard`)."""

    def __init__(self, connection: Connection, plan: CollectionPlan | None = None) -> None:
        """Plan the collection, or use that of `plan`."""
        self._connection = connection
        self._collection = Collection(connection, plan or _plan())

    @property
    def collection(self) -> Collection:
        """What all of it lies in."""
        return self._collection

    def over(self, plan: CollectionPlan) -> "QdrantBoard":
        """Return a board in another collection."""
        return QdrantBoard(self._connection, plan)

    async def put(self, status: DocumentStatus) -> None:
        """Create or replace the state of a document."""
        await self.put_all([status])

    async def put_all(self, statuses: Sequence[DocumentStatus]) -> None:
        """Create or replace the states of several documents, whoever has them in hand."""
        await self._write(statuses, None)

    async def announce(self, statuses: Sequence[DocumentStatus]) -> None:
        """Show new revisions, unless later ones or the same are shown; takes away their leases."""
        await self._write(statuses, lambda each: [behind(each.document.revision)])

    async def reopen(self, shown: Sequence[DocumentStatus], at: datetime) -> None:
        """Begin anew with documents that nobody has in hand, if they still stand as `shown`."""
        afresh = [DocumentStatus(each.document, DocumentState.ACCEPTED, at) for each in shown]
        states = {each.document.id: each.state.value for each in shown}
        await self._write(
            afresh,
            lambda each: [
                equals("revision", each.document.revision),
                equals("state", states[each.document.id]),
                NOBODYS,
            ],
        )

    async def claim(self, seen: Sequence[DocumentStatus], lease: Lease) -> Sequence[DocumentStatus]:
        """Take those of the documents in hand that nobody has claimed since they were `seen`."""
        if not seen:
            return []
        await self._collection.ask(
            lambda client: client.set_payload(
                self._collection.alias,
                payload={"lease": lease_fields(lease)},
                points=any_of(seen, as_seen),
                wait=True,
                ordering=models.WriteOrdering.MEDIUM,
            ),
            timeout_s=WRITE_TIMEOUT_S,
        )
        found = await self._retrieve([each.document.id for each in seen])
        return [each for each in found if each.lease and each.lease.token == lease.token]

    async def report(
        self, statuses: Sequence[DocumentStatus]
    ) -> Mapping[str, DocumentStatus | None]:
        """Write states, each under the lease that it carries; a state that ends the work ends it.

        What somebody else has claimed since, or of which a later revision is shown, stays as it is.
        Return what is shown of it, by document id, None where that is nothing.
        """
        if not statuses:
            return {}
        await self._write(statuses, ours, models.UpdateMode.UPDATE_ONLY)
        found = {
            each.document.id: each
            for each in await self._retrieve([each.document.id for each in statuses])
        }
        return {
            each.document.id: found.get(each.document.id)
            for each in statuses
            if not _shows(found.get(each.document.id), each)
        }

    async def _write(
        self,
        statuses: Sequence[DocumentStatus],
        conditions: Callable[[DocumentStatus], list[models.Condition]] | None,
        mode: models.UpdateMode | None = None,
    ) -> None:
        """Write states over those that are there where these meet the conditions."""
        for at in range(0, len(statuses), _WRITE):
            group = statuses[at : at + _WRITE]
            points = [
                models.PointStruct(id=each.document.id, vector={}, payload=status_payload(each))
                for each in group
            ]
            met = None if conditions is None else any_of(group, conditions)
            await self._collection.ask(
                lambda client, points=points, met=met: client.upsert(  # type: ignore[misc]
                    self._collection.alias,
                    points=points,
                    wait=True,
                    ordering=models.WriteOrdering.MEDIUM,
                    update_filter=met,
                    update_mode=mode,
                ),
                timeout_s=WRITE_TIMEOUT_S,
            )

    async def _retrieve(self, ids: Sequence[str]) -> list[DocumentStatus]:
        records = await self._collection.ask(
            lambda client: client.retrieve(self._collection.alias, ids=ids, with_payload=True)
        )
        return _readable(records)

    async def set_entry(self, document: Document) -> None:
        """Show a document's entry as it was edited, unless a later revision is shown already.

        What is known of its way in stays as it is; only who is at rest goes out of answers, or back
        into them: at once where its passages are there, else by being read again.
        """
        # What filters look at comes first: a reader of the inner revision may rely on it. Of
        # several writes with the same guard the first that fits is the only one that counts.
        for state, fits in after_edit(document):
            fields = entry_at_top(document) | ({"state": state.value} if state else {})
            await self._merge(document, fields, also=fits)
        await self._merge(document, entry_inside(document), inside="document")

    async def get(self, scope: AccessScope, document_id: str) -> DocumentStatus | None:
        """Return the state of a document that `scope` may see."""
        if not _is_uuid(document_id):
            return None
        for status in await self._retrieve([document_id]):
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
        visible = listed(scope, wanted)
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
            must=[models.FieldCondition(key="state", match=models.MatchAny(any=UNSETTLED))]
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
            mine = models.Filter(must=[equals("tenant", tenant)])
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

    async def remove(self, tenant: str, document_id: str, *, up_to: int) -> None:
        """Forget a document, unless a revision later than `up_to` is shown."""
        selector = models.FilterSelector(
            filter=models.Filter(
                must=[
                    equals("tenant", tenant),
                    models.HasIdCondition(has_id=[document_id]),
                    models.FieldCondition(key="revision", range=models.Range(lte=up_to)),
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
                equals("tenant", document.tenant),
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


def _plan() -> CollectionPlan:
    keyword = models.PayloadSchemaType.KEYWORD
    return CollectionPlan(
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


def _shows(shown: DocumentStatus | None, written: DocumentStatus) -> bool:
    """Whether what is shown is what was written, perhaps by an attempt before the last."""
    return (
        shown is not None
        and shown.state is written.state
        and shown.document.revision == written.document.revision
        and (shown.lease and shown.lease.token)
        == (written.lease.token if written.lease and written.state.in_hand else None)
    )


def _readable(records: Sequence[models.Record]) -> list[DocumentStatus]:
    statuses: list[DocumentStatus] = []
    for record in records:
        try:
            statuses.append(status_from(str(record.id), record.payload or {}))
        except StoredDataInvalid as exc:
            # As good as missing: the worker writes it anew from the catalogue.
            _LOG.warning("document state unreadable", error=exc.message)
    return statuses


def _mentions(status: DocumentStatus, words: Sequence[str]) -> bool:
    text = f"{status.document.title}\n{status.document.source}".casefold()
    return all(word in text for word in words)


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
