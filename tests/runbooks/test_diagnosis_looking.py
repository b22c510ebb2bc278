"""Looking at a service: side by side, and never longer than agreed, whatever answers."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from info_assistant.runbooks.diagnosis.interpreting import evidence_of
from info_assistant.runbooks.diagnosis.looking import Looker
from info_assistant.runbooks.diagnosis.observations import Outcome
from info_assistant.runbooks.diagnosis.places import Place, Places
from info_assistant.runbooks.diagnosis.symptoms import Symptom

HEALTH = {
    "status": "degraded",
    "limiter": "shared",
    "modes": [{"name": "INGESTION_PAUSED", "value": True, "source": "switch"}],
    "dependencies": {"qdrant": {"state": "ok", "since": "03:12", "breaker": None}},
}


@contextmanager
def backend() -> Iterator[Place]:
    """A backend whose counter of failed answers rises by one with each look."""
    looks: list[int] = []

    class Backend(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, status = "", 200
            if self.path == "/metrics":
                looks.append(1)
                name = 'answers_failed_total{code="vector_store_unavailable"}'
                body = f"# TYPE x counter\n{name} {len(looks)}\n"
            elif self.path == "/health":
                body = json.dumps(HEALTH)
            elif self.path.startswith("/api/v1/query?query=sum%28up"):
                body = json.dumps({"data": {"result": [{"value": [1, "0"]}]}})
            elif self.path.startswith("/api"):
                body, status = "no JSON", 400
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Place(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dripping() -> Iterator[Place]:
    """A server that sends a header now and then, for ever: no read of it ever times out."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.1):
                connection.sendall(b"X-Slow: 1\r\n")

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threads.append(threading.Thread(target=drip, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=accept, args=(server,), daemon=True)
        accepting.start()
        try:
            yield Place(f"http://127.0.0.1:{server.getsockname()[1]}")
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def test_counters_health_and_prometheus_are_read() -> None:
    """What rises between two looks, what /health says, and what Prometheus answers."""
    with backend() as place:
        seen = Looker(Places({"backend": place}, prometheus=place)).look()
    assert seen.metrics is not None
    assert seen.metrics.rise("answers_failed_total") == 1
    assert seen.health is not None
    assert seen.prometheus == {"backends": 0.0, "qdrant": 0.0, "redis": 0.0}
    assert Outcome.ANSWERED in {each.outcome for each in seen.reached["backend"].samples}
    evidence = evidence_of(seen)
    assert Symptom.ANSWERS_LACK_QDRANT in {each.symptom for each in evidence.findings}
    assert "INGESTION_PAUSED=True is in force" in evidence.besides[0]


def test_what_drips_for_ever_holds_up_nothing() -> None:
    """A provider that never ends its headers counts as silent once the time is over."""
    with backend() as place, dripping() as slow:
        seen = Looker(Places({"backend": place, "openai": slow}), whole_s=6.0).look()
    assert seen.reached["openai"].samples[-1].outcome is Outcome.SILENT
    assert 5 < seen.seconds < 30
    findings = evidence_of(seen).findings
    assert Symptom.PROVIDER_GONE in {each.symptom for each in findings}
