"""What the local server refuses, how it says so, and that nothing changes then."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.local_qdrant.conftest import Process, Start

NAN = '{"points":[{"id":1,"vector":{"dense":[1,2,NaN,4]}}]}'
INFINITE = '{"points":[{"id":1,"vector":{"dense":[1,2,-Infinity,4]}}]}'
TOO_LARGE = '{"points":[{"id":1,"vector":{"dense":[1,2,1e39,4]}}]}'
OVERFLOW = '{"points":[{"id":1,"vector":{"dense":[1,2,1e999,4]}}]}'


def _point(vector: object, number: object = 1) -> str:
    return json.dumps({"points": [{"id": number, "vector": vector}]})


def _sparse(indices: list[int], values: list[float]) -> str:
    return _point({"bm25": {"indices": indices, "values": values}})


def _put(server: Process, body: str) -> httpx.Response:
    return httpx.put(
        f"{server.url}/collections/passages/points",
        content=body,
        headers={"content-type": "application/json"},
    )


def test_bad_points_are_refused_and_change_nothing(shared_server: Process) -> None:
    """Vectors that are not finite or do not fit, and bad ids, are 400 for the whole batch."""
    client = shared_server.client()
    bad = [
        *(NAN, INFINITE, TOO_LARGE, OVERFLOW),
        *(_point({"dense": [1, 2, 3]}), _point({"dense": []}), _point({"other": [1, 2, 3, 4]})),
        *(_point([1, 2, 3, 4]), _point({"dense": [1, 2, 3, 4]}, "no uuid")),
        *(_point({"dense": [1, 2, 3, 4]}, -1), _point({"dense": [1, 2, 3, 4]}, 2**64)),
        *(_sparse([1, 2], [1.0]), _sparse([1, 1], [1.0, 2.0]), _sparse([-1], [1.0])),
        *(_sparse([2**32], [1.0]), _sparse([1], [1e39])),
        '{"points":[{"id":1,"vector":{"bm25":{"indices":[3],"values":[NaN]}}}]}',
        '{"points":[{"id":1,"vector":{"dense":[1,2,3,4]},"payload":{"a":NaN}}]}',
        '{"points":[{"id":1,"vector":{"dense":[1,2,3,4]}},{"id":2,"vector":{"dense":[1]}}]}',
        '{"points":[]}',
        '{"points":[{"id":1}]}',
        '{"points":',
    ]
    for body in bad:
        reply = _put(shared_server, body)
        assert reply.status_code == 400, (body, reply.text)
        assert set(reply.json()) == {"status", "time"}
        assert reply.json()["status"]["error"]
    assert client.count("passages").count == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/telemetry", None),
        ("GET", "/cluster", None),
        ("PATCH", "/collections/passages", {}),
        ("POST", "/collections/passages/points/search", {"vector": [1], "limit": 1}),
        ("POST", "/collections/passages/points/batch", {"operations": []}),
        ("PUT", "/collections/passages/points?shard=1", {"points": []}),
        ("PUT", "/collections/passages/points", {"points": [], "shard_key": "a"}),
        ("PUT", "/collections/passages/points", {"batch": {"ids": [], "vectors": []}}),
        ("PUT", "/collections/other", {"vectors": {"size": 4, "distance": "Cosine"}}),
        ("PUT", "/collections/other", {"vectors": {}, "replication_factor": 3}),
        ("PUT", "/collections/other", {"vectors": {}, "quantization_config": {"binary": {}}}),
        ("PUT", "/collections/other", {"vectors": {}, "unheard_of": 1}),
        ("POST", "/collections/passages/points/query", {"query": 5}),
        ("POST", "/collections/passages/points/query", {"query": {"recommend": {}}}),
        (
            "POST",
            "/collections/passages/points/query",
            {"query": [1, 2, 3, 4], "using": "dense", "params": {"indexed_only": True}},
        ),
        (
            "POST",
            "/collections/passages/points/count",
            {"filter": {"must": [{"key": "a", "values_count": {"gt": 1}}]}},
        ),
        (
            "PUT",
            "/collections/passages/index",
            {"field_name": "place", "field_schema": "geo"},
        ),
    ],
)
def test_what_is_outside_the_subset_is_501(
    shared_server: Process, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """An endpoint, field, parameter or condition that is not honoured is refused in words."""
    reply = httpx.request(method, shared_server.url + path, json=body)
    assert reply.status_code == 501, reply.text
    assert "local-qdrant does not implement" in reply.json()["status"]["error"]


def test_an_api_key_is_asked_for(start: Start, tmp_path: Path) -> None:
    """With a key set, only those who send it are answered; health needs none."""
    server = start(tmp_path, "secret-key")
    url = f"{server.url}/collections"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"api-key": "wrong"}).status_code == 401
    assert httpx.get(url, headers={"api-key": "secret-key"}).status_code == 200
    assert httpx.get(url, headers={"authorization": "Bearer secret-key"}).status_code == 200
    assert httpx.get(f"{server.url}/metrics").status_code == 401
    for path in ("/", "/healthz", "/livez", "/readyz"):
        assert httpx.get(server.url + path).status_code == 200


def test_pages_in_a_browser_are_turned_away(shared_server: Process) -> None:
    """A foreign host name, an origin, or a body that is not declared JSON gets nothing done."""
    url = f"{shared_server.url}/collections/x"
    body = json.dumps({"vectors": {}})
    kind = {"content-type": "application/json"}
    rebound = httpx.put(url, content=body, headers=kind | {"host": "evil.example"})
    crossing = httpx.put(url, content=body, headers=kind | {"origin": "http://evil.example"})
    assert (rebound.status_code, crossing.status_code) == (403, 403)
    assert httpx.put(url, content=body, headers={"content-type": "text/plain"}).status_code == 400
    assert not shared_server.client().collection_exists("x")


def test_a_body_without_end_is_cut_off(shared_server: Process) -> None:
    """More than 32 MiB in one request is 413, as on the real server."""
    reply = _put(shared_server, '{"points":[' + " " * (33 * 1024 * 1024) + "]}")
    assert reply.status_code == 413


def test_a_plain_socket_need_not_say_a_name(shared_server: Process) -> None:
    """HTTP/1.0 without a host, as a shell writes it in the runbook, is answered."""
    with socket.create_connection(("127.0.0.1", shared_server.port), 30) as connection:
        connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert connection.recv(1000).split()[1] == b"200"
