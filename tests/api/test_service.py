"""What the service tells of itself, and how it tells errors."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from tests.api.conftest import Backend, Start, eventually

from info_assistant import errors
from info_assistant.api.app import create_framework
from info_assistant.api.problems import TABLE, problem_of
from info_assistant.api.services import ApiServices
from info_assistant.errors import (
    InfoAssistantError,
    ProviderError,
    ProviderFault,
    Unreadable,
    VectorStoreUnavailable,
)
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import HealthMonitor, ProbeTiming


def every_error(root: type[InfoAssistantError] = InfoAssistantError) -> Iterator[type]:
    """Yield each class of the tree."""
    yield root
    for child in root.__subclasses__():
        yield from every_error(child)


def test_every_error_has_a_row() -> None:
    """The table names each class of errors.py, and nothing else."""
    assert set(TABLE) == {each for each in every_error() if each.__module__ == errors.__name__}


def an_error(kind: type[InfoAssistantError]) -> InfoAssistantError:
    """Return an error of this kind."""
    if issubclass(kind, Unreadable):
        return kind("empty", "x")
    if issubclass(kind, ProviderError):
        return kind("x", provider="openai", kind=ProviderFault.REFUSED)
    return kind("x")


def test_codes_and_statuses_that_others_rely_on() -> None:
    """The runbook's statuses are as published."""
    told = {kind.code: problem_of(an_error(kind)) for kind in TABLE}
    assert {code: each.status for code, each in told.items()} == {
        "internal": 500,
        "invalid_request": 422,
        "personal_data_found": 422,
        "payload_too_large": 413,
        "unauthenticated": 401,
        "forbidden": 403,
        "document_limit_reached": 403,
        "not_found": 404,
        "conflict": 409,
        "mode_set_by_environment": 409,
        "contradictory_modes": 409,
        "resume_elsewhere": 409,
        "answer_under_way": 409,
        "unreadable_document": 422,
        "unavailable": 503,
        "vector_store_unavailable": 500,
        "redis_unavailable": 503,
        "object_storage_unavailable": 503,
        "embedder_unavailable": 503,
        "budget_exhausted": 429,
        "provider_error": 503,
        "generation_unavailable": 503,
        "ingestion_unavailable": 503,
        "ingestion_paused": 503,
        "identity_provider_unavailable": 503,
        "records_unavailable": 503,
        "maintenance": 503,
        "cache_only_miss": 503,
        "shutting_down": 503,
        "backend_unavailable": 503,
        "too_busy": 503,
        "rate_limited": 429,
        "overloaded": 503,
        "deadline_exceeded": 504,
        "stored_data_invalid": 500,
        "misconfigured": 500,
    }
    for secret in ("stored_data_invalid", "misconfigured"):
        assert told[secret].code == "internal"
        assert told[secret].detail != "x"
    assert all(each.retry_after_s for each in told.values() if each.status in {429, 503})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/query", 405, "method_not_allowed"),
        ("PUT", "/v1/documents", 405, "method_not_allowed"),
        ("TRACE", "/health", 405, "method_not_allowed"),
    ],
)
async def test_framework_errors_are_problems(
    backend: Backend, method: str, path: str, status: int, code: str
) -> None:
    """What the web framework refuses is told in the same shape as our own refusals."""
    response = await backend.client.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert ("allow" in response.headers) == (status == 405)


@dataclass
class Switch:
    """A dependency that can be broken."""

    broken: bool = False

    async def ping(self) -> None:
        """Answer, or fail."""
        if self.broken:
            raise VectorStoreUnavailable("It does not answer.")


