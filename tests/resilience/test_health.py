"""Dependencies are watched in the background, whatever they do."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from info_assistant.errors import VectorStoreUnavailable
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import (
    DependencyState,
    HealthMonitor,
    Lifecycle,
    ProbeTiming,
)
from info_assistant.resilience.tasks import BackgroundTasks

QUICK = ProbeTiming(period_s=0.02, timeout_s=0.1, slow_s=0.05)


class Dependency:
    """Something whose behaviour a test sets: seconds to answer, an error, or neither."""

    def __init__(self, *, takes_s: float = 0.0, error: Exception | None = None) -> None:
        """Behave so from the start."""
        self.takes_s = takes_s
        self.error = error
        self.asked = 0

    async def ping(self) -> None:
        """Answer as set."""
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def watched(**probes: Dependency) -> AsyncIterator[HealthMonitor]:
    """Watch these dependencies at a quick pace."""
    monitor = HealthMonitor(probes, SystemClock(), off=("redis",), timing=QUICK)
    async with BackgroundTasks({"health": monitor.run}):
        yield monitor


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds, or fail."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  The monitor sets no event.
            await asyncio.sleep(0.005)


async def test_states_before_and_after_the_first_answer() -> None:
    """Nothing is claimed before the first probe; unused dependencies are off."""
    monitor = HealthMonitor({"qdrant": Dependency()}, SystemClock(), off=("redis",))
    states = {name: each.state for name, each in monitor.snapshot().items()}
    assert states == {"qdrant": DependencyState.UNKNOWN, "redis": DependencyState.OFF}
    async with watched(qdrant=Dependency()) as running:
        await until(lambda: running.snapshot()["qdrant"].state is DependencyState.OK)
        assert running.snapshot()["qdrant"].last_success is not None


async def test_outage_and_recovery_are_seen() -> None:
    """A dependency that fails is down with its reason, keeps its last success, and recovers."""
    qdrant = Dependency()
    async with watched(qdrant=qdrant) as monitor:
        await until(lambda: monitor.snapshot()["qdrant"].state is DependencyState.OK)
        began = monitor.snapshot()["qdrant"].since
        qdrant.error = VectorStoreUnavailable("Qdrant does not answer.")
        await until(lambda: monitor.snapshot()["qdrant"].state is DependencyState.DOWN)
        down = monitor.snapshot()["qdrant"]
        assert down.detail == "Qdrant does not answer."
        assert down.since > began
        assert down.last_success is not None
        qdrant.error = None
        await until(lambda: monitor.snapshot()["qdrant"].state is DependencyState.OK)
        assert monitor.snapshot()["qdrant"].detail == ""


async def test_hanging_probe_is_down_and_holds_up_no_other() -> None:
    """One dependency that never answers is down within the timeout; others are asked on."""
    healthy = Dependency()
    async with watched(hanging=Dependency(takes_s=3600), healthy=healthy) as monitor:
        await until(lambda: monitor.snapshot()["hanging"].state is DependencyState.DOWN)
        asked = healthy.asked
        await until(lambda: healthy.asked > asked + 2)
        assert monitor.snapshot()["healthy"].state is DependencyState.OK


async def test_blocked_thread_does_not_stop_the_watch() -> None:
    """A probe stuck in a thread is given up, and the monitor still ends when it is told to."""
    release = threading.Event()

    class Stuck:
        async def ping(self) -> None:
            await asyncio.to_thread(release.wait, 120)

    monitor = HealthMonitor({"stuck": Stuck()}, SystemClock(), timing=QUICK)
    async with asyncio.timeout(60), BackgroundTasks({"health": monitor.run}):
        await until(lambda: monitor.snapshot()["stuck"].state is DependencyState.DOWN)
    release.set()


async def test_slow_is_degraded() -> None:
    """A dependency that answers late, but answers, is degraded."""
    async with watched(storage=Dependency(takes_s=0.07)) as monitor:
        await until(lambda: monitor.snapshot()["storage"].state is DependencyState.DEGRADED)


async def test_faulty_probe_is_down_without_its_words() -> None:
    """An error that is none of ours counts as down, and its text stays inside."""
    faulty = Dependency(error=ValueError("secret"))
    async with watched(faulty=faulty) as monitor:
        await until(lambda: monitor.snapshot()["faulty"].state is DependencyState.DOWN)
        assert "secret" not in monitor.snapshot()["faulty"].detail


def test_lifecycle() -> None:
    """Ready is after the start and before the end."""
    assert not Lifecycle().ready
    assert Lifecycle(started=True).ready
    assert not Lifecycle(started=True, draining=True).ready
