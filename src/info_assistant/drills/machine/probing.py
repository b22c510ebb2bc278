"""Asks the processes behind pods whether they are ready, as a kubelet does."""

import asyncio

import httpx2

from info_assistant.drills.cluster.inside import Logs
from info_assistant.drills.machine.hosted import Hosted
from info_assistant.drills.machine.node import Node, show_logs

_EVERY_S = 0.2
_TIMEOUT_S = 2.0


async def probe_all(node: Node, logs: Logs) -> None:
    """Ask again and again until cancelled; show meanwhile what processes write."""
    async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
        while True:
            async with asyncio.TaskGroup() as group:
                for _, hosted in node.all():
                    group.create_task(_probe(node, hosted, client))
            show_logs(node, logs)
            await asyncio.sleep(_EVERY_S)


async def _probe(node: Node, hosted: Hosted, client: httpx2.AsyncClient) -> None:
    if hosted.command is None:
        return
    address = hosted.command.probe
    try:
        if address.startswith("redis:"):
            answered = await _pongs(hosted.port)
        else:
            answered = (await client.get(address)).is_success
    except (httpx2.HTTPError, OSError, TimeoutError):
        answered = False
    node.probed(hosted, answered=answered and hosted.runs)


async def _pongs(port: int) -> bool:
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        finally:
            writer.close()
