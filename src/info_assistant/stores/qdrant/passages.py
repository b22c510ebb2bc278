"""Searchable passages in Qdrant: dense and BM25 vectors, fused by the server."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest
from info_assistant.model.document import Document
from info_assistant.model.identity import AccessScope
from info_assistant.model.passage import (
    Candidate,
    IndexedPassage,
    Passage,
    QuestionVectors,
    SparseVector,
    passage_id,
)
from info_assistant.model.question import Filters
from info_assistant.stores.qdrant.collection import Collection, CollectionPlan
from info_assistant.stores.qdrant.conditions import equals
from info_assistant.stores.qdrant.connection import WRITE_TIMEOUT_S, Connection
from info_assistant.stores.qdrant.payload import (
    candidate_from,
    entry_payload,
    passage_from,
    passage_payload,
)
from info_assistant.stores.qdrant.search import (
    BM25,
    DENSE,
    RankBy,
    found_points,
    search_body,
    visible,
)

_MANY = 1_000_000
_WITHOUT_VECTORS = models.PayloadSelectorExclude(
    exclude=["tokens", "token_shape", "token_spans", "terms"]
)
BATCH = 64
"""Points in one write: the one-machine Qdrant serves no search meanwhile."""

_NOT_REVEALED = 2**52
"""Stands for the access revision of what is hidden: later than any, so that no edit opens it."""


class QdrantPassages:
    """The index of passages (`ports.PassageIndex`)."""

    def __init__(
        self,
        connection: Connection,
        embedder_identity: str,
        dimension: int,
        plan: CollectionPlan | None = None,
    ) -> None:
        """Plan the collection of this embedding model, or use that of `plan`."""
        self._connection = connection
        self._identity = embedder_identity
        self._dimension = dimension
        self._collection = Collection(connection, plan or _plan(embedder_identity, dimension))

    @property
    def collection(self) -> Collection:
        """What all of it lies in."""
        return self._collection

    async def search(
        self,
        scope: AccessScope,
        question: QuestionVectors,
        filters: Filters,
        limit: int,
        *,
        rank_by: RankBy = "hybrid",
    ) -> Sequence[Candidate]:
        """Return the `limit` best passages that `scope` may see, best first.

        `rank_by` leaves out one of the two rankings, for evaluation.
        """
        condition = visible(scope, filters)
        if condition is None or limit < 1:
            return []
        body = search_body(question, condition, limit, rank_by)
        found = await self._collection.post("points/query", body, found_points)
        return [candidate_from(each) for each in found]

    async def write(self, passages: Sequence[IndexedPassage], *, hidden: bool = False) -> None:
        """Write passages durably. Raises InvalidRequest for vectors that are not finite.

        Those written `hidden` are open to nobody until `reveal`; what is revealed stays as it is.
        """
        for indexed in passages:
            self._check(indexed)
        for at in range(0, len(passages), BATCH):
            points = models.PointsList(
                points=[_point(each, hidden=hidden) for each in passages[at : at + BATCH]],
                update_filter=models.Filter(must=[_hidden()]) if hidden else None,
            )
            await self._collection.change(
                lambda client, name, points=points: client.http.points_api.upsert_points(  # type: ignore[misc]
                    collection_name=name, wait=True, point_insert_operations=points
                )
            )

    async def reveal(self, documents: Sequence[Document]) -> None:
        """Let what is hidden of these versions be found as their entries say, each all at once."""
        alike: dict[tuple[str, str], tuple[dict[str, Any], list[models.Condition]]] = {}
        for each in documents:
            entry = entry_payload(each)
            condition = _of_document(each.tenant, each.id, equals("version", each.content.version))
            _, versions = alike.setdefault((each.tenant, repr(entry)), (entry, []))
            versions.append(condition)
        for (tenant, _), (entry, versions) in alike.items():
            hidden = models.Filter(must=[equals("tenant", tenant), _hidden()], should=versions)
            await self._set_payload(entry, hidden)

    async def remove_versions(self, tenant: str, document_id: str, *, up_to: int) -> None:
        """Remove the passages of a document's versions up to and including `up_to`."""
        versions = models.FieldCondition(key="version", range=models.Range(lte=up_to))
        selector = models.FilterSelector(filter=_of_document(tenant, document_id, versions))
        await self._collection.change(
            lambda client, name: client.delete(name, points_selector=selector, wait=True)
        )

    async def set_entry(self, document: Document) -> None:
        """Carry a document's entry into its passages, unless they know a later revision of it.

        That is: who may find them, its dates, marking and title. Their vectors stay as they are.
        """
        later = models.Range(gte=document.revision)
        behind = models.Filter(
            must=[equals("tenant", document.tenant), equals("document_id", document.id)],
            must_not=[models.FieldCondition(key="access_revision", range=later)],
        )
        await self._set_payload(entry_payload(document), behind)

    async def count(self, tenant: str, document_id: str, version: int) -> int:
        """Return how many passages of this version are searchable."""
        condition = _of_document(tenant, document_id, equals("version", version))
        condition.must_not = [_hidden()]
        result = await self._collection.ask(
            lambda client: client.count(self._collection.alias, count_filter=condition, exact=True)
        )
        return result.count

    async def some(self, document: Document, *, first: int, limit: int) -> Sequence[Passage]:
        """Return up to `limit` passages of a document's present version, from number `first` on."""
        version = document.content.version
        ids = [passage_id(document.id, version, first + n) for n in range(limit)]
        records = await self._collection.ask(
            lambda client: client.retrieve(
                self._collection.alias, ids=list(ids), with_payload=_WITHOUT_VECTORS
            )
        )
        found = [passage_from(str(each.id), each.payload or {}) for each in records]
        revealed = (each for each in found if each.access_revision != _NOT_REVEALED)
        return sorted(revealed, key=lambda passage: passage.ordinal)

    async def counts(self) -> Mapping[str, int]:
        """Return the number of passages by document id, of all tenants and versions."""
        response = await self._collection.ask(
            lambda client: client.facet(
                self._collection.alias, key="document_id", limit=_MANY, exact=True
            ),
            timeout_s=WRITE_TIMEOUT_S,
        )
        return {str(hit.value): hit.count for hit in response.hits if hit.count}

    async def remove_document(self, document_id: str) -> None:
        """Remove the passages of all versions of a document."""
        selector = models.FilterSelector(
            filter=models.Filter(must=[equals("document_id", document_id)])
        )
        await self._collection.change(
            lambda client, name: client.delete(name, points_selector=selector, wait=True)
        )

    async def drop(self) -> None:
        """Delete all passages, whatever embedding model wrote them."""
        await self._collection.drop()

    async def begin_successor(self) -> "QdrantPassages":
        """Return the index that is to take this one's place: empty, or as far as it was built.

        From here on, every change of this one is made there too, by whichever process makes it.
        """
        successor = self.over(await self._collection.plan_successor())
        # The first request makes the collection and its alias.
        await successor.counts()
        return successor

    def over(self, plan: CollectionPlan) -> "QdrantPassages":
        """Return the passages of the same model in another collection."""
        return QdrantPassages(self._connection, self._identity, self._dimension, plan)

    async def adopt_successor(self) -> None:
        """Put the successor in this one's place, at once for everybody, and delete this one."""
        await self._collection.adopt_successor()

    async def leftovers(self) -> Sequence[str]:
        """Return the names of collections of passages that nobody uses."""
        return await self._collection.leftovers()

    async def delete_leftovers(self) -> None:
        """Delete collections of passages that nobody uses."""
        await self._collection.delete_leftovers()

    async def _set_payload(self, payload: dict[str, Any], points: models.Filter) -> None:
        await self._collection.change(
            lambda client, name: client.set_payload(name, payload=payload, points=points, wait=True)
        )

    def _check(self, indexed: IndexedPassage) -> None:
        dense, sparse = indexed.vectors.dense, indexed.vectors.sparse
        if dense.shape != (self._dimension,):
            raise InvalidRequest(
                f"A vector of shape {dense.shape} does not fit an index of {self._dimension} "
                "dimensions."
            )
        # Qdrant's engine takes NaN without a word, and every later search would suffer.
        if not (np.isfinite(dense).all() and np.isfinite(sparse.values).all()):
            raise InvalidRequest(
                f"The embedding of passage {indexed.passage.ordinal} of "
                f"{indexed.passage.source!r} is not finite; it was not stored."
            )


