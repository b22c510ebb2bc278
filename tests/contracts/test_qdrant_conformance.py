"""What the product relies on in Qdrant, asked through the real client of the local server.

The same tests run against a real server as well when QDRANT_URL names one (its API key, if any, in
QDRANT_API_KEY). Every request and every reply of every test is also checked against
`qdrant_client.http.models`, with unknown fields forbidden. Those models are generated from Qdrant's
published OpenAPI description; the description itself is in no package that we install, so the
models stand for it here. Where the subset leaves optional fields out, the models allow that.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.version_check import is_compatible
from qdrant_client.http.exceptions import UnexpectedResponse
from tests.contracts.conditions import equal, field

REAL_KEY = os.environ.get("QDRANT_API_KEY")  # noqa: TID251  (which server to test is an option)
REFUSED = (400, 422)
"""A real server answers some bad bodies with 422 where the local one says 400."""

IDENTIFIER = UUID("7f1d6f0e-0c8a-4a57-9d2c-3b1f8f6b2a10")


def numbers(points: Sequence[models.Record | models.ScoredPoint]) -> list[Any]:
    """Return the ids in their order."""
    return [each.id for each in points]


async def ids_for(client: AsyncQdrantClient, name: str, condition: models.Filter) -> set[Any]:
    """Return which points a filter leaves; scroll and count must agree."""
    found, following = await client.scroll(name, scroll_filter=condition, limit=100)
    assert following is None
    assert (await client.count(name, condition)).count == len(found)
    return set(numbers(found))


def test_the_client_accepts_the_version(url: str) -> None:
    """The server states a version that this client does not warn about."""
    stated = httpx.get(url, headers={"api-key": REAL_KEY or ""}).json()["version"]
    assert is_compatible(version("qdrant-client"), stated)


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/metrics"])
def test_health_and_metrics_answer(url: str, path: str) -> None:
    """What a cluster and a monitoring system ask is there."""
    reply = httpx.get(url + path, headers={"api-key": REAL_KEY} if REAL_KEY else {})
    assert reply.status_code == 200
    if path == "/metrics":
        for metric in ("app_info{", "collections_total ", "rest_responses_total{"):
            assert metric in reply.text


async def test_a_collection_lives_and_dies(client: AsyncQdrantClient) -> None:
    """Create, describe, list, refuse a second one, delete."""
    name = f"conformance-{uuid4().hex}"
    assert not await client.collection_exists(name)
    vectors = {"dense": models.VectorParams(size=3, distance=models.Distance.DOT)}
    about = {"embedder": "a-model-and-its-hash"}
    await client.create_collection(name, vectors_config=vectors, metadata=about)
    assert await client.collection_exists(name)
    info = await client.get_collection(name)
    assert info.config.params.vectors == vectors
    assert info.config.metadata == about
    assert info.points_count == 0
    assert name in {each.name for each in (await client.get_collections()).collections}
    with pytest.raises(UnexpectedResponse) as again:
        await client.create_collection(name, vectors_config=vectors)
    assert again.value.status_code == 409
    assert await client.delete_collection(name)
    assert not await client.collection_exists(name)
    with pytest.raises(UnexpectedResponse) as gone:
        await client.get_collection(name)
    assert gone.value.status_code == 404


async def test_an_alias_moves_in_one_step(client: AsyncQdrantClient, filled: str) -> None:
    """A re-index swaps an alias from the old collection to the new one."""
    other, alias = f"conformance-{uuid4().hex}", f"alias-{uuid4().hex}"
    await client.create_collection(other, vectors_config={})

    def towards(name: str) -> models.CreateAliasOperation:
        made = models.CreateAlias(collection_name=name, alias_name=alias)
        return models.CreateAliasOperation(create_alias=made)

    gone = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
    await client.update_collection_aliases([towards(filled)])
    assert (await client.count(alias)).count == 6
    await client.update_collection_aliases([gone, towards(other)])
    assert (await client.count(alias)).count == 0
    known = {each.alias_name: each.collection_name for each in (await client.get_aliases()).aliases}
    assert known[alias] == other
    assert [each.alias_name for each in (await client.get_collection_aliases(other)).aliases] == [
        alias
    ]
    with pytest.raises(UnexpectedResponse):
        await client.update_collection_aliases([gone, towards("conformance-none")])
    assert (await client.count(alias)).count == 0
    await client.delete_collection(other)
    assert alias not in {each.alias_name for each in (await client.get_aliases()).aliases}


async def test_indexes_are_described_and_dropped(client: AsyncQdrantClient, filled: str) -> None:
    """Each index shows its type and how many points it holds."""
    schema = (await client.get_collection(filled)).payload_schema
    assert {field: index.data_type.value for field, index in schema.items()} == {
        "tenant": "keyword",
        "groups": "keyword",
        "page": "integer",
        "at": "datetime",
        "document": "uuid",
        "title": "text",
    }
    assert schema["tenant"].points == 6
    assert isinstance(schema["tenant"].params, models.KeywordIndexParams)
    assert schema["tenant"].params.is_tenant
    await client.delete_payload_index(filled, "groups")
    assert "groups" not in (await client.get_collection(filled)).payload_schema


async def test_points_come_back_as_they_went_in(client: AsyncQdrantClient, name: str) -> None:
    """Ids of both kinds, payload of every JSON type, and both vectors survive the way."""
    payload = {
        "text": "Ünïcode ☂ \u0000 \U0001f600",
        "deep": {"list": [1, 2.5, None, True, {"a": "b"}]},
        "large": 2**53,
        "long": "QUJD" * 15_000,
    }
    vector: dict[str, Any] = {
        "dense": [0.5, 0.5, 0.5, 0.5],
        "bm25": models.SparseVector(indices=[7, 2**32 - 1], values=[0.5, 2.0]),
    }
    await client.upsert(
        name,
        [
            models.PointStruct(id=str(IDENTIFIER), vector=vector, payload=payload),
            models.PointStruct(id=2**63, vector={}, payload=None),
        ],
    )
    [found] = await client.retrieve(name, [str(IDENTIFIER)], with_vectors=True)
    assert found.payload == payload
    assert isinstance(found.vector, dict)
    assert found.vector["dense"] == pytest.approx([0.5] * 4)
    assert found.vector["bm25"] == vector["bm25"]
    [empty] = await client.retrieve(name, [2**63, 5], with_vectors=True)
    assert empty.id == 2**63
    [part] = await client.retrieve(
        name,
        [str(IDENTIFIER)],
        with_payload=models.PayloadSelectorInclude(include=["deep.list", "large"]),
        with_vectors=["bm25"],
    )
    assert set(part.payload or {}) == {"deep", "large"}
    assert isinstance(part.vector, dict)
    assert set(part.vector) == {"bm25"}
    [rest] = await client.retrieve(
        name,
        [str(IDENTIFIER)],
        with_payload=models.PayloadSelectorExclude(exclude=["long", "text"]),
    )
    assert set(rest.payload or {}) == {"deep", "large"}
    assert rest.vector is None


async def test_dense_search_ranks_by_cosine(client: AsyncQdrantClient, library: str) -> None:
    """Nearest first, with the cosine as score; limit, offset and threshold cut."""
    query = [1.0, 0.0, 0.0, 0.0]
    found = (await client.query_points(library, query=query, using="dense")).points
    assert numbers(found) == [1, 2, 3, 4, 5, 6]
    assert found[3].score == pytest.approx(1 / (1 + 0.4**2) ** 0.5, rel=1e-5)
    assert found[0].payload is not None
    cut = await client.query_points(library, query=query, using="dense", limit=2, offset=1)
    assert numbers(cut.points) == [2, 3]
    near = await client.query_points(library, query=query, using="dense", score_threshold=0.97)
    assert numbers(near.points) == [1, 2]


async def test_sparse_search_weighs_rare_terms(client: AsyncQdrantClient, library: str) -> None:
    """With the IDF modifier a term that one point has outweighs a term that all have."""
    query = models.SparseVector(indices=[5, 900], values=[1.0, 1.0])
    found = (await client.query_points(library, query=query, using="bm25")).points
    assert found[0].id == 5
    assert found[0].score > 5 * found[1].score


async def test_hybrid_search_fuses_ranks_with_the_named_constant(
    client: AsyncQdrantClient, library: str
) -> None:
    """RRF with k=60: a point's score is the sum over the lists of 1/(60 + its rank from 0)."""
    tenant = models.Filter(must=[equal("tenant", "a")])
    prefetch = [
        models.Prefetch(query=[1.0, 0.0, 0.0, 0.0], using="dense", filter=tenant, limit=50),
        models.Prefetch(
            query=models.SparseVector(indices=[3, 6], values=[1.0, 9.0]),
            using="bm25",
            filter=tenant,
            limit=50,
        ),
    ]
    fused = models.RrfQuery(rrf=models.Rrf(k=60))
    found = (await client.query_points(library, prefetch=prefetch, query=fused)).points
    assert numbers(found)[0] == 3
    assert set(numbers(found)) == {1, 2, 3, 4}
    assert found[0].score == pytest.approx(1 / 62 + 1 / 60, rel=1e-5)
    legal = models.Filter(must=[equal("groups", "legal")])
    both = await client.query_points(library, prefetch=prefetch, query=fused, query_filter=legal)
    assert set(numbers(both.points)) == {1, 3}


