"""Searches: from Qdrant's request models to the engine's, and the engine's answers back."""

from collections.abc import Sequence
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models

from info_assistant.errors import InvalidRequest
from info_assistant.local_qdrant.engine import Selector, translated
from info_assistant.local_qdrant.filters import to_filter, to_id, to_moment
from info_assistant.local_qdrant.schema import Schema
from info_assistant.local_qdrant.subset import only, unsupported
from info_assistant.local_qdrant.vectors import to_query_vector

_DEFAULT_LIMIT = 10
# What Qdrant documents as the rank constant when a request names none.
_DEFAULT_RRF_K = 2


def to_query(schema: Schema, source: models.QueryRequest) -> edge.QueryRequest:
    """Return the engine's form of a query. Raises InvalidRequest, NotSupported."""
    only(
        source,
        *("prefetch", "query", "using", "filter", "params", "score_threshold"),
        *("limit", "offset", "with_vector", "with_payload"),
    )
    prefetches = _prefetches(schema, source.prefetch)
    query = _scoring(schema, source.query, source.using, has_prefetch=bool(prefetches))
    with translated():
        return edge.QueryRequest(
            limit=_limit(source.limit),
            offset=source.offset or 0,
            query=query,
            prefetches=prefetches,
            with_vector=to_vector_selector(source.with_vector),
            with_payload=to_selector(source.with_payload, default=False),
            filter=None if _filtered_before(source) else to_filter(source.filter),
            score_threshold=source.score_threshold,
            params=_params(source.params),
        )


def to_scroll(source: models.ScrollRequest) -> edge.ScrollRequest:
    """Return the engine's form of a scroll. Raises InvalidRequest, NotSupported."""
    only(source, "offset", "limit", "filter", "with_payload", "with_vector", "order_by")
    if source.limit is not None and source.limit < 1:
        raise InvalidRequest("Validation error: limit must be 1 or larger")
    if source.offset is not None and source.order_by is not None:
        raise InvalidRequest(
            "Wrong input: an offset cannot be used with `order_by`; go on with `start_from`"
        )
    with translated():
        return edge.ScrollRequest(
            offset=None if source.offset is None else to_id(source.offset),
            limit=_limit(source.limit),
            filter=to_filter(source.filter),
            with_payload=to_selector(source.with_payload, default=True),
            with_vector=to_vector_selector(source.with_vector),
            order_by=None if source.order_by is None else _order(source.order_by),
        )


def to_facet(source: models.FacetRequest) -> edge.FacetRequest:
    """Return the engine's form of a facet; it always counts exactly."""
    only(source, "key", "limit", "filter", "exact")
    with translated():
        return edge.FacetRequest(
            source.key, limit=_limit(source.limit), exact=True, filter=to_filter(source.filter)
        )


def to_selector(source: object, *, default: bool) -> Selector:
    """Return which payload fields to send."""
    match source:
        case None:
            return default
        case bool() | list():
            return source
        case models.PayloadSelectorInclude():
            return edge.PayloadSelector.Include(source.include)
        case models.PayloadSelectorExclude():
            return edge.PayloadSelector.Exclude(source.exclude)
    raise unsupported(f"payload selector {type(source).__name__}")


def to_vector_selector(source: bool | list[str] | None) -> bool | list[str]:  # noqa: FBT001
    """Return which vectors to send; none unless asked for."""
    return False if source is None else source


def from_scored(point: edge.ScoredPoint) -> dict[str, Any]:
    """Return a search result in Qdrant's shape."""
    result = {"id": point.id, "version": point.version, "score": point.score}
    return _with_content(result, point)


def from_record(record: edge.Record) -> dict[str, Any]:
    """Return a stored point in Qdrant's shape."""
    return _with_content({"id": record.id}, record)


def _with_content(result: dict[str, Any], source: edge.ScoredPoint | edge.Record) -> dict[str, Any]:
    payload, vectors, order_value = source.payload, source.vector, source.order_value
    if payload is not None:
        result["payload"] = payload
    if vectors is not None:
        result["vector"] = {name: _vector(value) for name, value in _items(vectors)}
    if order_value is not None:
        result["order_value"] = order_value
    return result


