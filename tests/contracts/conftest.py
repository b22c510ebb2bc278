"""A Qdrant to test, local or real, and a client whose every call is checked against the schema."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import TypeAdapter
from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client.http import models

from info_assistant.drills.ports import unused_port

REAL_URL = os.environ.get("QDRANT_URL")  # noqa: TID251  (which servers to test is a test's option)
REAL_KEY = os.environ.get("QDRANT_API_KEY")  # noqa: TID251  (the same)
SERVERS = ["local", "real"] if REAL_URL else ["local"]
PROGRAM = (
    "import sys; from pathlib import Path; from info_assistant.local_qdrant.server import serve; "
    "serve(Path(sys.argv[1]), '127.0.0.1', int(sys.argv[2]), None)"
)
# By method and path: what a request's body and a reply's `result` must be.
REQUESTS: list[tuple[str, str, Any]] = [
    ("PUT", r"/collections/[^/]+", models.CreateCollection),
    ("POST", r"/collections/aliases", models.ChangeAliasesOperation),
    ("PUT", r"/collections/[^/]+/index", models.CreateFieldIndex),
    ("PUT", r"/collections/[^/]+/points", models.PointsList),
    ("POST", r"/collections/[^/]+/points", models.PointRequest),
    ("POST", r"/collections/[^/]+/points/delete", models.PointsSelector),
    ("POST", r"/collections/[^/]+/points/payload/delete", models.DeletePayload),
    ("(POST|PUT)", r"/collections/[^/]+/points/payload", models.SetPayload),
    ("POST", r"/collections/[^/]+/points/query", models.QueryRequest),
    ("POST", r"/collections/[^/]+/points/query/batch", models.QueryRequestBatch),
    ("POST", r"/collections/[^/]+/points/scroll", models.ScrollRequest),
    ("POST", r"/collections/[^/]+/points/count", models.CountRequest),
    ("POST", r"/collections/[^/]+/facet", models.FacetRequest),
]
REPLIES: list[tuple[str, str, Any]] = [
    ("GET", r"/collections", models.CollectionsResponse),
    ("(PUT|DELETE)", r"/collections/[^/]+", bool),
    ("POST", r"/collections/aliases", bool),
    ("GET", r"/collections/[^/]+", models.CollectionInfo),
    ("GET", r"/collections/[^/]+/exists", models.CollectionExistence),
    ("GET", r"(/collections/[^/]+)?/aliases", models.CollectionsAliasesResponse),
    ("(PUT|DELETE)", r"/collections/[^/]+/index.*", models.UpdateResult),
    ("PUT", r"/collections/[^/]+/points", models.UpdateResult),
    ("POST", r"/collections/[^/]+/points", list[models.Record]),
    ("(POST|PUT)", r"/collections/[^/]+/points/(delete|payload.*)", models.UpdateResult),
    ("POST", r"/collections/[^/]+/points/query", models.QueryResponse),
    ("POST", r"/collections/[^/]+/points/query/batch", list[models.QueryResponse]),
    ("POST", r"/collections/[^/]+/points/scroll", models.ScrollResult),
    ("POST", r"/collections/[^/]+/points/count", models.CountResult),
    ("POST", r"/collections/[^/]+/facet", models.FacetResponse),
    ("GET", r"/collections/[^/]+/snapshots", list[models.SnapshotDescription]),
    ("POST", r"/collections/[^/]+/snapshots", models.SnapshotDescription),
    ("DELETE", r"/collections/[^/]+/snapshots/.+", bool),
]


def expected(table: list[tuple[str, str, Any]], method: str, path: str) -> TypeAdapter[Any] | None:
    """Return what the schema says of this call, if it says something."""
    for methods, pattern, kind in table:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return TypeAdapter(kind)
    return None


async def against_the_schema(
    request: httpx.Request, call_next: Callable[[httpx.Request], Awaitable[httpx.Response]]
) -> httpx.Response:
    """Check a request before it leaves and its reply before the client reads it."""
    path = request.url.path
    asked = expected(REQUESTS, request.method, path)
    if asked is not None:
        asked.validate_json(request.content, extra="forbid")
    response = await call_next(request)
    body = response.json()
    if response.is_success:
        answered = expected(REPLIES, request.method, path)
        assert answered is not None, f"no schema for {request.method} {path}"
        assert set(body) - {"usage"} == {"result", "status", "time"}
        assert body["status"] == "ok"
        answered.validate_python(body["result"], extra="forbid")
    else:
        assert set(body) - {"usage", "result"} == {"status", "time"}
        assert isinstance(body["status"]["error"], str)
    assert isinstance(body["time"], float)
    return response


def await_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Return once the server answers."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            httpx.get(f"{url}/readyz").raise_for_status()
        except httpx.TransportError:
            threading.Event().wait(0.02)
        else:
            return
    pytest.fail("local-qdrant did not become ready")


@pytest.fixture(scope="session", params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server: local-qdrant as a real process, or a real Qdrant."""
    if request.param == "real":
        yield str(REAL_URL)
        return
    port = unused_port()
    folder: Path = tmp_path_factory.mktemp("qdrant")
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), str(port)])
    try:
        await_ready(process, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncQdrantClient]:
    """A client as the product makes it, watched by the schema."""
    made = AsyncQdrantClient(url=url, api_key=REAL_KEY, timeout=60, check_compatibility=False)
    made.http.client.add_middleware(against_the_schema)
    yield made
    await made.close()


