"""What is broken at the stand: one table, by dependency, of faults that prove that they fired."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from benchmarks.harness.fault_stand import REDIS, Surroundings

from info_assistant.drills.faults import Effect, Fault, http_answer, redis_error
from info_assistant.drills.provider_faults import Behaviour

Proof = Callable[[], Awaitable[int]]
"""How often a fault has been met so far."""
InForce = Callable[[Surroundings, float], AbstractAsyncContextManager[Proof]]
"""Breaks something until the block is left, which is after about so many seconds."""

FALLBACK = "answered provider_fallback"
NO_INDEX = "vector_store_unavailable"


@dataclass(frozen=True, slots=True)
class StandFault:
    """A fault of `dependency`; `allowed` is how questions may end meanwhile.

    `known_only`: those that were asked before have to be answered, from the cache. `leader` names
    the Redis that all backends have to use at the end, where the fault decides that.
    """

    name: str
    dependency: str
    in_force: InForce
    allowed: frozenset[str] = frozenset({"answered"})
    known_only: bool = False
    leader: str = ""


def through(fault: Fault, *names: str) -> InForce:
    """Return a fault of the proxies of these names."""

    @asynccontextmanager
    async def in_force(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
        proxies = [around.proxies[name] for name in names]
        for proxy in proxies:
            await proxy.inject(fault)

        async def fired() -> int:
            return min(proxy.met.fired for proxy in proxies)

        yield fired
        for proxy in proxies:
            await proxy.lift()

    return in_force


def _errors_of(around: Surroundings, kind: str) -> Proof:
    """Return how often the first Redis has refused something so."""

    async def fired() -> int:
        stats = (await asyncio.to_thread(around.redis[0].tell, "INFO", "errorstats")).decode()
        found = [line for line in stats.splitlines() if line.startswith(f"errorstat_{kind}:")]
        return int(found[0].rpartition("=")[2]) if found else 0

    return fired


@asynccontextmanager
async def redis_paused(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Stop the first Redis; its connections stand and nothing comes back."""
    waiting = around.proxies[REDIS[0]].met
    around.redis[0].pause()
    before = waiting.requests.total()

    async def fired() -> int:
        return waiting.requests.total() - before

    yield fired
    around.redis[0].resume()


