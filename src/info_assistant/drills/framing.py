"""Where messages begin and end in a stream of bytes: Redis's RESP, HTTP/1.1 and its event streams.

A proxy that loses a reply, or cuts a stream after its third event, must know both, however the
network splits the bytes. What is taken apart here comes out again byte by byte as it went in.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

_LONGEST_HEAD = 1 << 16
_LINE = b"\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message: its bytes as they came, and the `data` of the body among them.

    `name` is a request's command, such as `EVAL` or `GET /readyz`; its first piece has it.
    """

    raw: bytes
    first: bool = False
    last: bool = False
    name: str = ""
    data: bytes = b""
    chunked: bool = False

    def with_data(self, data: bytes) -> "Piece":
        """Return the piece with other content, which a body of counted length must not lengthen."""
        raw = b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data
        return replace(self, raw=raw, data=data)


class Framing(Protocol):
    """Takes one direction of a connection apart. Raises ValueError for what is no message."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield what has become clear with these bytes."""
        ...

    def finish(self) -> Iterator[Piece]:
        """Yield what becomes clear at the end of the connection."""
        ...


class RespFraming:
    """Commands to a Redis, or its replies: each message is one piece."""

    def __init__(self) -> None:
        """Begin at the beginning of a message."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield each whole message."""
        self._buffer += data
        while self._buffer and (end := _end_of_resp(self._buffer)) is not None:
            raw = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield Piece(raw, first=True, last=True, name=_command(raw), data=raw)

    def finish(self) -> Iterator[Piece]:
        """Yield nothing: a message that ends with its connection is none."""
        yield from ()


def _end_of_resp(buffer: bytearray) -> int | None:
    """Return where the first message ends, None where it has not ended yet."""
    at, awaited = 0, 1
    while awaited:
        line_end = buffer.find(_LINE, at)
        if line_end < 0:
            return None
        kind, rest = bytes(buffer[at : at + 1]), bytes(buffer[at + 1 : line_end])
        at, awaited = line_end + len(_LINE), awaited - 1
        if kind in (b"$", b"!", b"="):
            # A length of -1 is the old way to say that there is nothing.
            at += int(rest) + len(_LINE) if int(rest) >= 0 else 0
            if at > len(buffer):
                return None
        elif kind in (b"*", b"~", b">"):
            awaited += max(0, int(rest))
        elif kind in (b"%", b"|"):
            awaited += 2 * int(rest) + (kind == b"|")
        elif kind not in (b"+", b"-", b":", b"_", b",", b"#", b"("):
            raise ValueError(f"no RESP message begins with {kind!r}")
    return at


def _command(raw: bytes) -> str:
    """Return the command of a request, "" for what is none."""
    lines = raw.split(_LINE, 3)
    return lines[2].decode("latin-1").upper() if raw[:1] == b"*" and len(lines) > 2 else ""  # noqa: PLR2004


class HttpFraming:
    """Requests of HTTP/1.1, or replies to them: a head, then the body as it comes."""

    def __init__(
        self, *, replies: bool = False, bodiless: Callable[[], bool] = lambda: False
    ) -> None:
        """Begin before a head. `bodiless` says whether the reply that begins is one to HEAD."""
        self._replies = replies
        self._bodiless = bodiless
        self._buffer = bytearray()
        self._left = 0
        self._step: Callable[[], Piece | None] = self._head

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield heads, parts of bodies and ends."""
        self._buffer += data
        while self._buffer and (piece := self._step()) is not None:
            yield piece

    def finish(self) -> Iterator[Piece]:
        """Yield the end of a body that goes on until its connection ends."""
        if self._step == self._until_close:
            yield Piece(b"", last=True)

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _head(self) -> Piece | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise ValueError("no head of HTTP is as long as this")
            return None
        raw = self._take(end + 4)
        name = raw.split(_LINE, 1)[0].decode("latin-1")
        if self._replies and name.split(" ")[1:2] and name.split(" ")[1].startswith("1"):
            return Piece(raw, name=name)  # An interim word; the reply itself is to come.
        self._step = self._body_after(raw, name)
        name = name if self._replies else name.rpartition(" ")[0]
        return Piece(raw, first=True, last=self._step == self._head, name=name)

    def _body_after(self, raw: bytes, name: str) -> Callable[[], Piece | None]:
        if self._replies and (self._bodiless() or name.split(" ")[1:2] in (["204"], ["304"])):
            return self._head
        if _CHUNKED.search(raw):
            return self._chunk
        length = _LENGTH.search(raw)
        if length is None:
            return self._until_close if self._replies else self._head
        self._left = int(length[1])
        return self._counted if self._left else self._head

    def _counted(self) -> Piece:
        data = self._take(min(self._left, len(self._buffer)))
        self._left -= len(data)
        if not self._left:
            self._step = self._head
        return Piece(data, last=not self._left, data=data)

    def _until_close(self) -> Piece:
        data = self._take(len(self._buffer))
        return Piece(data, data=data)

    def _chunk(self) -> Piece | None:
        line_end = self._buffer.find(_LINE)
        if line_end < 0:
            return None
        length = int(bytes(self._buffer[:line_end]).partition(b";")[0], 16)
        begin = line_end + len(_LINE)
        if not length:
            return self._last_chunk(begin)
        if len(self._buffer) < begin + length + len(_LINE):
            return None
        raw = self._take(begin + length + len(_LINE))
        return Piece(raw, data=raw[begin : begin + length], chunked=True)

    def _last_chunk(self, begin: int) -> Piece | None:
        """Take the end of a chunked body, with the headers that may follow it."""
        if self._buffer[begin : begin + 2] == _LINE:
            end = begin + len(_LINE)
        else:
            found = self._buffer.find(b"\r\n\r\n", begin)
            if found < 0:
                return None
            end = found + 4
        self._step = self._head
        return Piece(self._take(end), last=True, chunked=True)


class EventCutter:
    """Lets a stream of server-sent events through up to the end of the `limit`th event."""

    def __init__(self, limit: int) -> None:
        """Count from here on; comments are no events."""
        self.limit = limit
        self.events = 0
        self._begun = False
        self._line_begins = True

    @property
    def done(self) -> bool:
        """Whether all that may pass has passed."""
        return self.events >= self.limit

    def feed(self, data: bytes) -> bytes:
        """Return as much of `data` as may pass."""
        for at, byte in enumerate(data):
            if self.done:
                return data[:at]
            if byte == ord("\n"):
                if self._line_begins:
                    self.events += self._begun
                    self._begun = False
                self._line_begins = True
            elif byte != ord("\r"):
                self._begun |= self._line_begins and byte != ord(":")
                self._line_begins = False
        return data
