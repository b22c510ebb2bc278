"""The search request as JSON, and replies that are not Qdrant's."""

import asyncio
import json

import numpy as np
import pytest
from qdrant_client.http import models

from info_assistant.errors import VectorStoreUnavailable
from info_assistant.model.identity import AccessScope
from info_assistant.model.passage import QuestionVectors, SparseVector
from info_assistant.model.question import Filters
from info_assistant.stores.qdrant import QdrantStore, RankBy
from info_assistant.stores.qdrant.search import search_body, visible

SCOPE = AccessScope("a", frozenset({"staff", "everyone"}))
DOCUMENT = "2f1c9d5e-0c53-5a55-9a5e-3a1f5f1d7c11"


def question(*terms: int) -> QuestionVectors:
    """Return a question with these terms."""
    dense = np.eye(1, 384, dtype=np.float32)[0]
    sparse = SparseVector(terms, tuple(0.5 for _ in terms))
    return QuestionVectors(dense, sparse, np.ones((2, 12), np.float32))


@pytest.mark.parametrize("rank_by", ["hybrid", "dense", "bm25"])
@pytest.mark.parametrize("terms", [(3, 7), ()])
def test_a_search_is_written_as_qdrants_own_models_write_it(
    rank_by: RankBy, terms: tuple[int, ...]
) -> None:
    """Qdrant's model of a search reads the request and loses nothing of it."""
    condition = visible(SCOPE, Filters((DOCUMENT,)))
    assert condition is not None
    body = search_body(question(*terms), condition, 5, rank_by)
    model = models.QueryRequest.model_validate_json(body)
    assert model.model_dump(exclude_unset=True, mode="json") == json.loads(body)


@pytest.mark.parametrize("rank_by", ["hybrid", "dense", "bm25"])
def test_every_ranking_is_held_to_what_the_caller_may_see(rank_by: RankBy) -> None:
    """Tenant, groups and the chosen documents are in every filter of the request."""
    condition = visible(SCOPE, Filters((DOCUMENT,)))
    assert condition is not None
    request = json.loads(search_body(question(1), condition, 5, rank_by))
    expected = {
        "must": [
            {"key": "tenant", "match": {"value": "a"}},
            {"key": "access", "match": {"any": ["everyone", "staff"]}},
            {"key": "document_id", "match": {"any": [DOCUMENT]}},
        ]
    }
    rankings = request.get("prefetch", [])
    assert len(rankings) == (2 if rank_by == "hybrid" else 0)
    assert [part["filter"] for part in (request, *rankings)] == [expected] * (1 + len(rankings))


@pytest.mark.parametrize("reply", ['{"result": null}', '{"result": {"points": [{}]}}', "<html>"])
async def test_a_reply_that_is_not_qdrants_is_an_outage(reply: str) -> None:
    """Whatever answers in Qdrant's place, the search is unavailable and nothing is made up."""
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(reply), reply.encode()))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        store = QdrantStore(f"http://127.0.0.1:{port}", None, "test-model@1")
        store.passages._collection._ready = True
        with pytest.raises(VectorStoreUnavailable):
            await store.passages.search(SCOPE, question(1), Filters(), 5)
        await store.close()
    assert asked == [b"POST /collections/passages/points/query HTTP/1.1\r\n"]
