"""One fault at the stand, in four phases: all is well, it is broken, it is mended, all is well."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.harness.askers import Asked, Costs, Habits, Seen, Watch, asking, look_at
from benchmarks.harness.fault_stand import Stand
from benchmarks.harness.stand_faults import StandFault

_LOOK_S = 0.1
_WELL_S = 60.0


class Phase(StrEnum):
    """The phases, in their order."""

    BASELINE = "baseline"
    FAULT = "fault"
    RECOVERY = "recovery"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long each phase lasts, in seconds; with `ends_early` the recovery ends when it is one."""

    baseline_s: float = 60.0
    fault_s: float = 90.0
    recovery_s: float = 60.0
    steady_s: float = 60.0
    warm_up_s: float = 5.0
    ends_early: bool = False

    @property
    def whole_s(self) -> float:
        """How long a fault takes at most."""
        return self.warm_up_s + self.baseline_s + self.fault_s + self.recovery_s + self.steady_s


@dataclass(frozen=True, slots=True)
class Span:
    """A phase as it was: what had been used when it began and when it ended."""

    began: Costs
    ended: Costs

    def holds(self, moment: float) -> bool:
        """Whether a moment (monotonic) falls into it."""
        return self.began.at <= moment < self.ended.at


@dataclass(frozen=True, slots=True)
class Trial:
    """What was seen of one fault: when it was `lifted` (monotonic), how often it was met.

    `errors` is how many failed requests the backends themselves counted, `strayed` how many of them
    used another Redis, when it was lifted, than the one that leads then.
    """

    fault: StandFault
    fired: int
    errors: float
    strayed: int
    lifted: float
    spans: dict[Phase, Span]
    asked: Sequence[Asked]
    seen: Sequence[Seen]
    backends: int

    def during(self, phase: Phase) -> Sequence[Asked]:
        """Return the questions that were asked in a phase."""
        return [each for each in self.asked if self.spans[phase].holds(each.at)]


async def run_trial(
    stand: Stand,
    fault: StandFault,
    pace: Pace,
    habits: Habits,
    tell: Callable[[Phase | None], None] = lambda _phase: None,
) -> Trial:
    """Let people ask through all four phases; `tell` hears which begins."""
    await until_well(stand)
    async with asking(stand, habits) as (crowd, watch):
        tell(None)
        await asyncio.sleep(pace.warm_up_s)
        spans: dict[Phase, Span] = {}

        async def phase(name: Phase, seconds: float) -> None:
            tell(name)
            began = watch.costs()
            await asyncio.sleep(seconds)
            spans[name] = Span(began, watch.costs())

        await phase(Phase.BASELINE, pace.baseline_s)
        errors = await errors_of(stand, fault.dependency)
        async with fault.in_force(stand.around, pace.fault_s) as fired:
            await phase(Phase.FAULT, pace.fault_s)
            met, strayed = await fired(), strays(stand, fault.leader)
        lifted = time.monotonic()
        errors = await errors_of(stand, fault.dependency) - errors
        tell(Phase.RECOVERY)
        began = watch.costs()
        await _recovery(watch, fault, lifted, pace)
        spans[Phase.RECOVERY] = Span(began, watch.costs())
        await phase(Phase.STEADY, pace.steady_s)
    await stand.around.restore()
    return Trial(
        fault, met, errors, strayed, lifted, spans, crowd.asked, watch.seen, len(stand.backends)
    )


async def errors_of(stand: Stand, dependency: str) -> float:
    """Return how many failed requests to a dependency the backends have counted."""
    name = {
        "redis": "redis_connection_errors_total ",
        "qdrant": "qdrant_connection_errors_total ",
    }.get(dependency, "llm_errors_total{")
    return await stand.metric(name)


def strays(stand: Stand, leader: str) -> int:
    """Return how many backends use another Redis than this one, as they have logged it."""
    if not leader:
        return 0
    wanted = f"127.0.0.1:{stand.around.proxies[leader].port}"
    return sum(_master_of(backend.log) != wanted for backend in stand.backends)


def _master_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    changes = [line for line in lines if '"Redis master changed"' in line]
    return str(json.loads(changes[-1])["master"]) if changes else ""


def is_well(seen: Seen, dependency: str) -> bool:
    """Whether a backend says that all is well with a dependency, or with those that it may mean."""
    if dependency == "redis" and seen.limiter != "shared":
        return False
    concerned = [dependency] if dependency in seen.states else ["openai", "anthropic"]
    return all(seen.states.get(name) in ("ok", "degraded", None, "off") for name in concerned)


async def is_well_now(stand: Stand, number: int, dependency: str) -> bool:
    """Whether a backend says at this moment that all is well with a dependency."""
    seen = await look_at(stand, number)
    return seen is not None and is_well(seen, dependency)


async def _recovery(watch: Watch, fault: StandFault, lifted: float, pace: Pace) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(pace.recovery_s):
            if not pace.ends_early:
                await asyncio.Event().wait()
            while not _all_well(watch, fault.dependency, lifted):  # noqa: ASYNC110  See there.
                await asyncio.sleep(_LOOK_S)


def _all_well(watch: Watch, dependency: str, since: float) -> bool:
    latest = {each.backend: each for each in watch.seen if each.at > since}
    everyone = len(latest) == len(watch.stand.backends)
    return everyone and all(is_well(each, dependency) for each in latest.values())


async def until_well(stand: Stand) -> None:
    """Return once every backend counts in Redis, and what it depends on is there."""
    async with asyncio.timeout(_WELL_S):
        for number in range(len(stand.backends)):
            while not _well(await stand.health(number)):  # noqa: ASYNC110  Another process.
                await asyncio.sleep(_LOOK_S)


def _well(health: dict[str, object]) -> bool:
    return health["status"] == "ok" and health["limiter"] == "shared"
