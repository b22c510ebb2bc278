"""The health of what we depend on, watched in the background and never on a question's way."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from info_assistant.errors import InfoAssistantError, ShuttingDown
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, Probe

_log = get_logger("health")
_RESTARTED_S = 1.0
"""Behind a balancer another backend answers at once; alone, the next one is there soon."""


class DependencyState(StrEnum):
    """What is known about a dependency. `degraded` answers, but slowly; `off` is not in use."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DependencyHealth:
    """The state of a dependency, when it began, and when the dependency last answered."""

    state: DependencyState
    since: datetime
    last_success: datetime | None = None
    detail: str = ""
    circuit: "Circuit | None" = None


@dataclass(frozen=True, slots=True)
class Circuit:
    """What stands before a dependency: the state of its breaker, and the limits it told us last.

    `rate_limits` are header values by name, as they came.
    """

    breaker: str
    rate_limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeTiming:
    """How often to ask, how long to wait for the answer, and what counts as slow, in seconds."""

    period_s: float = 2.0
    timeout_s: float = 2.0
    slow_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A probe with a pace of its own, and what stands before its dependency."""

    probe: Probe
    timing: ProbeTiming
    circuit: Callable[[], Circuit]


@dataclass(slots=True)
class Lifecycle:
    """Where the process is in its life; /readyz says yes only in between."""

    started: bool = False
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether new requests are welcome."""
        return self.started and not self.draining

    def drain(self) -> None:
        """Begin to end: new requests are not welcome any more."""
        self.draining = True

    def last_call(self) -> "LastCall":
        """Raise ShuttingDown where an ending server cancels what is still under way."""
        return LastCall(self)


class LastCall:
    """`Lifecycle.last_call`, to be entered with `with`. No generator: every request passes one."""

    __slots__ = ("_lifecycle",)

    def __init__(self, lifecycle: Lifecycle) -> None:
        """Ask `lifecycle` whether the process is ending."""
        self._lifecycle = lifecycle

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """End. Raises ShuttingDown if the body was cancelled because the process ends."""
        if not self._lifecycle.draining or not isinstance(error, asyncio.CancelledError):
            return
        task = asyncio.current_task()
        if task is None:
            return
        # What the task still says is not to be cancelled as well.
        task.uncancel()
        raise ShuttingDown(
            "This part of the service is being restarted and could not finish your request. "
            "Please send it again; another part, or the same one in a moment, will answer.",
            retry_after_s=_RESTARTED_S,
        ) from error


class HealthMonitor:
    """Asks every probe at a steady pace and remembers the answers."""

    def __init__(
        self,
        probes: Mapping[str, Probe | Watched],
        clock: Clock,
        *,
        off: Sequence[str] = (),
        timing: ProbeTiming | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        """Watch `probes` by name. `off` names dependencies that this installation does not use.

        `on_failure` is told the name of a dependency each time its probe fails.
        """
        usual = timing or ProbeTiming()
        watched = {name: each for name, each in probes.items() if isinstance(each, Watched)}
        self._probes = {
            name: each.probe if isinstance(each, Watched) else each for name, each in probes.items()
        }
        self._timing = dict.fromkeys(probes, usual)
        self._timing |= {name: each.timing for name, each in watched.items()}
        self._circuits = {name: each.circuit for name, each in watched.items()}
        self._clock = clock
        self._on_failure = on_failure
        now = clock.now()
        self._health = {name: DependencyHealth(DependencyState.UNKNOWN, now) for name in probes}
        self._health |= {name: DependencyHealth(DependencyState.OFF, now) for name in off}

    def snapshot(self) -> Mapping[str, DependencyHealth]:
        """Return what is known about every dependency now."""
        known = dict(self._health)
        for name, circuit in self._circuits.items():
            known[name] = replace(known[name], circuit=circuit())
        return known

    async def run(self) -> None:
        """Ask every probe for ever; a probe that hangs holds up no other."""
        async with asyncio.TaskGroup() as group:
            for name, probe in self._probes.items():
                group.create_task(self._watch(name, probe), name=f"probe {name}")

    async def _watch(self, name: str, probe: Probe) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._ask(name, probe)
            await asyncio.sleep(max(0.05, self._timing[name].period_s - (loop.time() - began)))

    async def _ask(self, name: str, probe: Probe) -> None:
        """Ask once; what hangs is abandoned and counts as down."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._timing[name].timeout_s):
                await probe.ping()
        except TimeoutError:
            seconds = self._timing[name].timeout_s
            self._failed(name, f"No answer within {seconds:g} seconds.")
        except InfoAssistantError as error:
            self._failed(name, error.message)
        except Exception as error:  # noqa: BLE001  # The boundary: a probe's fault must not end the watch.
            _log.error("Health probe failed", dependency=name, exc_info=error)
            self._failed(name, f"The probe failed ({type(error).__name__}).")
        else:
            self._answered(name, loop.time() - began)

    def _answered(self, name: str, seconds: float) -> None:
        slow = seconds > self._timing[name].slow_s
        state = DependencyState.DEGRADED if slow else DependencyState.OK
        detail = f"Answers slowly ({seconds:.1f} seconds)." if slow else ""
        self._note(name, state, detail, last_success=self._clock.now())

    def _failed(self, name: str, detail: str) -> None:
        if self._on_failure is not None:
            self._on_failure(name)
        self._note(name, DependencyState.DOWN, detail, self._health[name].last_success)

    def _note(
        self, name: str, state: DependencyState, detail: str, last_success: datetime | None
    ) -> None:
        before = self._health[name]
        if before.state is state:
            self._health[name] = replace(before, last_success=last_success, detail=detail)
            return
        self._health[name] = DependencyHealth(state, self._clock.now(), last_success, detail)
        # One line for each change, not for each probe: an outage must not flood the log.
        _log.warning(
            "Dependency changed state",
            dependency=name,
            state=state.value,
            before=before.state.value,
            detail=detail,
        )
