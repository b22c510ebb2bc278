"""A backend that replies as a test tells it to, and the command line as people run it."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

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
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
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

    def hold(self, source: str, sha256: str) -> None:
        """List a document from now on."""
        self.held[source] = {
            "id": source,
            "source": source,
            "sha256": sha256,
            "state": "failed" if source in self.broken else "ready",
            "access": ["everyone"],
            "passages": 3,
        }

    def listing(self) -> Reply:
        """Return all documents that were uploaded and not deleted."""
        return Reply(200, {"documents": list(self.held.values()), "next": None})

    def shown_at(self, path: str) -> Reply:
        """Return what is to be read at a path: the list, what was used, or one document."""
        if path.startswith("/v1/documents?"):
            return self.listing()
        if path.startswith("/v1/usage"):
            self.asked.append(path)
            return self.answer
        return self.status_of(path.removeprefix("/v1/documents/"))

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
                source = _source_in(body)
                reply = scripted.reply_to_upload(source)
                if reply.status < HTTPStatus.BAD_REQUEST:
                    scripted.hold(source, hashlib.sha256(_file_in(body)).hexdigest())
                self._send(reply)

        def do_DELETE(self) -> None:
            source = unquote(self.path.removeprefix("/v1/documents/"))
            gone = scripted.held.pop(source, None)
            self._send(Reply(204 if gone else 404))

        def do_GET(self) -> None:
            self._send(scripted.shown_at(self.path))

        def _send(self, reply: Reply) -> None:
            given = reply.body
            data = given if isinstance(given, bytes) else json.dumps(given).encode()
            data = b"" if reply.status == HTTPStatus.NO_CONTENT else data
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test's output free of access logs."""

    return Handler


def _file_in(body: bytes) -> bytes:
    """Read the file out of a multipart body."""
    boundary = body.split(b"\r\n", 1)[0]
    after = body.split(b'name="file"', 1)[1].split(b"\r\n\r\n", 1)[1]
    return after.split(b"\r\n" + boundary, 1)[0]


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

    def run(*arguments: str, timeout: float = 120.0, stdin: str = "", **settings: str) -> Run:
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