async def test_a_batch_answers_in_order(client: AsyncQdrantClient, library: str) -> None:
    """Several queries in one request keep their places."""
    requests = [
        models.QueryRequest(
            query=[1.0, 0.0, 0.0, 0.0],
            using="dense",
            limit=1,
            filter=models.Filter(must=[equal("page", n)]),
        )
        for n in (4, 2, 6)
    ]
    found = await client.query_batch_points(library, requests)
    assert [numbers(each.points) for each in found] == [[4], [2], [6]]


async def test_scrolling_reaches_every_point_once(client: AsyncQdrantClient, library: str) -> None:
    """Pages follow one another by offset until there is none."""
    seen: list[Any] = []
    offset = None
    for _ in range(4):
        page, offset = await client.scroll(library, limit=2, offset=offset)
        seen += numbers(page)
        if offset is None:
            break
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_scrolling_in_the_order_of_a_field(client: AsyncQdrantClient, library: str) -> None:
    """Ascending, descending, from a value on, by integer and by time."""
    page, _ = await client.scroll(library, limit=3, order_by="page")
    assert numbers(page) == [1, 2, 3]
    newest = models.OrderBy(key="at", direction=models.Direction.DESC)
    page, _ = await client.scroll(library, limit=2, order_by=newest)
    assert numbers(page) == [6, 5]
    older = models.OrderBy(
        key="at",
        direction=models.Direction.DESC,
        start_from=datetime(2024, 1, 3, 12, tzinfo=UTC),
    )
    page, _ = await client.scroll(library, limit=9, order_by=older)
    assert numbers(page) == [3, 2, 1]
    with pytest.raises(UnexpectedResponse) as unindexed:
        await client.scroll(library, order_by="score")
    assert unindexed.value.status_code == 400


