"""HTTP/1.1 to Qdrant with less work a request than the client's default transport.

A search returns close to a megabyte. The default reads it in small pieces through several layers:
that took more processor time than everything else a question needs. httptools parses the
responses; this only moves bytes in large pieces and keeps connections.
"""

import asyncio
from types import TracebackType
from typing import Self

import httptools
import httpx

_PIECE = 1 << 20
_BUFFER = 4 << 20
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


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._idle = True

    @classmethod
    async def to(cls, host: str, port: int) -> Self:
        return cls(*await asyncio.open_connection(host, port, limit=_BUFFER))

    @property
    def open(self) -> bool:
        return self._idle and not (self._reader.at_eof() or self._writer.is_closing())

    async def exchange(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Send one request and return its whole response."""
        self._idle = False
        lines = [b"%b: %b" % pair for pair in request.headers.raw]
        head = b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)
        self._writer.write(b"\r\n".join([head, *lines, b"", body]))
        await self._writer.drain()
        answer = _Answer()
        while not answer.complete:
            data = await self._reader.read(_PIECE)
            if not data:
                raise ProtocolError("closed before the response was complete")
            answer.feed(data)
        self._idle = answer.keeps_connection
        return httpx.Response(
            answer.status, headers=answer.headers, content=b"".join(answer.pieces)
        )

    def close(self) -> None:
        self._writer.close()

    async def closed(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            # Whatever the other side did, it is closed.
            return


class _Answer:
    """Collects one response; the methods named `on_…` are called by the parser."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    @property
    def keeps_connection(self) -> bool:
        return bool(self._parser.should_keep_alive())

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            raise ProtocolError(f"not an HTTP response: {exc}") from exc

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