@asynccontextmanager
async def restarted_empty(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Kill the first Redis, and start it again with nothing in it."""
    server = around.redis[0]
    await asyncio.to_thread(server.tell, "SET", "drill", "here")
    await asyncio.to_thread(server.stop)

    async def fired() -> int:
        return int(server.process is None or b"$-1" in server.tell("GET", "drill"))

    yield fired
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def memory_full(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Leave the first Redis no room, and let it throw nothing away for more."""
    server = around.redis[0]
    await asyncio.to_thread(server.tell, "CONFIG", "SET", "maxmemory", "1")
    yield _errors_of(around, "OOM")
    await asyncio.to_thread(server.tell, "CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def password_changed(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Let the first Redis know us no longer."""
    server, proxy = around.redis[0], around.proxies[REDIS[0]]
    await asyncio.to_thread(server.tell, "CONFIG", "SET", "requirepass", "another")
    server.password = "another"  # noqa: S105  It is the fault.
    # Those who are connected would stay known.
    await proxy.hang_up()
    await proxy.listen()
    yield _errors_of(around, "NOAUTH")
    await asyncio.to_thread(server.tell, "CONFIG", "SET", "requirepass", "")
    server.password = ""


@asynccontextmanager
async def demoted(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Promote the second and let the first, which all are connected to, follow it."""
    first, second = around.redis
    await asyncio.to_thread(second.tell, "REPLICAOF", "NO", "ONE")
    await asyncio.to_thread(first.tell, "REPLICAOF", "127.0.0.1", str(second.port))
    yield _errors_of(around, "READONLY")


@asynccontextmanager
async def promoted(around: Surroundings, seconds: float) -> AsyncIterator[Proof]:
    """Promote the second while the first lives; then the first dies, and comes back."""
    first, second = around.redis
    arrived = around.proxies[REDIS[1]].met.requests
    await asyncio.to_thread(second.tell, "REPLICAOF", "NO", "ONE")
    before = arrived["EVAL"]

    async def die_and_return() -> None:
        await asyncio.sleep(seconds / 3)
        await asyncio.to_thread(first.stop)
        await asyncio.sleep(seconds / 3)
        await asyncio.to_thread(first.start)

    async def fired() -> int:
        return arrived["EVAL"] - before

    async with asyncio.TaskGroup() as group:
        group.create_task(die_and_return())
        yield fired


@asynccontextmanager
async def qdrant_paused(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Stop Qdrant; its connections stand and nothing comes back."""
    met = around.proxies["qdrant"].met
    around.qdrant.pause()
    before = met.requests.total()

    async def fired() -> int:
        return met.requests.total() - before

    yield fired
    around.qdrant.resume()


@asynccontextmanager
async def qdrant_killed(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
    """Kill Qdrant, and start it again with what it had kept."""
    met = around.proxies["qdrant"].met
    await asyncio.to_thread(around.qdrant.kill)
    before = met.connections

    async def fired() -> int:
        return met.connections - before

    yield fired
    await asyncio.to_thread(around.qdrant.start)


def misbehaving(behaviour: Behaviour, *names: str) -> InForce:
    """Return a fault of the providers' own."""

    @asynccontextmanager
    async def in_force(around: Surroundings, _seconds: float) -> AsyncIterator[Proof]:
        providers = [around.providers[name] for name in names]
        for provider in providers:
            provider.behaviour = behaviour
        before = [len(provider.tally.calls) for provider in providers]

        async def fired() -> int:
            calls = zip(providers, before, strict=True)
            return min(len(provider.tally.calls) - first for provider, first in calls)

        yield fired
        for provider in providers:
            provider.behaviour = Behaviour.WELL

    return in_force


def _redis(name: str, in_force: InForce, leader: str = "") -> StandFault:
    return StandFault(name, "redis", in_force, leader=leader)


def _qdrant(name: str, in_force: InForce) -> StandFault:
    return StandFault(name, "qdrant", in_force, frozenset({"answered", NO_INDEX}), known_only=True)


def _openai(name: str, in_force: InForce) -> StandFault:
    return StandFault(name, "openai", in_force, frozenset({"answered", FALLBACK}))


_MASTER = REDIS[0]
_BOTH = ("openai", "anthropic")

STAND_FAULTS: Sequence[StandFault] = (
    _redis("refused", through(Fault(Effect.REFUSED), _MASTER)),
    _redis("hung", through(Fault(Effect.HANG), _MASTER)),
    _redis("reply lost after effect", through(Fault(Effect.LOST_REPLY), _MASTER)),
    _redis("READONLY after demotion", demoted, leader=REDIS[1]),
    _redis("LOADING", through(Fault(Effect.ANSWERED, answer=redis_error("LOADING")), _MASTER)),
    _redis("flapping 1 Hz", through(Fault(Effect.REFUSED, flap_s=0.5), _MASTER)),
    _redis("paused", redis_paused),
    _redis("restarted empty", restarted_empty),
    _redis("memory full", memory_full),
    _redis("wrong password", password_changed),
    _redis("redis-1 promoted", promoted, leader=REDIS[1]),
    _redis("hanging 1 Hz", through(Fault(Effect.HANG, flap_s=0.5), _MASTER)),
    _redis("1 s late", through(Fault(Effect.DELAY, seconds=1.0), _MASTER)),
    _qdrant("refused", through(Fault(Effect.REFUSED), "qdrant")),
    _qdrant("hung", through(Fault(Effect.HANG), "qdrant")),
    _qdrant("503", through(Fault(Effect.ANSWERED, answer=http_answer(503, b"{}")), "qdrant")),
    _qdrant("paused", qdrant_paused),
    _qdrant("killed", qdrant_killed),
    _openai("refused", through(Fault(Effect.REFUSED), "openai")),
    _openai("503", misbehaving(Behaviour.STATUS_503, "openai")),
    _openai("stream cut", misbehaving(Behaviour.CUT_STREAM, "openai")),
    _openai("stalled", misbehaving(Behaviour.STALLED_STREAM, "openai")),
    StandFault(
        "503 at both",
        "providers",
        misbehaving(Behaviour.STATUS_503, *_BOTH),
        # Either of them may be back first.
        frozenset({"answered", FALLBACK, "generation_unavailable"}),
    ),
)
"""The first ten are the first row of what must hold."""
