"""One request to a stand-in for a provider, and its reply, on bare sockets.

No web server lets itself be made to misbehave.
"""

import asyncio
import json
import re
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.provider_formats import Asked, Format, pieces_of, tokens_of

Script = Callable[[Asked], str]
"""Writes the answer to a request."""

_SENTENCE_END = re.compile(r"[.!?]\s*$")
_BEFORE_STREAM = frozenset(
    {
        Behaviour.RESET_BEFORE_HEADERS,
        Behaviour.CLOSED_BEFORE_HEADERS,
        Behaviour.HANG_BEFORE_HEADERS,
        Behaviour.SLOW_HEADERS,
        Behaviour.WRONG_KEY,
        Behaviour.NOT_PAID,
        Behaviour.FORBIDDEN,
        Behaviour.RATE_LIMITED,
        Behaviour.RATE_LIMITED_FOR_DECADES,
        Behaviour.STATUS_500,
        Behaviour.STATUS_503,
        Behaviour.STATUS_529,
    }
)
"""What befalls the list of models as well."""


@dataclass(slots=True)
class CountedCall:
    """One call as the provider counts it; `complete` once its last byte was sent."""

    behaviour: Behaviour
    model: str
    input: int = 0
    output: int = 0
    complete: bool = False
    abandoned: bool = False


@dataclass(slots=True)
class Tally:
    """What a stand-in has been asked. `lists` counts requests for the list of models."""

    calls: list[CountedCall] = field(default_factory=list)
    lists: int = 0
    connections: int = 0


@dataclass(slots=True)
class Conduct:
    """How a stand-in behaves, and what it has counted. `script` writes its answers.

    `behaviour` is what it does with each call, `next_behaviours` come first, one for each call.
    Without `api_key` every key is right. `pause_s` is the pause of `pause`, `pace_s` the time
    between two pieces of text, `drip_s` that between drips, all in seconds.
    """

    format: Format
    script: Script
    api_key: str = ""
    behaviour: Behaviour = Behaviour.WELL
    next_behaviours: deque[Behaviour] = field(default_factory=deque)
    pause_s: float = 5.0
    pace_s: float = 0.0
    drip_s: float = 0.05
    tally: Tally = field(default_factory=Tally)

    def take(self) -> Behaviour:
        """Return what to do with the call at hand."""
        return self.next_behaviours.popleft() if self.next_behaviours else self.behaviour


