"""REDIS_ENABLED=false, by variable and by switch, on a running backend with a real Redis."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.conftest import await_true
from tests.redis_process import RedisProcess

pytestmark = [pytest.mark.stack, pytest.mark.model]
PATIENCE_S = 30.0
OFF = "REDIS_ENABLED=false"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a running Redis."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    yield process
    process.stop()


def limiter(backend: Processes) -> str:
    """Return how the backend counts limits."""
    return str(backend.client.get("/health").json()["limiter"])


def mode(backend: Processes) -> tuple[str, bool]:
    """Return what the header and the metrics say of the mode."""
    reply = backend.client.get("/metrics")
    active = 'mode_active{mode="REDIS_ENABLED"} 1.0' in reply.text
    return reply.headers["x-served-mode"], active


def stream(backend: Processes) -> bytes:
    """Ask for a streamed answer; return what its key in Redis ends with."""
    headers = {"Accept": "text/event-stream"}
    reply = backend.client.post("/v1/query", json={"question": "How?"}, headers=headers)
    return str(reply.raise_for_status().headers["x-answer-id"]).encode()


def shared(server: RedisProcess, answer: bytes) -> bool:
    """Whether the events of an answer are in Redis."""
    return answer in server.tell("KEYS", "events*")


def redis_state(backend: Processes) -> str:
    """Return what /health says of Redis."""
    return str(backend.client.get("/health").json()["dependencies"]["redis"]["state"])


def test_redis_is_switched_off_and_on(tmp_path: Path, server: RedisProcess) -> None:
    """In force within seconds: limits and streams by each process alone, said where it is told."""
    backend = Processes(tmp_path, REDIS_URL=server.url)
    qdrant = backend.running("local-qdrant")
    with qdrant, backend.running("serve"):
        backend.await_ready()
        await_true(lambda: limiter(backend) == "shared", PATIENCE_S, "limits are shared")
        health = backend.client.get("/health").json()
        assert health["dependencies"]["redis"]["breaker"] == "closed"
        assert 'breaker_state{dependency="redis"} 0.0' in backend.client.get("/metrics").text
        assert mode(backend) == ("normal", False)
        before = stream(backend)
        await_true(lambda: shared(server, before), PATIENCE_S, "events are shared")
        backend.command("modes", "set", OFF, "--reason", "it lies")
        await_true(lambda: limiter(backend) == "local", PATIENCE_S, "limits are local")
        assert mode(backend) == (OFF, True)
        (shown,) = backend.client.get("/health").json()["modes"]
        assert (shown["name"], shown["value"]) == ("REDIS_ENABLED", False)
        assert shown["source"] == "switch"
        meanwhile = stream(backend)
        backend.command("modes", "clear", "REDIS_ENABLED")
        await_true(lambda: limiter(backend) == "shared", PATIENCE_S, "limits are shared again")
        after = stream(backend)
        await_true(lambda: shared(server, after), PATIENCE_S, "events are shared again")
        assert not shared(server, meanwhile)
        server.stop()
        await_true(lambda: redis_state(backend) == "down", PATIENCE_S, "Redis is down")
        assert limiter(backend) == "local"
        assert 'breaker_state{dependency="redis"} 2.0' in backend.client.get("/metrics").text
        server.start()
    backend.environment |= {"REDIS_ENABLED": "false"}
    with backend.running("serve"):
        backend.await_ready()
        assert limiter(backend) == "local"
        assert mode(backend) == (OFF, True)
        (shown,) = backend.client.get("/health").json()["modes"]
        assert shown["source"] == "environment"
    backend.client.close()
