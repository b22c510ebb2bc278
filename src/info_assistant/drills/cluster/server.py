"""HTTP/1.1 on loopback for the simulator: a thread for each connection.

Clients of Kubernetes send no credentials without TLS, so an address says who asks: below
`/as/USER/` every request is USER's, elsewhere the administrator's.
"""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from info_assistant.drills.cluster.calls import (
    ADMINISTRATOR,
    Call,
    Outcome,
    Reply,
    Stream,
    Upgrade,
)
from info_assistant.drills.cluster.problems import Refused
from info_assistant.drills.cluster.websocket import WebSocket, accept_key

Answer = Callable[[Call], Outcome]
"""What becomes of each request."""


class _Server(ThreadingMixIn, TCPServer):
    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def hang_up(self) -> None:
        """Break all connections."""
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Let clients that hang up go in silence; others are errors of ours."""
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._ours.connections.add(self.connection)

    def finish(self) -> None:
        self._ours.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    @property
    def _ours(self) -> _Server:
        return cast("_Server", self.server)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401
        """Say nothing: the simulator's own words are on its output."""

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        # Every method goes one way; without this a method needs a function of its name each.
        self._serve()
        return False

    def _serve(self) -> None:
        try:
            outcome = self._ours.answer(self._call())
        except Refused as refused:
            outcome = Reply(refused.status, refused.code)
        with suppress(OSError):
            if isinstance(outcome, Reply):
                self._send(outcome)
            elif isinstance(outcome, Stream):
                self._stream(outcome)
            else:
                self._upgrade(outcome)

    def _call(self) -> Call:
        split = urlsplit(self.path)
        path = tuple(unquote(part) for part in split.path.split("/") if part)
        user = ADMINISTRATOR
        if path[:1] == ("as",):
            user, path = path[1], path[2:]
        length = int(self.headers.get("Content-Length") or 0)
        return Call(
            self.command,
            path,
            parse_qs(split.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
            user,
        )

    def _send(self, reply: Reply) -> None:
        data = reply.encoded()
        self.send_response(reply.code)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _stream(self, stream: Stream) -> None:
        self.send_response(200)
        self.send_header("Content-Type", stream.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in stream.pieces:
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            elif self._gone():
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _gone(self) -> bool:
        """Return whether the client has hung up."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def _upgrade(self, upgrade: Upgrade) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        key = self.headers.get("Sec-WebSocket-Key") or ""
        self.send_header("Sec-WebSocket-Accept", accept_key(key))
        self.send_header("Sec-WebSocket-Protocol", upgrade.protocol)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        socket_ = WebSocket(cast("Any", self.rfile), cast("Any", self.wfile))
        upgrade.run(socket_)


@contextmanager
def serving(port: int, answer: Answer) -> Iterator[int]:
    """Serve on loopback until the block is left; yields the port. Raises OSError if it is taken."""
    server = _Server(port, answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="cluster-server")
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()
