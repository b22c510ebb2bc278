"""The one-machine stack: which processes there are, where they listen, and when they are ready."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx2

from info_assistant.cli.local import Address
from info_assistant.cli.local_redis import server
from info_assistant.cli.processes import Part
from info_assistant.errors import Unavailable
from info_assistant.settings import Settings, redis_socket, redis_url

_GRACE_S = {"frontend": 3, "serve": 4, "local-qdrant": 1, "local-redis": 1}
"""Whole seconds that each part may take to end; they end one after another, within 10 s in all."""

_LOOK_S = 0.05
_PROBE_TIMEOUT_S = 2.0
DEFAULT_QDRANT_PORT = 6333
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Stack:
    """The processes that `up` starts, in the order of starting, and the addresses people use."""

    parts: Sequence[Part]
    addresses: Sequence[Address]
    backend_url: str
    frontend_url: str
    qdrant_url: str
    qdrant_remark: str
    redis: str

    @classmethod
    def of(cls, settings: Settings, *, parent: int, qdrant_key: str) -> Self:
        """Plan the stack for `settings`; its processes end with the process `parent`.

        A Qdrant on another machine is used as it is: then no local one is started.
        """
        here = settings.bind_host
        backend = Address("backend", here, settings.backend_port, "BACKEND_PORT")
        frontend = Address("web page", here, settings.frontend_port, "FRONTEND_PORT")
        roles = [("serve", backend), ("frontend", frontend)]
        remote = not settings.qdrant_is_local
        if not remote:
            url = urlsplit(settings.qdrant_url)
            host, port = url.hostname or here, url.port or DEFAULT_QDRANT_PORT
            roles.insert(0, ("local-qdrant", Address("vector store", host, port, "QDRANT_URL")))
        redis_is_ours = settings.redis_is_local and server() is not None
        shared = {
            "DATA_DIR": str(settings.data_dir),
            "BACKEND_URL": _url(backend),
            "QDRANT_URL": settings.qdrant_url,
            "QDRANT_API_KEY": qdrant_key,
        }
        parts = [_part(role, f"{_url(address)}/readyz", shared, parent) for role, address in roles]
        if redis_is_ours:
            shared["REDIS_URL"] = redis_url(settings.data_dir)
            parts.insert(0, _part("local-redis", shared["REDIS_URL"], shared, parent))
        return cls(
            parts=parts,
            addresses=[address for _, address in roles],
            backend_url=_url(backend),
            frontend_url=_url(frontend),
            qdrant_url=settings.qdrant_url,
            qdrant_remark=" (set by QDRANT_URL, not started here)" if remote else "",
            redis=_redis_in_words(settings, ours=redis_is_ours),
        )

    def with_incidents(self, host: str, port: int, parent: int) -> Self:
        """Return the stack with the incident service, which ends with the process `parent`.

        It is started last and stopped first; what it had to say goes on with its next start.
        """
        address = Address("incident service", host, port, "INCIDENT_PORT")
        own = {"INCIDENT_HOST": host, "INCIDENT_PORT": str(port), "BACKEND_URL": self.backend_url}
        part = Part(
            "incident",
            (sys.executable, "-m", "info_assistant", "incident", "serve", "--parent", str(parent)),
            f"{_url(address)}/readyz",
            self.parts[-1].log.with_name("incident.log"),
            own,
        )
        return replace(self, parts=[*self.parts, part], addresses=[*self.addresses, address])


def _url(address: Address) -> str:
    """Return how this machine reaches the address; a server that listens everywhere is here too."""
    host = _HERE.get(address.host, address.host)
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{address.port}"


def _redis_in_words(settings: Settings, *, ours: bool) -> str:
    if ours:
        return str(redis_socket(settings.data_dir))
    if settings.redis_is_local:
        return "none (no Valkey for this machine; see `info-assistant doctor`)"
    return "as set by REDIS_URL, not started here"


def _part(role: str, ready_url: str, shared: Mapping[str, str], parent: int) -> Part:
    return Part(
        name=role,
        command=(sys.executable, "-m", "info_assistant", role, "--parent", str(parent)),
        ready_url=ready_url,
        log=Path(shared["DATA_DIR"]) / "logs" / f"{role}.log",
        settings={
            **shared,
            "DRAIN_DELAY_SECONDS": "0",
            "DRAIN_GRACE_SECONDS": str(_GRACE_S[role]),
        },
    )


async def wait_ready(
    parts: Sequence[Part], deadline_s: float, ready: Callable[[Part], None]
) -> None:
    """Return once every part has answered that it is ready, telling `ready` of each.

    Raises Unavailable after `deadline_s` seconds.
    """
    async with (
        httpx2.AsyncClient(timeout=_PROBE_TIMEOUT_S, trust_env=False) as client,
        asyncio.TaskGroup() as group,
    ):
        for part in parts:
            group.create_task(_wait_ready(client, part, deadline_s, ready))


async def _wait_ready(
    client: httpx2.AsyncClient, part: Part, deadline_s: float, ready: Callable[[Part], None]
) -> None:
    deadline = time.monotonic() + deadline_s
    while not await _is_ready(client, part.ready_url):
        if time.monotonic() > deadline:
            raise Unavailable(
                f"{part.name} was not ready within {deadline_s:.0f} s. "
                f"Its log says more: {part.log}"
            )
        await asyncio.sleep(_LOOK_S)
    ready(part)


async def _is_ready(client: httpx2.AsyncClient, url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return await _pongs(parts.path)
    try:
        return (await client.get(url)).is_success
    except httpx2.TransportError:
        return False


async def _pongs(socket: str) -> bool:
    """Whether a Redis answers on this socket."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
