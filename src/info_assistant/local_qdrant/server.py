"""The process: binds the port, runs the application until a signal, leaves everything on disk."""

import ipaddress
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from info_assistant.errors import Misconfigured
from info_assistant.local_qdrant.app import create_app
from info_assistant.local_qdrant.directory import Directory

_LOG = logging.getLogger(__name__)
_LAST_REQUESTS_S = 8
_BACKLOG = 1024


def serve(directory: Path, host: str, port: int, api_key: str | None) -> None:
    """Serve the folder `directory` until SIGTERM or SIGINT, then return.

    Requests in flight are finished, changes flushed and files closed before this returns. Raises
    Misconfigured if the address is not of this machine, the port is taken or another process holds
    the folder; StoredDataInvalid if the folder's catalogue cannot be read.
    """
    _require_loopback(host)
    with _bound(host, port) as listener:
        app = create_app(Directory.open(directory), api_key)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_LAST_REQUESTS_S,
        )
        _LOG.info("local-qdrant listens on %s:%d", host, port)
        with _quiet_signals():
            uvicorn.Server(config).run(sockets=[listener])


def _require_loopback(host: str) -> None:
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise Misconfigured(
            f"local-qdrant serves this machine only and cannot listen on {host}. Use 127.0.0.1, or "
            "a real Qdrant server if other machines need it."
        )


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; without it every
    # small reply on a kept connection waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as exc:
            raise Misconfigured(
                f"local-qdrant cannot listen on {host}:{port} ({exc.strerror}). Is it running "
                "already? Set QDRANT_URL to use another port, or stop the program that holds it."
            ) from exc
        listener.listen(_BACKLOG)
        yield listener


@contextmanager
def _quiet_signals() -> Iterator[None]:
    # uvicorn raises the signal that stopped it once more when it is done. An orderly end is no
    # failure, so that second signal must find somebody who ignores it.
    def ignore(number: int, frame: FrameType | None) -> None:
        _ = number, frame

    previous = {each: signal.signal(each, ignore) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
