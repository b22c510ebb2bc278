"""Loopback servers of a few lines, for tests and stages."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], *, waits: bool = True) -> Iterator[int]:
    """Let a handler answer until the block is left, and yield its port.

    With `waits` the block is left once every reply has ended.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = not waits
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=not waits)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that writes no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def reply(self, code: int, body: bytes = b"") -> None:
        """Send a whole reply."""
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def answering(status: Callable[[], int]) -> Iterator[int]:
    """Answer each GET with what `status` returns by then; yields the port."""

    class Plain(QuietHandler):
        def do_GET(self) -> None:
            self.send_response(status())
            self.end_headers()

    with served(Plain) as port:
        yield port
