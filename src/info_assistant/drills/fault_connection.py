"""One connection through a fault proxy: what its fault does to each request and each reply."""

import asyncio
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from info_assistant.drills.faults import Effect, Fault
from info_assistant.drills.framing import EventCutter, Framing, HttpFraming, Piece, RespFraming

LOOPBACK = "127.0.0.1"
_READ = 1 << 16
_STEP_S = 0.05
_CONNECT_S = 2.0
_NOISE = b"~"


class Wire(StrEnum):
    """The languages whose messages are known."""

    RESP = "resp"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a real server listens, and the language that it speaks."""

    wire: Wire
    port: int
    host: str = LOOPBACK


@dataclass(slots=True)
class Met:
    """How often the present fault was met, and what has passed the proxy so far.

    `requests` counts by name, whether they arrived or not.
    """

    fired: int = 0
    connections: int = 0
    requests: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Conduct:
    """How a proxy behaves now, and what has come of it; all its connections look here."""

    upstream: Upstream
    fault: Fault | None = None
    met: Met = field(default_factory=Met)


@dataclass(slots=True)
class _Owed:
    """A request whose reply is due: from the server, or `answer` in its stead."""

    name: str
    answer: bytes | None = None


class _BreakOff(Exception):
    """The connection ends; `reset` says how."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class FaultyConnection:
    """Passes on between a client and the real server, as far as the proxy's fault lets it."""

    def __init__(
        self, conduct: Conduct, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take a client's connection; the server's is opened by `run`."""
        self._in = conduct
        self._client = (reader, writer)
        self._owed: deque[_Owed] = deque()
        self._silent = asyncio.Event()

    async def run(self) -> None:
        """Pass on until either side, or the fault, ends it."""
        upstream: asyncio.StreamWriter | None = None
        try:
            if self._met(Effect.RESET_ON_CONNECT):
                raise _BreakOff(reset=True)  # noqa: TRY301  One way out for all faults.
            async with asyncio.timeout(_CONNECT_S):
                where = self._in.upstream
                server, upstream = await asyncio.open_connection(where.host, where.port)
            await self._pass_on(server, upstream)
        except* _BreakOff as ends:
            if any(each.reset for each in ends.exceptions if isinstance(each, _BreakOff)):
                self.reset()
        except* (OSError, TimeoutError, ValueError):
            # The server is not there, or somebody does not speak as agreed.
            self.reset()
        finally:
            for writer in (self._client[1], upstream):
                if writer is not None:
                    writer.close()

    def reset(self) -> None:
        """Break the client's connection by a reset instead of a proper end."""
        transport = self._client[1].transport
        if transport.is_closing():
            return
        handle: socket.socket = transport.get_extra_info("socket")
        with suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    async def _pass_on(self, server: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        """Pass both ways; the end of one is the end of both."""
        async with asyncio.TaskGroup() as ways:
            ways.create_task(self._requests(upstream))
            ways.create_task(self._replies(server))

    async def _requests(self, upstream: asyncio.StreamWriter) -> None:
        framing = self._framing(replies=False)
        fault: Fault | None = None
        async for piece in _pieces(self._client[0], framing):
            if piece.first:
                self._in.met.requests[piece.name] += 1
                fault = self._fault_of(piece.name)
                self._owed.append(_Owed(piece.name))
                await self._before(fault)
            if fault is not None and fault.effect is Effect.ANSWERED:
                if piece.last:
                    self._owed[-1].answer = fault.answer
                    await self._send_due()
            elif self._silent.is_set():
                continue  # Read, and never passed on.
            elif fault is not None and fault.effect is Effect.SLOW_READ:
                await self._slowly(upstream, piece.raw, fault.bytes_per_s)
            else:
                upstream.write(piece.raw)
                await upstream.drain()
        raise _BreakOff(reset=False)

    async def _before(self, fault: Fault | None) -> None:
        """Meet a fault of requests, right before one is passed on."""
        match fault:
            case Fault(effect=Effect.RESET_ON_REQUEST):
                self._in.met.fired += 1
                raise _BreakOff(reset=True)
            case Fault(effect=Effect.HANG | Effect.BLACKHOLE):
                self._in.met.fired += 1
                self._silent.set()
            case Fault(effect=Effect.DELAY):
                self._in.met.fired += 1
                await asyncio.sleep(fault.seconds + random.uniform(0, fault.jitter_s))  # noqa: S311
            case Fault(effect=Effect.ANSWERED | Effect.SLOW_READ):
                self._in.met.fired += 1

    async def _replies(self, server: asyncio.StreamReader) -> None:
        framing = self._framing(replies=True)
        fault: Fault | None = None
        cutter = EventCutter(0)
        async for piece in _pieces(server, framing):
            if piece.first:
                fault = self._fault_of(self._owed[0].name if self._owed else "")
                cutter = EventCutter(fault.events if fault else 0)
            if not self._silent.is_set():
                await self._reply(piece, fault, cutter)
            if piece.last:
                if self._owed:
                    self._owed.popleft()
                await self._send_due()
        raise _BreakOff(reset=False)

    async def _reply(self, piece: Piece, fault: Fault | None, cutter: EventCutter) -> None:
        """Send a piece of a reply, or what its fault makes of it."""
        match fault:
            case Fault(effect=Effect.LOST_REPLY):
                self._in.met.fired += 1
                self._silent.set()
            case Fault(effect=Effect.CLOSED_IN_REPLY | Effect.RESET_IN_REPLY):
                await self._break_in(piece, fault)
            case Fault(effect=Effect.DRIP):
                self._count_once(piece)
                await self._slowly(self._client[1], piece.raw, fault.bytes_per_s)
            case Fault(effect=Effect.GARBLED) if piece.data:
                self._in.met.fired += 1
                await self._send(piece.with_data(_NOISE * len(piece.data)).raw)
            case Fault(effect=Effect.TRUNCATED) if piece.data:
                await self._truncate(piece)
            case Fault(effect=Effect.CUT_EVENTS) if piece.data:
                await self._cut(piece, cutter)
            case _:
                await self._send(piece.raw)

    async def _break_in(self, piece: Piece, fault: Fault) -> None:
        """End the connection after half of what is first to come with content, or at its end."""
        if not piece.data and not piece.last:
            await self._send(piece.raw)
            return
        self._in.met.fired += 1
        await self._send(piece.raw[: len(piece.raw) // 2])
        raise _BreakOff(reset=fault.effect is Effect.RESET_IN_REPLY)

    async def _truncate(self, piece: Piece) -> None:
        """Send half of the content and end properly, so far as the message lets itself be ended."""
        self._in.met.fired += 1
        if piece.chunked:
            await self._send(piece.with_data(piece.data[: len(piece.data) // 2 or 1]).raw)
            await self._send(b"0\r\n\r\n")
        elif self._in.upstream.wire is Wire.HTTP:
            await self._send(piece.data[: len(piece.data) // 2])
        raise _BreakOff(reset=False)

    async def _cut(self, piece: Piece, cutter: EventCutter) -> None:
        let_through = cutter.feed(piece.data)
        if let_through:
            await self._send(piece.with_data(let_through).raw)
        if cutter.done:
            self._in.met.fired += 1
            await self._send(b"0\r\n\r\n" if piece.chunked else b"")
            raise _BreakOff(reset=False)

    def _count_once(self, piece: Piece) -> None:
        if piece.first:
            self._in.met.fired += 1

    async def _send_due(self) -> None:
        """Send the answers that stand in for replies, once those before them have been sent."""
        while self._owed and (answer := self._owed[0].answer) is not None:
            self._owed.popleft()
            await self._send(answer)

    async def _send(self, data: bytes) -> None:
        self._client[1].write(data)
        await self._client[1].drain()

    async def _slowly(self, writer: asyncio.StreamWriter, data: bytes, bytes_per_s: float) -> None:
        """Write at a pace; as soon as the fault is lifted, the rest at once."""
        step = max(1, round(bytes_per_s * _STEP_S))
        for at in range(0, len(data), step):
            if self._in.fault is None:
                writer.write(data[at:])
                break
            writer.write(data[at : at + step])
            await writer.drain()
            await asyncio.sleep(step / bytes_per_s)
        await writer.drain()

    def _met(self, effect: Effect) -> bool:
        fault = self._in.fault
        if fault is None or fault.effect is not effect:
            return False
        self._in.met.fired += 1
        return True

    def _fault_of(self, name: str) -> Fault | None:
        fault = self._in.fault
        return fault if fault is not None and fault.concerns(name) else None

    def _framing(self, *, replies: bool) -> Framing:
        if self._in.upstream.wire is Wire.RESP:
            return RespFraming()
        return HttpFraming(replies=replies, bodiless=self._asked_for_head)

    def _asked_for_head(self) -> bool:
        return bool(self._owed) and self._owed[0].name.startswith("HEAD ")


async def _pieces(reader: asyncio.StreamReader, framing: Framing) -> AsyncIterator[Piece]:
    """Yield the pieces of what is read, up to the end of the connection."""
    while data := await reader.read(_READ):
        for piece in framing.feed(data):
            yield piece
    for piece in framing.finish():
        yield piece