async def test_health_follows_the_dependencies(services: ApiServices, start: Start) -> None:
    """An essential dependency that stops makes 503, another makes degraded; both recover."""
    qdrant, storage = Switch(), Switch()
    monitor = HealthMonitor(
        {"qdrant": qdrant, "object_storage": storage},
        SystemClock(),
        off=("redis",),
        timing=ProbeTiming(period_s=0.02),
    )
    made = replace(services, health=monitor, tasks={"health": monitor.run})
    async with start(made) as backend:

        async def becomes(status: str, *codes: int) -> None:
            async with asyncio.timeout(60):
                while (await backend.client.get("/health")).json()["status"] != status:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            paths = ("/health", "/health?strict=1")
            found = [(await backend.client.get(path)).status_code for path in paths]
            assert found == list(codes)

        await becomes("ok", 200, 200)
        storage.broken = True
        await becomes("degraded", 200, 503)
        qdrant.broken = True
        await becomes("down", 503, 503)
        assert (await backend.client.get("/readyz")).status_code == 200
        qdrant.broken = storage.broken = False
        await becomes("ok", 200, 200)
        body = (await backend.client.get("/health")).json()
        assert (body["modes"], body["limiter"]) == ([], "off")
        assert set(body["dependencies"]) == {"qdrant", "object_storage", "redis"}
        assert body["dependencies"]["redis"]["state"] == "off"
        assert set(body["dependencies"]["qdrant"]) == {
            *("state", "since", "last_success", "breaker", "detail", "rate_limits"),
        }


async def test_readiness_is_about_the_process(backend: Backend) -> None:
    """A draining process says so to those who route requests; it stays alive."""
    assert (await backend.client.get("/readyz")).json() == {"status": "ok"}
    backend.services.lifecycle.draining = True
    draining = await backend.client.get("/readyz")
    assert (draining.status_code, draining.json()) == (503, {"status": "draining"})
    assert (await backend.client.get("/livez")).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/readyz", "/v1/documents"])
async def test_head_is_a_get_without_its_body(backend: Backend, path: str) -> None:
    """Load balancers that probe with HEAD get the status and the headers of a GET."""
    head, get = await backend.client.head(path), await backend.client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_metrics_are_there_from_the_start(backend: Backend) -> None:
    """Every promised name is exported at 0 before anything happened."""
    text = (await backend.client.get("/metrics")).text
    for sample in (
        "qdrant_connection_errors_total 0.0",
        "rate_limited_total 0.0",
        'answers_total{answer_mode="extractive",status="answered"} 0.0',
        'answers_failed_total{code="vector_store_unavailable"} 0.0',
        'answer_duration_seconds_count{stage="total"} 0.0',
        'cache_requests_total{result="hit"} 0.0',
        'cache_requests_total{result="bypass"} 0.0',
        'documents{state="ready"} 0.0',
        "ingestion_duration_seconds_count 0.0",
        'http_requests_total{method="POST",route="/v1/query",status="200"} 0.0',
        'http_requests_total{method="POST",route="/v1/query",status="503"} 0.0',
        'http_requests_total{method="POST",route="/v1/documents",status="500"} 0.0',
    ):
        assert sample in text


async def test_requests_are_counted_by_route(backend: Backend) -> None:
    """Ids in paths do not multiply the metrics; unknown paths share one name."""
    for path in ("/v1/documents/a", "/v1/documents/b", "/x", "/y"):
        await backend.client.get(path)
    await eventually(
        lambda: (
            backend.count("http_requests_total", method="GET", route="unmatched", status="404") == 2
        )
    )
    shown = {"method": "GET", "route": "/v1/documents/{document_id}", "status": "422"}
    assert backend.count("http_requests_total", **shown) == 2
    assert backend.count("http_request_duration_seconds_count", route=shown["route"]) == 2


async def test_docs_need_no_script_and_no_other_origin(backend: Backend) -> None:
    """The page about the API shows every operation and loads nothing."""
    response = await backend.client.get("/docs")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in response.text
    assert "src=" not in response.text
    document = (await backend.client.get("/openapi.json")).json()
    assert len(document["paths"]) >= 9
    for path in document["paths"]:
        assert path in response.text


def test_every_route_documents_its_problems(services: ApiServices) -> None:
    """Each refusal in the description refers to the one problem shape, and that is defined."""
    app = create_framework(services)
    document = app.openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "ProblemBody" in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            refusals = {code for code in operation["responses"] if code >= "400"}
            if path.startswith("/v1/"):
                assert {"422", "500"} <= refusals
            for code in refusals:
                content = operation["responses"][code]["content"]
                assert set(content) & {"application/problem+json", "application/json"}