async def test_payload_is_merged_replaced_and_cut(client: AsyncQdrantClient, filled: str) -> None:
    """Set merges, overwrite replaces, delete cuts; by ids and by filter; indexes follow."""
    await client.set_payload(filled, {"tenant": "c"}, points=[1])
    by_filter = models.Filter(must=[equal("page", 2)])
    await client.set_payload(filled, {"tenant": "c"}, points=by_filter)
    moved = models.Filter(must=[equal("tenant", "c")])
    assert await ids_for(client, filled, moved) == {1, 2}
    await client.overwrite_payload(filled, {"only": 1}, points=[1])
    [one] = await client.retrieve(filled, [1])
    assert one.payload == {"only": 1}
    await client.delete_payload(filled, ["tenant"], points=[2])
    assert await ids_for(client, filled, moved) == set()
    with pytest.raises(UnexpectedResponse) as missing:
        await client.set_payload(filled, {"tenant": "c"}, points=[3, 99])
    assert missing.value.status_code == 404


async def test_a_conditional_upsert_spares_newer_points(
    client: AsyncQdrantClient, filled: str
) -> None:
    """With `update_filter`, a point that exists is replaced only if it meets the condition."""
    older = models.Filter(must=[field("page", range=models.Range(lt=2))])
    points = [models.PointStruct(id=n, vector={}, payload={"page": 50}) for n in (1, 2, 7)]
    await client.upsert(filled, points, update_filter=older)
    replaced = models.Filter(must=[equal("page", 50)])
    assert await ids_for(client, filled, replaced) == {1, 7}


