"""How a process of ours serves HTTP and how it ends: unready, then idle, then gone.

The only place that knows the web server. Told to stop by SIGTERM or Ctrl-C, a server

1. says at once that it is not ready, and for `Ending.delay_s` goes on serving all that still comes,
   closing each connection after its answer, until the balancers have heard of it;
2. accepts no more and finishes what was begun;
3. cancels the requests still open at the last call, each of which may then say farewell: an
   application turns the cancellation into words (`api/gateway.py`, `web/traffic.py`);
4. ends the application, and returns.

Steps 2 to 4 take `Ending.grace_s` at most. A second signal ends the process at once.
"""

import asyncio
import errno
import logging
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from info_assistant.errors import Misconfigured

_LOG = logging.getLogger(__name__)
_BACKLOG = 1024
_CLOSING_SHARE, _LONGEST_CLOSING_S = 1 / 3, 2.0
_FAREWELL_SHARE = 0.25
"""How much of the time for closing is left to the last words of requests."""
_SAME_WISH_S = 1.0
"""Signals this close together are one wish, such as those of a service manager and of `up`."""
_CLOSE = (b"connection", b"close")
_HEAD = b"HTTP/1."


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server ends, in seconds: `delay_s` of serving on, then at most `grace_s` to its end."""

    delay_s: float = 0.0
    grace_s: float = 8.0

    @property
    def last_call_s(self) -> float:
        """How much of the grace time requests have."""
        return self.grace_s - self.closing_s

    @property
    def closing_s(self) -> float:
        """How much of it is for last words, and then for closing what requests used."""
        return min(_LONGEST_CLOSING_S, self.grace_s * _CLOSING_SHARE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens: `what` is its name for people, `variable` the setting of its port."""

    host: str
    port: int
    what: str
    variable: str


def listen(place: Place) -> socket.socket:
    """Return a bound socket. Raises Misconfigured naming the variable to set."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; without it every
    # small reply on a kept connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
        # From here on connections wait for us; before, they would be refused.
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        taken = exc.errno == errno.EADDRINUSE
        reason = "is taken by another program" if taken else f"cannot be used ({exc.strerror})"
        raise Misconfigured(
            f"Port {place.port} on {place.host} {reason}, so the {place.what} cannot start. Stop "
            f"that program, or set {place.variable} to use another one."
        ) from exc
    return listener


def serve(
    app: Any,  # noqa: ANN401  An ASGI application, whichever framework made it.
    listener: socket.socket,
    ending: Ending | None = None,
    on_drain: Callable[[], None] = lambda: None,
) -> None:
    """Serve `app` on `listener` until SIGTERM or Ctrl-C, then end as this module's top says.

    `on_drain` is called, within a signal handler, when readiness is to be off.
    """
    chosen = ending or Ending()
    config = uvicorn.Config(
        app,
        http=_WholeReplies,
        log_config=None,
        access_log=False,
        server_header=False,
        # Nothing here asks who a proxy says the client is, so nobody need look at each request.
        proxy_headers=False,
        lifespan="on",
        # Fractions of seconds are taken as well.
        timeout_graceful_shutdown=cast(
            "int", chosen.last_call_s + chosen.closing_s * _FAREWELL_SHARE
        ),
    )
    with listener:
        _EndingServer(config, chosen, on_drain).run(sockets=[listener])


class _HeadWithBody:
    """A transport that sends the head of a reply together with what follows it in the same turn.

    uvicorn writes them apart, so that who reads is woken once more than it needs to be.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  Whatever the transport has.
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            self._transport.write(self._taken() + data)
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self._send)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        # Whoever was to read it may have gone within the turn.
        if self._head and not self._transport.is_closing():
            self._transport.write(self._taken())

    def _taken(self) -> bytes:
        head, self._head = self._head, b""
        return head


class _WholeReplies(HttpToolsProtocol):
    """The web server's side of a connection, whose replies leave whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        whole = _HeadWithBody(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", whole))


class _EndingServer(uvicorn.Server):
    """A server that ends in steps."""

    def __init__(
        self, config: uvicorn.Config, ending: Ending, on_drain: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._ending = ending
        self._on_drain = on_drain
        self._told_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; the second time, end.

        uvicorn would repeat the first signal after an orderly end, which made that look like a
        failure. Ours is not told to it.
        """
        del frame
        now = time.monotonic()
        if self._told_at is None:
            self._told_at = now
            self._on_drain()
            self._close_after_answers()
        elif now - self._told_at > _SAME_WISH_S:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to accept no more; uvicorn asks ten times a second."""
        stop = await super().on_tick(counter)
        if self._told_at is None:
            return stop
        # uvicorn makes these headers anew each second.
        self._close_after_answers()
        return stop or time.monotonic() - self._told_at >= self._ending.delay_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was begun, end the application."""
        asyncio.get_running_loop().call_later(self._ending.last_call_s, self._last_call)
        try:
            async with asyncio.timeout(self._ending.grace_s):
                await super().shutdown(sockets)
        except TimeoutError:
            _LOG.warning("Not everything was closed within the grace time")

    def _close_after_answers(self) -> None:
        """Let each answer from now on close its connection."""
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]

    def _last_call(self) -> None:
        for request in self.server_state.tasks:
            request.cancel()
