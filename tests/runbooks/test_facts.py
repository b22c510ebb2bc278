"""What a quick look takes for reachable: whoever speaks for the service was reached."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from info_assistant.runbooks.diagnosis.places import Place, Places
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.telling.facts import Looking

_DOWN = {"status": "down", "dependencies": {"qdrant": {"state": "down"}}, "modes": []}


@contextmanager
def _answering(code: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
