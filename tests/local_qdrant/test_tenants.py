"""A tenant's answers do not depend on how much others have stored."""

import json
from typing import Any

import httpx
from qdrant_client import models
from tests.local_qdrant.conftest import Process

FOREIGN = 10_000
OWN = 10
BATCH = 1_000
TERM = 7


def _point(number: int, tenant: str, closeness: float, weight: float) -> dict[str, Any]:
    return {
        "id": number,
        "vector": {
            "dense": [1.0, 1.0 - closeness, 0.0, 0.0],
            "bm25": {"indices": [TERM], "values": [weight]},
        },
        "payload": {"tenant": tenant},
    }


def test_ten_thousand_better_points_of_others_hide_none_of_ones_own(shared_server: Process) -> None:
    """The caller's ten come back complete and in order though 10,000 foreign points score above.

    So they do whether the filter stands at what is merged, at the whole, or at both.
    """
    client = shared_server.client()
    client.create_collection(
        "tenants",
        vectors_config={"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)},
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    tenant_index = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    client.create_payload_index("tenants", "tenant", tenant_index)
    own = [_point(n, "mine", 0.5 - n / 50, 1.0 - n / 100) for n in range(OWN)]
    foreign = [_point(OWN + n, "theirs", 1.0, 9.0) for n in range(FOREIGN)]
    stored = foreign[: FOREIGN // 2] + own + foreign[FOREIGN // 2 :]
    for begin in range(0, len(stored), BATCH):
        body = json.dumps({"points": stored[begin : begin + BATCH]})
        headers = {"content-type": "application/json"}
        url = f"{shared_server.url}/collections/tenants/points"
        httpx.put(url, content=body, headers=headers, timeout=30).raise_for_status()

    def search(tenant: str | None, *at: str) -> list[Any]:
        condition = None
        if tenant is not None:
            match = models.MatchValue(value=tenant)
            condition = models.Filter(must=[models.FieldCondition(key="tenant", match=match)])
        sparse = models.SparseVector(indices=[TERM], values=[1.0])
        filters = dict.fromkeys(at, condition)
        return client.query_points(
            "tenants",
            prefetch=[
                models.Prefetch(
                    query=[1.0, 0.0, 0.0, 0.0],
                    using="dense",
                    filter=filters.get("dense"),
                    limit=50,
                ),
                models.Prefetch(query=sparse, using="bm25", filter=filters.get("bm25"), limit=50),
            ],
            query=models.RrfQuery(rrf=models.Rrf(k=60)),
            query_filter=filters.get("whole"),
            limit=10,
        ).points

    for places in (("dense", "bm25"), ("whole",), ("dense", "whole"), ("dense", "bm25", "whole")):
        assert [point.id for point in search("mine", *places)] == list(range(OWN)), places
    assert all(int(point.id) >= OWN for point in search(None))