def _plan(identity: str, dimension: int) -> CollectionPlan:
    model = re.sub(r"[^a-z0-9]+", "-", re.split(r"[@:/\s]", identity)[0].lower()).strip("-")
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    keyword = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD)
    return CollectionPlan(
        alias="passages",
        name=f"passages_{model or 'model'}_{digest}",
        vectors={DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE)},
        sparse={BM25: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        indexes={
            "tenant": models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=True
            ),
            "access": keyword,
            "document_id": keyword,
            "version": models.PayloadSchemaType.INTEGER,
        },
        metadata={"embedder": identity},
    )


def _open_to_nobody() -> dict[str, Any]:
    return {"access": [], "access_revision": _NOT_REVEALED}


def _hidden() -> models.FieldCondition:
    return equals("access_revision", _NOT_REVEALED)


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def _point(indexed: IndexedPassage, *, hidden: bool) -> models.PointStruct:
    # `model_construct`: checking hundreds of our own floats one by one would cost more than
    # sending them, and `write` has checked what Qdrant would not.
    sparse = indexed.vectors.sparse
    return models.PointStruct.model_construct(
        id=indexed.passage.id,
        vector={
            DENSE: indexed.vectors.dense.tolist(),
            BM25: models.SparseVector.model_construct(
                indices=list(sparse.indices), values=list(sparse.values)
            ),
        },
        payload=passage_payload(indexed) | (_open_to_nobody() if hidden else {}),
    )


def _of_document(tenant: str, document_id: str, versions: models.FieldCondition) -> models.Filter:
    return models.Filter(
        must=[
            equals("tenant", tenant),
            equals("document_id", document_id),
            versions,
        ]
    )
