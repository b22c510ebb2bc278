"""What a quick look takes for reachable: whoever speaks for the service was reached."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import pytest
from benchmarks.harness.plain_server import QuietHandler, served

from info_assistant.runbooks.diagnosis.places import Place, Places
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.telling.facts import Looking

_DOWN = {"status": "down", "dependencies": {"qdrant": {"state": "down"}}, "modes": []}


@contextmanager
def _answering(code: int, body: bytes, *metrics: str) -> Iterator[str]:
    counted = iter(metrics)

    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            metered = self.path == "/metrics"
            told = next(counted).encode() if metered else body
            self.reply(200 if metered else code, told)

    with served(Handler, waits=False) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("code", "body", "reachable"),
    [
        (200, json.dumps(_DOWN | {"status": "ok"}).encode(), True),
        (503, json.dumps(_DOWN).encode(), True),
        (500, b"Internal Server Error", False),
        (502, b"<html>Bad gateway</html>", False),
        (503, b"[]", False),
    ],
    ids=["well", "down in its own words", "bare error", "gateway", "other words"],
)
def test_a_service_that_says_itself_that_it_is_down_is_reached(
    code: int, body: bytes, *, reachable: bool
) -> None:
    """With Qdrant down /health is 503, and readers still get saved answers: no outage of all."""
    with _answering(code, body) as url:
        facts = Looking(Places({"public": Place(url)}), timeout_s=30).facts(Incident())
    assert facts.reachable is reachable


def _metrics(began: int, failed: int, asked: int = 0, quick: int = 0) -> str:
    return (
        f"process_start_time_seconds {began}\n"
        f'http_request_duration_seconds_count{{route="/v1/query"}} {asked}\n'
        f'http_request_duration_seconds_bucket{{le="0.01",route="/v1/query"}} {quick}\n'
        f'http_request_duration_seconds_bucket{{le="0.25",route="/v1/query"}} {quick}\n'
        f'http_request_duration_seconds_bucket{{le="+Inf",route="/v1/query"}} {asked}\n'
        f'http_request_duration_seconds_bucket{{le="0.25",route="/health"}} {asked * 9}\n'
        f'answers_failed_total{{code="generation_unavailable"}} {failed}\n'
        f'answers_failed_total{{code="vector_store_unavailable"}} {failed * 7}\n'
    )


@pytest.mark.parametrize(
    ("before", "after", "failing"),
    [
        (_metrics(5, 3), _metrics(5, 4), True),
        (_metrics(5, 3), _metrics(5, 3), False),
        (_metrics(5, 3), _metrics(6, 4), None),
    ],
    ids=["fails", "does not", "another process"],
)
def test_answers_that_fail_for_want_of_a_provider_are_seen(
    before: str, after: str, *, failing: bool | None
) -> None:
    """With OpenAI down and Anthropic well, the backend's own count says whether readers suffer."""
    states = {"openai": {"state": "down"}, "anthropic": {"state": "ok"}}
    body = json.dumps({"status": "degraded", "dependencies": states, "modes": []}).encode()
    with _answering(200, body, before, after) as url:
        looking = Looking(Places({"backend": Place(url)}), timeout_s=30, between_s=0)
        facts = looking.facts(Incident())
    assert facts.failing is failing


@pytest.mark.parametrize(
    ("before", "after", "slower"),
    [
        (_metrics(5, 0, 100, 100), _metrics(5, 0, 104, 101), True),
        (_metrics(5, 0, 100, 100), _metrics(5, 0, 104, 104), False),
        (_metrics(5, 0, 100, 100), _metrics(5, 0, 104, 103), False),
        (_metrics(5, 0, 100, 100), _metrics(5, 0, 102, 100), None),
        (_metrics(5, 0), _metrics(5, 0, 104), None),
        (_metrics(5, 0, 100, 100), _metrics(6, 0, 104, 100), None),
        (_metrics(9, 0, 100, 100), _metrics(9, 0, 104, 100), None),
    ],
    ids=[
        "slower",
        "as before",
        "one of them",
        "too few",
        "nothing before",
        "another process",
        "a process that began after the incident",
    ],
)
def test_answers_that_take_longer_are_seen(before: str, after: str, *, slower: bool | None) -> None:
    """While Redis is down the backend's own clock says whether readers wait for longer."""
    states = {"redis": {"state": "down"}}
    body = json.dumps({"status": "degraded", "dependencies": states, "modes": []}).encode()
    with _answering(200, body, before, after) as url:
        looking = Looking(Places({"backend": Place(url)}), timeout_s=30, between_s=0)
        facts = looking.facts(Incident(times={"opened": datetime.fromtimestamp(9, UTC)}))
    assert facts.slower is slower
