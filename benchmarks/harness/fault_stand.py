"""The stand of the fault suites: backends with a fault proxy before each thing they depend on.

Two real Valkeys (one follows the other), a real local Qdrant, stand-ins for both providers, and
backends that are real processes, behind a round-robin balancer. All that can be broken is broken
below the client libraries: by a proxy, or by what is done to the real process.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from benchmarks.harness.corpus import samples, take_in
from benchmarks.harness.mortal import Mortal
from benchmarks.harness.processes import KEY, environment
from benchmarks.harness.valkey import Valkey

from info_assistant.drills.balancer import Balancer, running_balancer
from info_assistant.drills.fault_connection import Upstream, Wire
from info_assistant.drills.fault_proxy import FaultProxy, fault_proxy
from info_assistant.drills.ports import unused_port
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderStandIn
from info_assistant.drills.scripted_answers import quoting
from info_assistant.drills.wordings import worded

PROVIDERS = ("openai", "anthropic")
REDIS = ("redis-0", "redis-1")
_CLIENT_S = 40.0
_LOOK_S = 0.1
_NUMBERS = (1, 2, 3, 5, 7, 12, 19, 30, 77, 100, 365, 999, 2024, 5005, 20_001)
_ENOUGH = 3
_AMPLE = 1_000_000
"""More questions a minute than anybody asks here: a limit, so that each is counted in Redis."""
_MADE_UP = "drill-key"


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a stand has: how many backends, and whether models write its answers."""

    backends: int = 2
    with_models: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the backends depend on; `proxies` by the name of what they stand before."""

    redis: Sequence[Valkey]
    qdrant: Mortal
    providers: Mapping[str, ProviderStandIn]
    proxies: Mapping[str, FaultProxy]
    objects: Path

    async def restore(self) -> None:
        """Let everything be as it was in the beginning, whatever a fault has done to it."""
        for proxy in self.proxies.values():
            await proxy.lift()
        for provider in self.providers.values():
            provider.behaviour = Behaviour.WELL
        await asyncio.to_thread(restart_redis, self.redis)


@dataclass(frozen=True, slots=True)
class Stand:
    """Everything that runs. `questions` are answered, all of them, while all is well."""

    backends: Sequence[Mortal]
    urls: Sequence[str]
    balancer: Balancer
    client: httpx2.AsyncClient
    questions: Sequence[str]
    around: Surroundings

    async def health(self, number: int) -> dict[str, Any]:
        """Return what a backend says of itself."""
        body: dict[str, Any] = (await self.client.get(f"{self.urls[number]}/health")).json()
        return body

    async def metric(self, name: str) -> float:
        """Return a counter of all backends together; `name` may hold the labels."""
        pages = [(await self.client.get(f"{url}/metrics")).text for url in self.urls]
        lines = (line for page in pages for line in page.splitlines())
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def restart_redis(pair: Sequence[Valkey]) -> None:
    """Start both, empty; the second follows the first."""
    for each in pair:
        each.stop()
        each.start()
    pair[1].tell("REPLICAOF", "127.0.0.1", str(pair[0].port))


@asynccontextmanager
async def fault_stand(folder: Path, equipment: Equipment) -> AsyncIterator[Stand]:
    """Run a stand with the samples taken in, until the block is left."""
    async with AsyncExitStack() as running:
        around = await _surroundings(folder, running)
        settings = [
            _settings(folder, number, around.proxies, equipment)
            for number in range(equipment.backends)
        ]
        await asyncio.to_thread(_limit, settings[0])
        urls = [f"http://127.0.0.1:{each['BACKEND_PORT']}" for each in settings]
        # Whatever becomes of us, nothing of ours is left.
        command = ["serve", "--parent", str(os.getpid())]
        backends = [
            Mortal("serve", command, each, f"{url}/readyz")
            for each, url in zip(settings, urls, strict=True)
        ]
        for number, backend in enumerate(backends):
            running.callback(backend.close)
            await asyncio.to_thread(backend.start)
            if number == 0:
                # One first: it sets up the collections, which is not what is tried here.
                await take_in(samples(quick=True).files, urls[0])
        limits = httpx2.Limits(max_connections=None)
        client = await running.enter_async_context(
            httpx2.AsyncClient(timeout=_CLIENT_S, trust_env=False, limits=limits)
        )
        balancer = await running.enter_async_context(running_balancer(urls))
        while len(balancer.ready) < len(urls):  # noqa: ASYNC110  The balancer sets no event.
            await asyncio.sleep(_LOOK_S)
        questions = await _answered(client, urls[0])
        yield Stand(backends, urls, balancer, client, questions, around)


async def _surroundings(folder: Path, running: AsyncExitStack) -> Surroundings:
    """Start what the backends depend on, each behind its proxy."""
    redis = [Valkey(folder / name) for name in REDIS]
    for each in redis:
        running.callback(each.stop)
    await asyncio.to_thread(restart_redis, redis)
    port = unused_port()
    place = {"DATA_DIR": str(folder / "qdrant"), "QDRANT_API_KEY": KEY}
    url = {"QDRANT_URL": f"http://127.0.0.1:{port}"}
    command = ["local-qdrant", "--parent", str(os.getpid())]
    qdrant = Mortal("local-qdrant", command, place | url, f"{url['QDRANT_URL']}/readyz")
    running.callback(qdrant.close)
    await asyncio.to_thread(qdrant.start)
    providers = {name: ProviderStandIn(name, script=quoting) for name in PROVIDERS}
    for provider in providers.values():
        await provider.listen()
        running.push_async_callback(provider.hang_up)
    upstreams = {
        name: Upstream(Wire.RESP, each.port) for name, each in zip(REDIS, redis, strict=True)
    }
    upstreams["qdrant"] = Upstream(Wire.HTTP, port)
    upstreams |= {name: Upstream(Wire.HTTP, each.port) for name, each in providers.items()}
    proxies = {
        name: await running.enter_async_context(fault_proxy(upstream))
        for name, upstream in upstreams.items()
    }
    return Surroundings(redis, qdrant, providers, proxies, folder / "objects")


def _settings(
    folder: Path, number: int, proxies: Mapping[str, FaultProxy], equipment: Equipment
) -> Mapping[str, str]:
    """Return the environment of one backend; each looks for Redis in another order."""
    urls = {name: f"http://127.0.0.1:{proxy.port}" for name, proxy in proxies.items()}
    redis = [f"redis://127.0.0.1:{proxies[name].port}" for name in REDIS]
    models = {
        "OPENAI_API_KEY": _MADE_UP,
        "OPENAI_BASE_URL": f"{urls['openai']}/v1",
        "ANTHROPIC_API_KEY": _MADE_UP,
        "ANTHROPIC_BASE_URL": urls["anthropic"],
        "LLM_PRICES": "*=1/2",
    }
    return {
        "DATA_DIR": str(folder / f"backend-{number}"),
        "BLOB_URL": (folder / "objects").as_uri(),
        "BACKEND_PORT": str(unused_port()),
        "QDRANT_URL": urls["qdrant"],
        "QDRANT_API_KEY": KEY,
        "REDIS_URL": ",".join(redis if number % 2 == 0 else reversed(redis)),
        "DRAIN_GRACE_SECONDS": "8",
        **(models if equipment.with_models else {}),
        **equipment.settings,
    }


def _limit(settings: Mapping[str, str]) -> None:
    """Give the only tenant a limit that nobody reaches."""
    command = ["tenants", "set-limits", "default", "--questions-per-minute", str(_AMPLE)]
    subprocess.run(
        [sys.executable, "-m", "info_assistant", *command],
        env=environment(settings),
        check=True,
        capture_output=True,
    )


async def _answered(client: httpx2.AsyncClient, url: str) -> Sequence[str]:
    """Return some of the samples' questions that are answered in whatever wording."""
    found: list[str] = []
    for question in samples(quick=False).questions:
        if await _is_answered(client, url, question):
            found.append(question)
        if len(found) == _ENOUGH:
            break
    if not found:
        raise RuntimeError("no question is answered even before anything is broken")
    return found


async def _is_answered(client: httpx2.AsyncClient, url: str, question: str) -> bool:
    """Whether a question is answered in whatever wording."""
    for wording in (question, *(worded(question, number) for number in _NUMBERS)):
        reply = await client.post(f"{url}/v1/query", json={"question": wording})
        if not reply.is_success or reply.json()["status"] != "answered":
            return False
    return True
