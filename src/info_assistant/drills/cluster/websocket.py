"""The server's side of a WebSocket (RFC 6455), as far as `kubectl exec` needs it."""

import base64
import hashlib
import struct
import threading
from typing import BinaryIO

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_LARGEST = 16 << 20
_SHORT, _TWO_BYTES, _EIGHT_BYTES = 126, 126, 127


def accept_key(key: str) -> str:
    """Return the proof that the handshake was understood."""
    return base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()  # noqa: S324


class WebSocket:
    """Messages over an upgraded connection. Writing is safe from several threads."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        """Take a connection over, right behind the handshake."""
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()
        self._closed = False

    def receive(self) -> bytes | None:
        """Return the next message, None at the end. Raises OSError for a broken connection."""
        whole = b""
        while True:
            head = self._reader.read(2)
            if len(head) < 2:  # noqa: PLR2004  The two bytes of a frame's head.
                return None
            final, code = head[0] & 0x80, head[0] & 0x0F
            data = self._payload(head[1])
            if code == _CLOSE:
                self.close()
                return None
            if code == _PING:
                self._send(_PONG, data)
            elif code in {_CONTINUED, _TEXT, _BINARY}:
                whole += data
                if final:
                    return whole

    def _payload(self, head: int) -> bytes:
        length = head & 0x7F
        if length == _TWO_BYTES:
            (length,) = struct.unpack(">H", self._reader.read(2))
        elif length == _EIGHT_BYTES:
            (length,) = struct.unpack(">Q", self._reader.read(8))
        if length > _LARGEST:
            raise OSError("a frame of a WebSocket is too large")
        mask = self._reader.read(4) if head & 0x80 else b""
        data = self._reader.read(length)
        if not mask:
            return data
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))

    def send(self, data: bytes) -> None:
        """Send a message."""
        self._send(_BINARY, data)

    def close(self) -> None:
        """Say that there is no more, once."""
        if not self._closed:
            self._closed = True
            self._send(_CLOSE, struct.pack(">H", 1000))

    def _send(self, code: int, data: bytes) -> None:
        length = len(data)
        if length < _SHORT:
            head = struct.pack(">BB", 0x80 | code, length)
        elif length < 1 << 16:
            head = struct.pack(">BBH", 0x80 | code, _TWO_BYTES, length)
        else:
            head = struct.pack(">BBQ", 0x80 | code, _EIGHT_BYTES, length)
        with self._lock:
            self._writer.write(head + data)
            self._writer.flush()
