"""HTTP/1.1 to Qdrant with less work a request than the client's default transport.

A search returns close to a megabyte. The default reads it in small pieces through several layers:
that took more processor time than everything else a question needs. h11 keeps speaking the
protocol; this only moves bytes in large pieces and keeps connections.
"""

import asyncio
from types import TracebackType
from typing import Self

import h11
import httpx

_PIECE = 1 << 20
_BUFFER = 4 << 20
_IDLE = 32


class KeepAliveTransport(httpx.AsyncBaseTransport):
    """Plain HTTP over kept connections; TLS is left to httpx's own transport.

    Deadlines are the caller's: a request that is cancelled closes its connection.
    """

    def __init__(self) -> None:
        """Start without connections."""
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole response. Raises OSError, h11.ProtocolError."""
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
            except (OSError, h11.RemoteProtocolError):
                # The server had closed it: everything we send may be sent twice.
                continue
        return await self._exchange(await _Connection.to(*address), request, body)

    async def _exchange(
        self, connection: "_Connection", request: httpx.Request, body: bytes
    ) -> httpx.Response:
        keep = False
        try:
            response = await connection.exchange(request, body)
            keep = connection.ready_for_more()
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
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_BUFFER)

    @classmethod
    async def to(cls, host: str, port: int) -> Self:
        return cls(*await asyncio.open_connection(host, port, limit=_BUFFER))

    @property
    def open(self) -> bool:
        return not (self._reader.at_eof() or self._writer.is_closing())

    async def exchange(self, request: httpx.Request, body: bytes) -> httpx.Response:
        head = h11.Request(
            method=request.method, target=request.url.raw_path, headers=request.headers.raw
        )
        parts = [self._protocol.send(head)]
        if body:
            parts.append(self._protocol.send(h11.Data(body)))
        parts.append(self._protocol.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        await self._writer.drain()
        return await self._response()

    async def _response(self) -> httpx.Response:
        head: h11.Response | None = None
        pieces: list[bytes] = []
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                self._protocol.receive_data(await self._reader.read(_PIECE))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("closed before the response was complete")
        if head is None:
            raise h11.RemoteProtocolError("a response without a head")
        return httpx.Response(
            head.status_code, headers=head.headers.raw_items(), content=b"".join(pieces)
        )

    def ready_for_more(self) -> bool:
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
            return self.open
        return False

    def close(self) -> None:
        self._writer.close()

    async def closed(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            # Whatever the other side did, it is closed.
            return