def _items(vectors: Any) -> list[tuple[str, Any]]:  # noqa: ANN401  (all vectors are named here)
    return list(vectors.items())


def _vector(value: object) -> object:
    if isinstance(value, edge.SparseVector):
        return {"indices": value.indices, "values": value.values}
    return value


def _prefetches(
    schema: Schema, source: Sequence[models.Prefetch] | models.Prefetch | None
) -> list[edge.Prefetch]:
    if source is None:
        return []
    return [
        _prefetch(schema, each)
        for each in ([source] if isinstance(source, models.Prefetch) else source)
    ]


def _prefetch(schema: Schema, source: models.Prefetch) -> edge.Prefetch:
    only(source, "prefetch", "query", "using", "filter", "params", "score_threshold", "limit")
    nested = _prefetches(schema, source.prefetch)
    query = _scoring(schema, source.query, source.using, has_prefetch=bool(nested))
    with translated():
        return edge.Prefetch(
            limit=_limit(source.limit),
            query=query,
            prefetches=nested,
            params=_params(source.params),
            filter=to_filter(source.filter),
            score_threshold=source.score_threshold,
        )


def _scoring(schema: Schema, query: object, using: str | None, *, has_prefetch: bool) -> Any:  # noqa: ANN401
    fusion = _fusion(query)
    if fusion is not None:
        if not has_prefetch:
            raise InvalidRequest("Wrong input: a fusion query needs at least one prefetch")
        return fusion
    match query:
        case None:
            if has_prefetch:
                raise InvalidRequest("Wrong input: a prefetch needs a query that merges it")
            return None
        case models.NearestQuery():
            only(query, "nearest")
            return _scoring(schema, query.nearest, using, has_prefetch=has_prefetch)
        case list() | models.SparseVector():
            name = using or ""
            return edge.Query.Nearest(to_query_vector(schema, name, query), using=name)
        case models.OrderByQuery():
            return _order(query.order_by)
    raise unsupported(f"query {type(query).__name__}")


def _filtered_before(source: models.QueryRequest) -> bool:
    """Whether all that a fusion merges has passed the filter of the fusion already.

    The engine would hand this filter down and look at every point twice, an eighth of a search.
    """
    merged = source.prefetch if isinstance(source.prefetch, list) else [source.prefetch]
    return _fusion(source.query) is not None and all(
        each is not None and not each.prefetch and each.filter == source.filter for each in merged
    )


def _fusion(query: object) -> edge.Fusion.Rrf | edge.Fusion.Dbsf | None:
    match query:
        case models.RrfQuery(rrf=rrf):
            k = _DEFAULT_RRF_K if rrf.k is None else rrf.k
            if k < 1:
                raise InvalidRequest("Validation error: rrf.k must be 1 or larger")
            return edge.Fusion.Rrf(k, rrf.weights)
        case models.FusionQuery(fusion=models.Fusion.RRF):
            return edge.Fusion.Rrf(_DEFAULT_RRF_K)
        case models.FusionQuery(fusion=models.Fusion.DBSF):
            return edge.Fusion.Dbsf()
    return None


def _order(source: str | models.OrderBy) -> edge.OrderBy:
    if isinstance(source, str):
        return edge.OrderBy(source)
    start = source.start_from
    descending = source.direction is models.Direction.DESC
    return edge.OrderBy(
        source.key,
        direction=edge.Direction.Desc if descending else edge.Direction.Asc,
        start_from=start if isinstance(start, int | float) else to_moment(start),
    )


def _params(source: models.SearchParams | None) -> edge.SearchParams | None:
    if source is None:
        return None
    # `hnsw_ef` trades completeness for speed; search here is complete whatever it says.
    only(source, "exact", "hnsw_ef")
    return edge.SearchParams(exact=True)


def _limit(value: int | None) -> int:
    return _DEFAULT_LIMIT if value is None else value