async def test_points_are_deleted_by_id_and_by_filter(
    client: AsyncQdrantClient, filled: str
) -> None:
    """Deleted points are gone from every answer; ids that are not there do no harm."""
    await client.delete(filled, points_selector=[1, 99])
    tenant = models.Filter(must=[equal("tenant", "b")])
    await client.delete(filled, points_selector=models.FilterSelector(filter=tenant))
    found = await client.query_points(filled, query=[1.0, 0.0, 0.0, 0.0], using="dense")
    assert set(numbers(found.points)) == {2, 3, 4}
    assert (await client.count(filled)).count == 3


async def test_facets_count_values(client: AsyncQdrantClient, library: str) -> None:
    """How many points each value has, most frequent first, within a filter."""
    tenant = models.Filter(must=[equal("tenant", "a")])
    hits = (await client.facet(library, "groups", facet_filter=tenant, exact=True)).hits
    assert [(hit.value, hit.count) for hit in hits] == [("staff", 4), ("legal", 2)]


async def test_wrong_vectors_are_refused(client: AsyncQdrantClient, library: str) -> None:
    """A batch with one wrong vector changes nothing, and neither does a wrong query."""
    wrong: list[Any] = [
        {"dense": [1.0, 2.0]},
        {"other": [1.0, 2.0, 3.0, 4.0]},
        {"bm25": models.SparseVector(indices=[1, 1], values=[1.0, 2.0])},
        {"bm25": models.SparseVector(indices=[1, 2], values=[1.0])},
    ]
    for vector in wrong:
        with pytest.raises(UnexpectedResponse) as refused:
            await client.upsert(
                library,
                [
                    models.PointStruct(id=50, vector={"dense": [1.0, 2.0, 3.0, 4.0]}),
                    models.PointStruct(id=51, vector=vector),
                ],
            )
        assert refused.value.status_code in REFUSED
    assert (await client.count(library)).count == 6
    with pytest.raises(UnexpectedResponse) as query:
        await client.query_points(library, query=[1.0], using="dense")
    assert query.value.status_code in REFUSED


async def test_a_collection_without_vectors_holds_records(client: AsyncQdrantClient) -> None:
    """Payload alone is stored, filtered and scrolled, as the document board needs it."""
    name = f"conformance-{uuid4().hex}"
    await client.create_collection(name, vectors_config={})
    await client.upsert(name, [models.PointStruct(id=1, vector={}, payload={"state": "ready"})])
    ready = models.Filter(must=[equal("state", "ready")])
    assert await ids_for(client, name, ready) == {1}
    assert not (await client.get_collection(name)).config.params.vectors
    await client.delete_collection(name)


async def test_a_snapshot_brings_a_collection_back(
    client: AsyncQdrantClient, url: str, filled: str
) -> None:
    """Snapshot, change, download, upload: the collection is as it was."""
    made = await client.create_snapshot(filled)
    assert made is not None
    assert [each.name for each in await client.list_snapshots(filled)] == [made.name]
    await client.delete(filled, points_selector=[1, 2, 3])
    headers = {"api-key": REAL_KEY} if REAL_KEY else {}
    base = f"{url}/collections/{filled}/snapshots"
    async with httpx.AsyncClient(headers=headers, timeout=30) as plain:
        archive = (await plain.get(f"{base}/{made.name}")).content
        assert len(archive) == made.size
        upload = {"snapshot": (made.name, archive)}
        bad = await plain.post(f"{base}/upload?checksum={'0' * 64}", files=upload)
        assert bad.status_code == 400
        assert (await client.count(filled)).count == 3
        good = await plain.post(f"{base}/upload?priority=snapshot", files=upload)
        assert good.status_code == 200
    assert (await client.count(filled)).count == 6
    await client.delete_snapshot(filled, made.name)
    assert await client.list_snapshots(filled) == []
