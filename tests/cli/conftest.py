"""A backend that replies as a test tells it to, and the command line as people run it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Reply:
    """What the scripted backend sends."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedBackend:
    """A loopback HTTP server whose first replies to uploads are scripted.

    Once the script is used up, every upload is accepted and `ready` at once, or `failed` when its
    source is in `broken`, or reported `unchanged` when its source is in `known`.
    """

    url: str = ""
    script: list[Reply] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    answer: Reply = field(default_factory=lambda: Reply(404))
    uploads: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bearers: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, status: int, detail: str = "Not now.", **headers: str) -> None:
        """Answer the next upload that is not yet spoken for with `status`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append(Reply(status, {"title": "Refused", "detail": detail}, sent))

    def answer_with(self, status: int, body: object) -> None:
        """Answer every question, also for usage, with `body`."""
        self.answer = Reply(status, body)

    def answer_raw(self, data: bytes) -> None:
        """Answer every question with bytes that are no JSON."""
        self.answer = Reply(200, data)

    def reply_to_upload(self, source: str) -> Reply:
        """Take the next reply of the script, or accept the upload."""
        with self.lock:
            self.uploads.append(source)
            if self.script:
                return self.script.pop(0)
        outcome = "unchanged" if source in self.known else "accepted"
        receipt = {"id": source, "source": source, "state": "accepted", "outcome": outcome}
        return Reply(202, {"documents": [receipt]})

    def status_of(self, document_id: str) -> Reply:
        """Return the state in which an uploaded document has come to rest."""
        if document_id in self.broken:
            return Reply(200, {"state": "failed", "detail": self.broken[document_id]})
        return Reply(200, {"state": "ready", "passages": 3, "detail": ""})


@contextmanager
def scripted_backend(port: int = 0) -> Iterator[ScriptedBackend]:
    """Run a scripted backend on `port`, or on a free one."""
    scripted = ScriptedBackend()
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler_for(scripted))
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def backend() -> Iterator[ScriptedBackend]:
    """Run a scripted backend for the length of the test."""
    with scripted_backend() as scripted:
        yield scripted


@pytest.fixture
def start_backend() -> Callable[[int], AbstractContextManager[ScriptedBackend]]:
    """Return a context manager that runs a scripted backend on a port, from when a test says."""
    return scripted_backend


def _handler_for(scripted: ScriptedBackend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/query":
                scripted.bearers.append(self.headers["Authorization"])
                self._send(scripted.answer)
            else:
                self._send(scripted.reply_to_upload(_source_in(body)))

        def do_GET(self) -> None:
            if self.path.startswith("/v1/usage"):
                scripted.asked.append(self.path)
                self._send(scripted.answer)
                return
            self._send(scripted.status_of(self.path.removeprefix("/v1/documents/")))

        def _send(self, reply: Reply) -> None:
            given = reply.body
            data = given if isinstance(given, bytes) else json.dumps(given).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test's output free of access logs."""

    return Handler


def _source_in(body: bytes) -> str:
    """Read the form field `source` out of a multipart body."""
    after = body.split(b'name="source"\r\n\r\n', 1)[1]
    return after.split(b"\r\n", 1)[0].decode()


@dataclass(frozen=True)
class Run:
    """What a finished command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_cli(data_dir: Path) -> Callable[..., Run]:
    """Return a function that runs `info-assistant` as a process of its own to its end."""

    def run(*arguments: str, timeout: float = 30.0, stdin: str = "", **settings: str) -> Run:
        environment = {**os.environ, "DATA_DIR": str(data_dir), **settings}  # noqa: TID251
        done = subprocess.run(
            [sys.executable, "-m", "info_assistant", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run
