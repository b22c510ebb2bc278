"""A load generator that can offer thousands of requests a second: plain sockets, no HTTP library.

Connections are kept and used again. In a closed loop each of some askers waits for its answer
before it asks again, which shows what the server can do; in an open loop requests leave by the
clock, whatever becomes of those before, as those of many people do.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

_LATEST_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go; `requests` are their bytes, sent by turns."""

    host: str
    port: int
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: its status (0 where the connection broke), when it was asked and had, in s.

    `late_s` is how much later than planned the request left: the generator's own fault.
    """

    status: int
    asked: float
    took_s: float
    late_s: float = 0.0


@dataclass(slots=True)
class Offered:
    """What became of the requests of one run; `unsent` found no connection."""

    seconds: float
    answers: list[Answered] = field(default_factory=list)
    unsent: int = 0

    def with_status(self, *statuses: int) -> list[Answered]:
        """Return the answers that have one of these statuses."""
        return [answer for answer in self.answers if answer.status in statuses]


def question(text: str, port: int, headers: dict[str, str] | None = None) -> bytes:
    """Return a question as it travels."""
    body = json.dumps({"question": text}).encode()
    lines = [
        "POST /v1/query HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection(asyncio.Protocol):
    """One connection, with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self.broken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.broken = True
        self._finish(0)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) >= end + 4 + length:
            self.broken = b"connection: close" in head
            self._buffer.clear()
            self._finish(int(head[9:12]))

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the result is the status of its answer."""
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _finish(self, status: int) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(status)


class Load:
    """Connections to one target."""

    def __init__(self, target: Target, connections: int) -> None:
        """Open up to `connections` of them, as they are needed."""
        self._target = target
        self._most = connections
        self._open = 0
        self._idle: deque[_Connection] = deque()
        self._number = 0

    async def closed(self, askers: int, seconds: float) -> Offered:
        """Let `askers` ask one question after the other."""
        offered = Offered(seconds)
        end = time.perf_counter() + seconds

        async def ask_on() -> None:
            while time.perf_counter() < end:
                await self._ask(offered, time.perf_counter())

        async with asyncio.TaskGroup() as group:
            for _ in range(askers):
                group.create_task(ask_on())
        return offered

    async def opened(self, per_second: float, seconds: float) -> Offered:
        """Send `per_second` requests by the clock, and wait for the last of the answers."""
        offered = Offered(seconds)
        began = time.perf_counter()
        async with asyncio.timeout(seconds + _LATEST_ANSWER_S), asyncio.TaskGroup() as group:
            for number in range(int(per_second * seconds)):
                due = began + number / per_second
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                if not self._idle and self._open >= self._most:
                    offered.unsent += 1
                else:
                    group.create_task(self._ask(offered, due))
        return offered

    async def close(self) -> None:
        """Close every connection that is not in use."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, offered: Offered, due: float) -> None:
        self._number += 1
        request = self._target.requests[self._number % len(self._target.requests)]
        try:
            connection = await self._connection()
        except OSError:
            offered.answers.append(Answered(0, due, 0.0))
            return
        sent = time.perf_counter()
        status = await connection.ask(request)
        offered.answers.append(Answered(status, sent, time.perf_counter() - sent, sent - due))
        if connection.broken:
            connection.close()
            self._open -= 1
        else:
            self._idle.append(connection)

    async def _connection(self) -> _Connection:
        while self._idle:
            # The one used last: those that wait for long are closed by the server.
            connection = self._idle.pop()
            if not connection.broken:
                return connection
            self._open -= 1
        self._open += 1
        loop = asyncio.get_running_loop()
        try:
            _, made = await loop.create_connection(
                _Connection, self._target.host, self._target.port
            )
        except OSError:
            self._open -= 1
            raise
        return made
