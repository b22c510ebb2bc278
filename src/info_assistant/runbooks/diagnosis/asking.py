"""How addresses are asked: HTTP and Redis' protocol, by the standard library alone."""

import errno
import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from io import BufferedRWPair
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from info_assistant.runbooks.diagnosis.observations import Outcome, Sample
from info_assistant.runbooks.diagnosis.places import Place

MOST_BYTES = 4 * 1024 * 1024
"""No more of an answer is read."""

FAULTS = (OSError, http.client.HTTPException, ValueError)
"""What can come of asking: no connection, a broken one, an answer that is none, no address."""

_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_LOCKED = {"NOAUTH", "WRONGPASS", "NOPERM"}
"""Redis answers, and wants a password that we do not have: it is alive."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer; following it would carry keys elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401  As urllib has it.
        """Follow none."""
        return None  # noqa: RET501  As urllib has it.


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())


def fetch(place: Place, path: str, timeout_s: float) -> tuple[int, bytes]:
    """Return code and body of a GET, whatever the code. Raises OSError or HTTPException."""
    request = urllib.request.Request(  # noqa: S310  The scheme is looked at here.
        place.url.rstrip("/") + path, headers=dict(place.headers)
    )
    if request.type not in {"http", "https"} or not request.host:
        raise OSError(errno.EADDRNOTAVAIL, "it is no address of HTTP")
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            return response.status, response.read(MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MOST_BYTES)


def fetch_json(place: Place, path: str, timeout_s: float) -> tuple[int, Any]:
    """Return code and content of a JSON answer; None for what is no JSON."""
    status, body = fetch(place, path, timeout_s)
    try:
        return status, json.loads(body)
    except ValueError:
        return status, None


def sampled(ask: Callable[[], int]) -> Sample:
    """Return how one request ended, and how long it took; `ask` returns an HTTP status."""
    began = monotonic()
    status = 0
    try:
        status = ask()
        outcome = Outcome.ANSWERED
    except FAULTS as error:
        outcome = outcome_of(error)
    return Sample(outcome, status, round(monotonic() - began, 4))


def outcome_of(error: Exception) -> Outcome:
    """Return what an error says of the address that was asked."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, socket.gaierror | ValueError) and not isinstance(error, ssl.SSLError):
        return Outcome.UNREACHABLE
    if isinstance(error, TimeoutError):
        return Outcome.SILENT
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return Outcome.REFUSED
    if isinstance(error, OSError) and error.errno in _NO_WAY:
        return Outcome.UNREACHABLE
    return Outcome.BROKEN


class RedisError(OSError):
    """Redis answered with an error; the message begins with its kind, such as LOADING."""


@dataclass(slots=True)
class RedisAsker:
    """Asks one Redis over connections of its own, each command with a deadline."""

    place: Place
    timeout_s: float
    error: str = ""
    """The kind of the last error that it answered with; empty where it answered properly."""
    role: str = ""

    def ping(self) -> int:
        """Ask whether it is there and which role it has. Raises OSError, ValueError."""
        self.error = ""
        sign_in = self._sign_in()
        questions = [("PING",), ("ROLE",), ("INFO", "persistence")]
        with self._connected() as connection, connection.makefile("rwb") as stream:
            # All at once, so that a slow one costs its delay once.
            for words in [*sign_in, *questions]:
                stream.write(_command(words))
            stream.flush()
            pong, role, info = [_reply_or_error(stream) for _ in (*sign_in, *questions)][-3:]
        if isinstance(pong, RedisError):
            kind = str(pong).split(" ", 1)[0]
            self.error = "" if kind in _LOCKED else kind
        elif pong != b"PONG":
            self.error = "UNEXPECTED"
        if isinstance(role, list) and role and isinstance(role[0], bytes):
            self.role = role[0].decode(errors="replace")
        if isinstance(info, bytes) and b"\nloading:1" in info:
            self.error = "LOADING"
        return 200

    def _connected(self) -> socket.socket:
        parts = urlsplit(self.place.url)
        if parts.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self.timeout_s)
            try:
                connection.connect(unquote(parts.path))
            except OSError:
                connection.close()
                raise
            return connection
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError("it is no address of a Redis")
        connection = socket.create_connection(
            (parts.hostname, parts.port or 6379), timeout=self.timeout_s
        )
        if parts.scheme == "rediss":
            return ssl.create_default_context().wrap_socket(
                connection, server_hostname=parts.hostname
            )
        return connection

    def _sign_in(self) -> list[tuple[str, ...]]:
        """Return what is to be said first: the password, where the address has one."""
        parts = urlsplit(self.place.url)
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        password = unquote(parts.password or options.get("password", ""))
        name = unquote(parts.username or options.get("username", ""))
        if not password:
            return []
        return [("AUTH", name, password) if name else ("AUTH", password)]


def _command(words: Sequence[str]) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(each), each) for each in map(str.encode, words)]
    return b"".join(parts)


def _reply_or_error(stream: BufferedRWPair) -> Any:  # noqa: ANN401  A reply of Redis is any of five.
    try:
        return _reply(stream, depth=0)
    except RedisError as error:
        return error


def _reply(stream: BufferedRWPair, depth: int) -> Any:  # noqa: ANN401  The same.
    line = stream.readline(65536)
    if not line.endswith(b"\r\n") or depth > 4:  # noqa: PLR2004  Nothing we ask nests deeper.
        raise ConnectionResetError("the connection ended within a reply")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode(errors="replace"))
    if kind == b"+":
        return rest
    size = _number(rest)
    if kind == b":":
        return size
    if kind == b"$":
        if size > MOST_BYTES:
            raise ConnectionResetError("the reply is far too long")
        return stream.read(size + 2)[:-2] if size >= 0 else None
    if kind == b"*":
        return [_reply(stream, depth + 1) for _ in range(min(size, 10_000))]
    raise ConnectionResetError("this is not Redis' protocol")


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConnectionResetError("this is not Redis' protocol") from None


def metrics_of(text: str, wanted: Container[str]) -> dict[str, float]:
    """Return the series of Prometheus' text format whose name is wanted, by name with labels.

    Those at 0 are left out: they say what missing ones say.
    """
    found = {}
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if series.split("{", 1)[0] in wanted and not line.startswith("#"):
            try:
                found[series] = float(value)
            except ValueError:
                continue
    return {series: value for series, value in found.items() if value}
