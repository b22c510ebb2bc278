"""HTTP/1.1 to Qdrant with less work a request than the client's default transport.

A search returns half a megabyte. The default reads it in small pieces through several layers: that
took more processor time than everything else a question needs. httptools parses the responses;
this only moves bytes in large pieces and keeps connections.
"""

import asyncio
from types import TracebackType
from typing import Self, cast

import httptools
import httpx

_IDLE = 32


class ProtocolError(ConnectionError):
    """The other side does not speak HTTP, or stopped in the middle of a response."""


class KeepAliveTransport(httpx.AsyncBaseTransport):
    """Plain HTTP over kept connections; TLS is left to httpx's own transport.

    Deadlines are the caller's: a request that is cancelled closes its connection.
    """

    def __init__(self) -> None:
        """Start without connections."""
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole response. Raises OSError."""
        body = await request.aread()
        address = request.url.host, request.url.port or 80
        idle = self._idle.setdefault(address, [])
        while idle:
            connection = idle.pop()
            if not connection.open:
                connection.close()
                continue
            try:
                return await self._exchange(connection, request, body)
            except OSError:
                # The server had closed it: everything we send may be sent twice.
                continue
        return await self._exchange(await _Connection.to(*address), request, body)

    async def _exchange(
        self, connection: "_Connection", request: httpx.Request, body: bytes
    ) -> httpx.Response:
        keep = False
        try:
            response = await connection.exchange(request, body)
            keep = connection.open
        finally:
            idle = self._idle[request.url.host, request.url.port or 80]
            if keep and len(idle) < _IDLE:
                idle.append(connection)
            else:
                connection.close()
        return response

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


class _Connection(asyncio.Protocol):
    """One connection, which carries one exchange at a time."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self._answer: _Answer | None = None
        self._keeps = True
        self._transport: asyncio.Transport

    @classmethod
    async def to(cls, host: str, port: int) -> Self:
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    @property
    def open(self) -> bool:
        return self._keeps and not self._transport.is_closing()

    async def exchange(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Send one request and return its whole response."""
        self._keeps = False
        lines = [b"%b: %b" % pair for pair in request.headers.raw]
        head = b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)
        self._answer = answer = _Answer(asyncio.get_running_loop().create_future())
        self._transport.write(b"\r\n".join([head, *lines, b"", body]))
        await answer.complete
        self._keeps = answer.keeps_connection
        return httpx.Response(
            answer.status, headers=answer.headers, content=b"".join(answer.pieces)
        )

    def close(self) -> None:
        self._transport.close()

    async def closed(self) -> None:
        self._transport.close()
        await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.complete.done():
            # Nobody asked for this; what belongs to what is no longer sure.
            self._transport.close()
            return
        self._answer.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keeps = False
        if self._answer is not None:
            self._answer.fail(exc or ProtocolError("closed before the response was complete"))
        self._closed.set()


class _Answer:
    """Collects one response; the methods named `on_…` are called by the parser."""

    def __init__(self, complete: "asyncio.Future[None]") -> None:
        self.complete = complete
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.keeps_connection = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            self.fail(ProtocolError(f"not an HTTP response: {exc}"))

    def fail(self, error: Exception) -> None:
        if not self.complete.done():
            self.complete.set_exception(error)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.status = self._parser.get_status_code()
        # The parser knows this here only: once it has finished a message, it always says no.
        self.keeps_connection = self._parser.should_keep_alive()
        if not self.complete.done():
            self.complete.set_result(None)
