"""Traces as a collector gets them: a real OTLP receiver behind real processes."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from benchmarks.harness.breakable import breakable
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.conftest import await_true

from info_assistant.cli.local_redis import server
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderStandIn, running_providers
from info_assistant.drills.scripted_answers import quoting
from info_assistant.observability.spans import TRACE_HEADERS
from info_assistant.web.backend import Backend
from info_assistant.web.visits import Visit

QUESTION = "How many days of annual leave do employees carry over?"
BELOW = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector:
    """Takes traces in over OTLP/HTTP; while it hangs, it accepts requests and says nothing."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self.bodies: list[bytes] = []
        self.hangs, self.hung = threading.Event(), threading.Event()
        self._over = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.hangs.is_set():
                    collector.hung.set()
                    collector._over.wait(60)
                assert self.path == "/v1/traces"
                collector.bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening, and let go what hangs."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[Span]:
        """Return all spans that have arrived."""
        return [
            span
            for body in list(self.bodies)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def questions(self) -> list[list[Span]]:
        """Return the spans of every question that has ended, a list for each trace."""
        spans = self.spans()
        traces = [span.trace_id for span in spans if span.name == "POST /v1/query"]
        return [[span for span in spans if span.trace_id == trace] for trace in traces]


@contextmanager
def _collecting() -> Iterator[Collector]:
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()


def _ask(backend: str, words: str, **headers: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  Loopback.
        f"{backend}/v1/query",
        data=json.dumps({"question": words}).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=40) as reply:  # noqa: S310  Loopback.
        answer: dict[str, Any] = json.load(reply)
        return answer


def _facts(span: Span) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def _calls(trace: Sequence[Span]) -> list[dict[str, str | int]]:
    return [_facts(span) for span in trace if span.name.startswith("chat ")]


@pytest.mark.stack
@pytest.mark.model
@pytest.mark.skipif(server() is None, reason="no Redis for this machine")
def test_each_question_is_one_trace_whatever_happens() -> None:
    """A question is one trace, also by the second provider; a hanging collector costs nothing."""
    anthropic = ProviderStandIn("anthropic", script=quoting)
    with _collecting() as collector, running_providers(anthropic):
        more = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "ANTHROPIC_API_KEY": "drill",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{anthropic.port}",
        }
        with breakable(more=more) as service:
            backend = service.settings["BACKEND_URL"]
            assert _ask(backend, QUESTION, traceparent=BELOW)["answer_mode"] == "generated"
            await_true(lambda: len(collector.questions()) == 1, 30, "the first trace arrives")
            _check_first(collector.questions()[0])
            names = {span.name for span in collector.spans()}
            assert {"POST /v1/documents", "object put", "reading", "version swap"} <= names

            service.openai.behaviour = Behaviour.STATUS_503
            assert _ask(backend, f"{QUESTION} Please.")["served_by"]["provider"] == "anthropic"
            await_true(lambda: len(collector.questions()) == 2, 30, "the second trace arrives")
            tried = _calls(collector.questions()[1])
            assert [each["gen_ai.provider.name"] for each in tried] == ["openai", "anthropic"]
            assert [each.get("error.type", "") for each in tried] == ["overloaded", ""]

            collector.hangs.set()
            _ask(backend, f"{QUESTION} Thanks.")
            await_true(collector.hung.is_set, 30, "the collector hangs")
            assert _ask(backend, f"{QUESTION} Thank you.")["answer_mode"] == "generated"
            everything = b"".join(collector.bodies)
            assert len(collector.questions()) == 2
            assert not any(word in everything for word in (b"annual leave", b"carry over"))


def _check_first(trace: Sequence[Span]) -> None:
    by_name = {span.name: span for span in trace}
    served, whole = by_name["POST /v1/query"], by_name["answer question"]
    # It belongs to the caller's own trace.
    assert served.trace_id.hex() == BELOW.split("-")[1]
    assert served.parent_span_id.hex() == BELOW.split("-")[2]
    assert whole.parent_span_id == served.span_id
    stages = {span.name for span in trace if span.parent_span_id == whole.span_id}
    assert stages >= {"admit", "recall", "embed", "retrieve", "rank", "generate", "cite", "record"}
    assert _facts(whole)["info_assistant.answer.status"] == "answered"
    (call,) = _calls(trace)
    assert call["gen_ai.operation.name"] == "chat"
    assert int(call["gen_ai.usage.output_tokens"]) > 0
    chat = next(span for span in trace if span.name.startswith("chat "))
    assert chat.parent_span_id == by_name["generate"].span_id
    assert all(whole.start_time_unix_nano <= span.start_time_unix_nano for span in trace[:-2])


async def test_the_page_hands_its_trace_on() -> None:
    """What the page asks the backend for carries the page's trace, and nothing without one."""
    seen: list[str | None] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("traceparent"))
        return httpx2.Response(200, json={"status": "ok"})

    backend = Backend("http://backend", timeout_s=1, transport=httpx2.MockTransport(reply))
    await backend.health(Visit())
    token = TRACE_HEADERS.set({"traceparent": BELOW})
    try:
        await backend.health(Visit())
    finally:
        TRACE_HEADERS.reset(token)
    await backend.aclose()
    assert seen == [None, BELOW]
