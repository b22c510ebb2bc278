"""HTTP/1.1 to Qdrant with less work a request than the client's default transport.

A search returns half a megabyte. The default reads it in small pieces through several layers: that
took more processor time than everything else a question needs. httptools parses the responses'
heads; this only moves bytes in large pieces, as seldom as it can, and keeps connections.
"""

import asyncio
import io
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import httptools
import httpx

_IDLE = 32
_AVOIDED_S = 10.0
"""How long a peer that broke or hung is not the first to be asked."""
_PIECE = 64 * 1024
_LARGEST = 64 * 1024 * 1024
"""What is believed of a length beforehand, in bytes; larger bodies are taken as they come."""
_NO_ROOM = memoryview(b"")


class ProtocolError(ConnectionError):
    """The other side does not speak HTTP, or stopped in the middle of a response."""


Address = tuple[str, int, bool]
"""Host, port, and whether TLS is spoken there."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class KeepAliveTransport(httpx.AsyncBaseTransport):
    """HTTP over kept connections.

    Deadlines are the caller's: a request that is cancelled closes its connection.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, others: "Sequence[Address]" = ()) -> None:
        """Start without connections. `tls` says whom to trust; public authorities unless given.

        `others` do the same as whoever is asked: they stand in where that one breaks, at once, and
        where a request to it was given up, from the next request on.
        """
        self._tls = tls
        self._others = tuple(others)
        self._begin_with, self._until = 0, 0.0
        self._idle: dict[Address, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole response. Raises OSError."""
        body = await request.aread()
        head = request_head(request.method, request.url, request.headers.raw)
        reply = await self.exchange(address_of(request.url), head + body)
        return as_response(reply)

    async def exchange(self, address: Address, request: bytes) -> Reply:
        """Send a request, head and body as they travel; return its response. Raises OSError."""
        if not self._others:
            return await self._ask(address, request)
        peers = (address, *self._others)
        first = self._begin_with if asyncio.get_running_loop().time() < self._until else 0
        for step in range(len(peers)):
            peer = (first + step) % len(peers)
            try:
                return await self._ask(peers[peer], request)
            except OSError:
                self._prefer((peer + 1) % len(peers))
                if step == len(peers) - 1:
                    raise
            except asyncio.CancelledError:
                self._prefer((peer + 1) % len(peers))
                raise
        raise AssertionError("unreachable: the last peer answers or raises")

    def _prefer(self, peer: int) -> None:
        """Begin with another peer for a while; then the usual one is tried again."""
        self._begin_with = peer
        self._until = asyncio.get_running_loop().time() + _AVOIDED_S

    async def _ask(self, address: Address, request: bytes) -> Reply:
        idle = self._idle.setdefault(address, [])
        while idle:
            connection = idle.pop()
            if not connection.open:
                connection.close()
                continue
            try:
                return await self._exchange(connection, idle, request)
            except OSError:
                # The server had closed it: everything we send may be sent twice.
                continue
        return await self._exchange(await self._connected(address), idle, request)

    async def _connected(self, address: Address) -> "_Connection":
        host, port, secure = address
        if secure and self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        loop = asyncio.get_running_loop()
        tls = self._tls if secure else None
        _, connection = await loop.create_connection(_Connection, host, port, ssl=tls)
        return connection

    async def _exchange(
        self, connection: "_Connection", idle: "list[_Connection]", request: bytes
    ) -> Reply:
        keep = False
        try:
            reply = await connection.exchange(request)
            keep = connection.open
        finally:
            if keep and len(idle) < _IDLE:
                idle.append(connection)
            else:
                connection.close()
        return reply

    async def aclose(self) -> None:
        """Close the idle connections and wait until they are closed."""
        connections = [each for idle in self._idle.values() for each in idle]
        self._idle.clear()
        for connection in connections:
            await connection.closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()


def request_head(method: str, url: httpx.URL, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return what precedes a request's body."""
    lines = [b"%b: %b" % pair for pair in headers]
    first = b"%b %b HTTP/1.1" % (method.encode(), url.raw_path)
    return b"\r\n".join([first, *lines, b"", b""])


def address_of(url: httpx.URL) -> Address:
    """Return where a URL leads."""
    secure = url.scheme == "https"
    return url.host, url.port or (443 if secure else 80), secure


def as_response(reply: Reply) -> httpx.Response:
    """Return a reply as httpx has it."""
    return httpx.Response(reply.status, headers=reply.headers, content=reply.body)


class _Connection(asyncio.BufferedProtocol):
    """One connection, which carries one exchange at a time."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self._answer: _Answer | None = None
        self._keeps = True
        self._spare = memoryview(bytearray(_PIECE))
        self._transport: asyncio.Transport

    @property
    def open(self) -> bool:
        return self._keeps and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> Reply:
        """Send one request and return its whole response."""
        self._keeps = False
        self._answer = answer = _Answer(asyncio.get_running_loop().create_future())
        self._transport.write(request)
        try:
            await answer.complete
        finally:
            self._answer = None
            answer.let_go()
        self._keeps = answer.keeps_connection
        return Reply(answer.status, answer.headers, answer.body)

    def close(self) -> None:
        self._transport.close()

    async def closed(self) -> None:
        self._transport.close()
        await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go: to their place in the body, where that is known."""
        del sizehint
        return self._answer.room if self._answer and self._answer.room else self._spare

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._answer
        if answer is None or answer.complete.done():
            # Nobody asked for this; what belongs to what is no longer sure.
            self._transport.close()
        elif answer.room:
            answer.filled(nbytes)
        else:
            answer.feed(self._spare[:nbytes])

    def connection_lost(self, exc: Exception | None) -> None:
        self._keeps = False
        if self._answer is not None:
            self._answer.fail(exc or ProtocolError("closed before the response was complete"))
        self._closed.set()


class _Answer:
    """Collects one response; the methods named `on_…` are called by the parser.

    The parser sees the head, and the body only where its length is not told beforehand. A body of
    a known length is received in its place: each copy of half a megabyte costs a fiftieth of a
    question, and throws as much out of the processor's caches. That place is a BytesIO's, which
    gives its content away without a copy, as bytes; of a bytearray every reader makes its own.
    """

    def __init__(self, complete: "asyncio.Future[None]") -> None:
        self.complete = complete
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.keeps_connection = False
        self.room = _NO_ROOM
        """The part of a body of known length that has not come yet."""
        self._whole: io.BytesIO | None = None
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces) if self._whole is None else self._whole.getvalue()

    def feed(self, data: memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self.fail(ProtocolError(f"not an HTTP response: {exc}"))
        else:
            self._make_room()

    def filled(self, count: int) -> None:
        self.room = self.room[count:]
        if not self.room:
            # As long as anybody may write there, its content would be copied.
            self.room = _NO_ROOM
            self._finish()

    def fail(self, error: Exception) -> None:
        if not self.complete.done():
            self.complete.set_exception(error)

    def let_go(self) -> None:
        """Forget the parser, which knows us too.

        Together they would keep half a megabyte until garbage is next looked for.
        """
        del self._parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        # The parser knows this before the end of a message only: after it, it always says no.
        self.keeps_connection = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._finish()

    def _make_room(self) -> None:
        """Let the rest of the body come to its place, if its length is told and credible."""
        if self.complete.done() or not self.status:
            return
        told = {name.lower(): value for name, value in self.headers}
        length = int(told.get(b"content-length", b"0"))
        if b"transfer-encoding" in told or not 0 < length <= _LARGEST:
            return
        self._whole = io.BytesIO()
        begun = self._whole.write(b"".join(self._pieces))
        self._whole.seek(length - 1)
        self._whole.write(b"\0")
        self.room = self._whole.getbuffer()[begun:]

    def _finish(self) -> None:
        if not self.complete.done():
            self.complete.set_result(None)
