"""What leads to pods: Services, which pass connections on, and the ingress, which knows paths.

Both lead to pods that are ready by the cluster's own word, in turns. Where a Service of a real
cluster refuses connections, as none is ready, ours takes and resets them.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from starlette.requests import Request

from info_assistant.drills.balancer import Forwarder, in_turn
from info_assistant.drills.cluster.documents import is_leaving, is_ready
from info_assistant.drills.cluster.simulator import Cluster
from info_assistant.drills.machine.node import Node

_CONNECT_S = 2.0
_PIECE = 64 * 1024
_TO_BACKEND = ("/v1", "/health")


@dataclass(slots=True)
class Endpoints:
    """Knows the ports of the pods that are ready, and whose turn it is."""

    cluster: Cluster
    node: Node
    _turns: "count[int]" = field(default_factory=count)

    def __call__(self, component: str) -> Sequence[int]:
        """Return ports, beginning with the one whose turn it is."""
        ports = {uid: each.port for uid, each in self.node.all() if each.process is not None}
        ready = [
            ports[uid]
            for pod in self.cluster.pods(component)
            if is_ready(pod) and not is_leaving(pod) and (uid := pod["metadata"]["uid"]) in ports
        ]
        return in_turn(ready, next(self._turns))


async def service(ports: Callable[[], Sequence[int]]) -> asyncio.Server:
    """Pass connections on to the first of `ports` that takes them; listens on a free port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for port in ports():
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(_CONNECT_S):
                        there = await asyncio.open_connection("127.0.0.1", port)
                    await _joined((reader, writer), there)
                    writer.close()
                    return
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise

    return await asyncio.start_server(connected, "127.0.0.1", 0)


_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _joined(here: _Ends, there: _Ends) -> None:
    """Carry bytes both ways until either side ends, or breaks."""
    try:
        async with asyncio.TaskGroup() as group:
            ways = {
                group.create_task(_carry(here[0], there[1])),
                group.create_task(_carry(there[0], here[1])),
            }
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
    finally:
        there[1].transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()


@dataclass(slots=True)
class Ingress:
    """Decides where a request for the public name goes."""

    endpoints: Endpoints
    second_region: Callable[[], str]
    """The address of the other region's backend where DNS leads there, else nothing."""
    needed: int = 0
    """How many backends the load needs: with fewer it refuses everything. A model of load."""

    def candidates(self, request: Request) -> Sequence[str]:
        """Return addresses to try, in this order."""
        away = self.second_region()
        if away:
            return [away]
        to_backend = request.url.path.startswith(_TO_BACKEND)
        ports = self.endpoints("backend" if to_backend else "frontend")
        if to_backend and len(ports) < self.needed:
            return []
        return [f"http://127.0.0.1:{port}" for port in ports]

    def forwarder(self) -> Forwarder:
        """Return what passes requests on."""
        return Forwarder(self.candidates)
