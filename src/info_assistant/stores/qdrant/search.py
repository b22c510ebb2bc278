"""A search as plain JSON: the request to Qdrant, and what is read of its reply.

The client's models check hundreds of numbers one by one, in both directions, which costs more than
everything else about a search. The shapes are Qdrant's: `models.QueryRequest` and `QueryResponse`.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Literal

from pydantic_core import from_json
from qdrant_client.http.exceptions import ResponseHandlingException

from info_assistant.model.identity import AccessScope
from info_assistant.model.json_bytes import json_bytes
from info_assistant.model.passage import QuestionVectors
from info_assistant.model.question import Filters

RankBy = Literal["hybrid", "dense", "bm25"]

DENSE = "dense"
BM25 = "bm25"
PREFETCH = 60
"""Candidates of each ranking that enter the fusion."""
RRF_K = 60

Condition = Mapping[str, Any]

FoundPoint = Mapping[str, Any]
"""A point that a search found, with `id` and `score`; its `payload` is checked by who reads it."""

_ID, _SCORE = itemgetter("id"), itemgetter("score")


def visible(scope: AccessScope, filters: Filters) -> Condition | None:
    """Return the filter for what `scope` may see, or None where that is nothing."""
    if not scope.groups:
        return None
    must = [
        {"key": "tenant", "match": {"value": scope.tenant}},
        {"key": "access", "match": {"any": sorted(scope.groups)}},
    ]
    if filters.document_ids:
        must.append({"key": "document_id", "match": {"any": filters.document_ids}})
    return {"must": must}


def search_body(
    question: QuestionVectors, condition: Condition, limit: int, rank_by: RankBy
) -> bytes:
    """Return the request for the `limit` best points under `condition`, as JSON."""
    sparse = question.sparse
    dense = {"query": {"nearest": question.dense}, "using": DENSE, "filter": condition}
    nearest = {"indices": sparse.indices, "values": sparse.values}
    lexical = {"query": {"nearest": nearest}, "using": BM25, "filter": condition}
    request: Mapping[str, Any]
    if rank_by == "hybrid":
        rankings = [dense, lexical] if sparse.indices else [dense]
        request = {
            "prefetch": [{**ranking, "limit": PREFETCH} for ranking in rankings],
            "query": {"rrf": {"k": RRF_K}},
            "filter": condition,
        }
    else:
        request = dense if rank_by == "dense" else lexical
    return json_bytes({**request, "limit": limit, "with_payload": True})


def found_points(reply: bytes) -> list[FoundPoint]:
    """Return what a reply to a search holds, best first. Raises ResponseHandlingException."""
    try:
        # Names are the same in every point, values hardly ever.
        points: list[FoundPoint] = from_json(reply, cache_strings="keys")["result"]["points"]
        # Fused scores are often equal; their order must not depend on how the index was filled.
        points.sort(key=_ID)
        points.sort(key=_SCORE, reverse=True)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ResponseHandlingException(exc) from exc
    return points