class Exchange:
    """One request and its reply."""

    def __init__(
        self,
        conduct: Conduct,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer on this connection as `conduct` says."""
        self._in = conduct
        self._format = conduct.format
        self._reader = reader
        self._writer = writer

    async def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Answer, or misbehave; return whether the connection goes on."""
        listing = path.endswith("/models")
        behaviour = self._in.behaviour if listing else self._in.take()
        if self._in.api_key and self._format.key(headers) != self._in.api_key:
            behaviour = Behaviour.WRONG_KEY
        if listing:
            self._in.tally.lists += 1
            if behaviour not in _BEFORE_STREAM:
                await self._send_json(200, self._format.models())
                return True
            return await self._refuse(behaviour)
        if not path.endswith(self._format.path):
            await self._send_json(404, {"error": {"message": "no such address"}})
            return True
        asked = self._format.asked(json.loads(body))
        call = CountedCall(behaviour, asked.model)
        self._in.tally.calls.append(call)
        if behaviour in _WITHOUT_STREAM or behaviour in _BEFORE_STREAM:
            return await self._refuse(behaviour)
        try:
            return await self._stream(asked, call)
        except ConnectionError:
            call.abandoned = True
            return False

    async def _refuse(self, behaviour: Behaviour) -> bool:
        if behaviour is Behaviour.RESET_BEFORE_HEADERS:
            self._reset()
        elif behaviour is Behaviour.HANG_BEFORE_HEADERS:
            await self._reader.read(1)
        elif behaviour is Behaviour.SLOW_HEADERS:
            await self._drip(b"HTTP/1.1 200 OK\r\n", b"x-slow: 1\r\n")
        elif behaviour is Behaviour.PAGE_WITH_200:
            page = b"<!doctype html><title>Please sign in to the network</title>"
            await self._send(200, "text/html", page)
        elif behaviour is not Behaviour.CLOSED_BEFORE_HEADERS:
            refusal = self._format.refusal(behaviour)
            await self._send_json(refusal.status, self._format.error(refusal), refusal.headers)
            return True
        return False

    async def _stream(self, asked: Asked, call: CountedCall) -> bool:
        """Send a stream of events, up to where the behaviour of this call has it break."""
        call.input = tokens_of(asked.text)
        await self._send_head(200, "text/event-stream; charset=utf-8", chunked=True)
        behaviour = call.behaviour
        if behaviour is Behaviour.EMPTY_STREAM:
            await self._write(b"0\r\n\r\n")
            return True
        if behaviour is Behaviour.SILENT_STREAM:
            return await self._hang(call)
        if behaviour is Behaviour.ONLY_PINGS:
            ping = self._format.ping()
            return await self._drip(b"", f"{len(ping):x}\r\n".encode() + ping + b"\r\n")
        await self._chunk(self._format.start(asked, call.input))
        async for piece in self._paced(self._pieces(asked, behaviour), call):
            call.output += tokens_of(piece)
            await self._chunk(self._format.delta(asked, piece))
        return await self._break_off(asked, call)

    def _pieces(self, asked: Asked, behaviour: Behaviour) -> Iterator[str]:
        """Yield what is written: all of it, the first half, or more than was asked for."""
        pieces = pieces_of(self._in.script(asked))
        if behaviour in {Behaviour.ENDLESS_STREAM, Behaviour.DRIPPED_STREAM}:
            while True:
                yield from pieces
        yield from pieces[: max(1, len(pieces) // 2)] if behaviour in _HALF else pieces

    async def _paced(self, pieces: Iterator[str], call: CountedCall) -> AsyncIterator[str]:
        sentences = 0
        for piece in pieces:
            yield piece
            sentences += bool(_SENTENCE_END.search(piece))
            pace_s = self._in.pace_s
            if call.behaviour is Behaviour.DRIPPED_STREAM:
                pace_s = self._in.drip_s
            if call.behaviour is Behaviour.PAUSE and sentences == 2:  # noqa: PLR2004  As it is named.
                sentences, pace_s = 3, self._in.pause_s
            if pace_s:
                await self._sleep(pace_s)

    async def _break_off(self, asked: Asked, call: CountedCall) -> bool:
        """End the stream as it is meant to end."""
        behaviour = call.behaviour
        if behaviour is Behaviour.STALLED_STREAM:
            return await self._hang(call)
        if behaviour is Behaviour.RESET_STREAM:
            self._reset()
        if behaviour in {Behaviour.RESET_STREAM, Behaviour.CUT_STREAM}:
            return False
        if behaviour is Behaviour.ERROR_EVENT:
            await self._chunk(self._format.error_event())
        elif behaviour is Behaviour.MALFORMED_JSON:
            head = b"event: content_block_delta\n" if self._format.name == "anthropic" else b""
            await self._chunk(head + b'data: {"type": "content_block_del\n\n')
        elif behaviour is not Behaviour.END_WITHOUT_MARKER:
            await self._end(asked, call)
        if behaviour is Behaviour.OPEN_END:
            return await self._hang(call)
        await self._write(b"0\r\n\r\n")
        return True

    async def _end(self, asked: Asked, call: CountedCall) -> None:
        reason = {Behaviour.LENGTH: "length", Behaviour.CONTENT_FILTER: "content_filter"}
        frames = list(
            self._format.end(asked, reason.get(call.behaviour, "stop"), call.input, call.output)
        )
        if call.behaviour is Behaviour.DUPLICATE:
            # Their finish markers are the first frame of one and the last of the other.
            first = frames[:1] if self._format.name == "openai" else frames
            frames = [*first, self._format.delta(asked, "Again."), *frames, *frames[-1:]]
        if call.behaviour is Behaviour.NO_USAGE and self._format.name == "openai":
            del frames[1]
        for frame in frames:
            await self._chunk(frame)
        call.complete = True

    async def _hang(self, call: CountedCall) -> bool:
        await self._reader.read(1)
        call.abandoned = not call.complete
        return False

    async def _drip(self, first: bytes, drop: bytes) -> bool:
        """Send one drop after the other until the client has gone."""
        await self._write(first)
        while True:
            await self._write(drop)
            await self._sleep(self._in.drip_s)

    async def _sleep(self, seconds: float) -> None:
        """Wait, unless the client goes meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._reader.read(1)
            raise ConnectionResetError

    def _reset(self) -> None:
        """Break the connection by a reset instead of a proper end, unless the client did."""
        if self._writer.transport.is_closing():
            return
        handle: socket.socket = self._writer.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _send_json(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        await self._send(status, "application/json", json.dumps(body).encode(), headers)

    async def _send(
        self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        length = {"content-length": str(len(body)), **(headers or {})}
        await self._send_head(status, kind, length)
        await self._write(body)

    async def _send_head(
        self,
        status: int,
        kind: str,
        headers: Mapping[str, str] | None = None,
        *,
        chunked: bool = False,
    ) -> None:
        lines = {"content-type": kind, **self._format.limits(), **(headers or {})}
        if chunked:
            lines["transfer-encoding"] = "chunked"
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self._write(f"HTTP/1.1 {status} Drill\r\n{head}\r\n".encode())

    async def _chunk(self, frame: bytes) -> None:
        await self._write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")

    async def _write(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError
        self._writer.write(data)
        await self._writer.drain()


_WITHOUT_STREAM = frozenset(
    {
        Behaviour.STATUS_400,
        Behaviour.UNKNOWN_MODEL,
        Behaviour.STATUS_408,
        Behaviour.TOO_LARGE,
        Behaviour.RATE_LIMITED_UNTIL_YESTERDAY,
        Behaviour.RATE_LIMITED_FOR_A_MOMENT,
        Behaviour.INSUFFICIENT_QUOTA,
        Behaviour.ERROR_WITH_200,
        Behaviour.PAGE_WITH_200,
    }
)
_HALF = frozenset(
    {
        Behaviour.ERROR_EVENT,
        Behaviour.MALFORMED_JSON,
        Behaviour.END_WITHOUT_MARKER,
        Behaviour.CUT_STREAM,
        Behaviour.RESET_STREAM,
        Behaviour.STALLED_STREAM,
        Behaviour.LENGTH,
        Behaviour.CONTENT_FILTER,
    }
)


async def request_of(
    reader: asyncio.StreamReader,
) -> tuple[str, Mapping[str, str], bytes] | None:
    """Return path, headers and body of the next request, None where the connection ended."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return first.split()[1].partition("?")[0], headers, body