def make(client: QdrantClient, name: str) -> None:
    """Make a collection with a dense and a sparse vector and all kinds of indexes."""
    client.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)},
        sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    kinds = models.PayloadSchemaType
    words = models.TextIndexParams(
        type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, lowercase=True
    )
    schemas: dict[str, Any] = {
        "tenant": tenant,
        "groups": kinds.KEYWORD,
        "page": kinds.INTEGER,
        "at": kinds.DATETIME,
        "document": kinds.UUID,
        "title": words,
    }
    for field, schema in schemas.items():
        client.create_payload_index(name, field, field_schema=schema)


@pytest.fixture(scope="session")
def setup(url: str) -> Iterator[QdrantClient]:
    """A client for making and removing collections."""
    client = QdrantClient(url=url, api_key=REAL_KEY, timeout=30, check_compatibility=False)
    yield client
    client.close()


@pytest.fixture
def name(setup: QdrantClient) -> Iterator[str]:
    """An empty collection of the test's own."""
    made = f"conformance-{uuid4().hex}"
    make(setup, made)
    yield made
    setup.delete_collection(made)


@pytest.fixture
def filled(setup: QdrantClient, name: str) -> str:
    """A collection of the test's own with six points."""
    setup.upsert(name, POINTS)
    return name


@pytest.fixture(scope="session")
def library(setup: QdrantClient) -> Iterator[str]:
    """A collection with six points for all tests that only read."""
    made = f"conformance-{uuid4().hex}"
    make(setup, made)
    setup.upsert(made, POINTS)
    yield made
    setup.delete_collection(made)


def point(number: int | str, dense: list[float], payload: dict[str, Any]) -> models.PointStruct:
    """Return a point whose sparse vector names its page."""
    term = int(payload.get("page", 0))
    sparse = models.SparseVector(indices=[term, 900], values=[1.0, 0.5])
    return models.PointStruct(id=number, vector={"dense": dense, "bm25": sparse}, payload=payload)


POINTS = [
    point(
        n,
        [1.0, n / 10, 0.0, 0.0],
        {
            "tenant": "a" if n <= 4 else "b",
            "groups": ["staff", "legal"] if n % 2 else ["staff"],
            "page": n,
            "score": n / 2,
            "at": f"2024-01-0{n}T12:00:00Z",
            "document": str(UUID(int=n)),
            "title": f"Annual Report {n}",
            **({"note": None} if n == 3 else {}),
            **({"list": []} if n == 4 else {}),
            **({"extra": "x"} if n <= 2 else {}),
        },
    )
    for n in range(1, 7)
]
