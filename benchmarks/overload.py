"""Five times as many questions as can be answered, for a minute: what is refused, what goes on.

The backend and its local Qdrant share one core, the load generator has another. What the server can
do is measured just before, in a closed loop; then questions come by the clock, each with a deadline
of two seconds. Refused in time is not failed: the promise is that as much is answered as without
the crowd, that whoever is refused learns it at once, and that nobody waits past their deadline.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.corpus import Corpus, samples
from benchmarks.harness.load import Load, Offered, Target, question
from benchmarks.harness.processes import (
    KEY,
    await_ready,
    await_true,
    family_cpu_s,
    local_qdrant,
    running,
)
from benchmarks.harness.report import (
    Figure,
    Floor,
    Options,
    Report,
    conclude,
    options,
    percentile,
    say,
)

from info_assistant.drills.ports import unused_port

TIMES = 5.0
GOODPUT, REFUSAL_P99_MS, GROWTH, OVERDUE_MS = 0.8, 10.0, 1.3, 250.0
DEADLINE_MS = 2000
_ASKERS = 8
_CONNECTIONS = 1000
_FOREIGN = 0.03
_PLACES = 'places{traffic="question"}'
_LOOK_S = 0.2
_READY_S = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """The processes of the server, and where it listens."""

    port: int
    core: int
    pids: dict[str, int]


@dataclass(slots=True)
class Memory:
    """Resident memory by process, in MB: before, and the most while it was watched."""

    before: dict[str, float]
    most: dict[str, float] = field(default_factory=dict)

    @property
    def growth(self) -> float:
        """How many times as much the process took that grew most."""
        return max(most / self.before[role] for role, most in self.most.items())


def resident(server: Server) -> dict[str, float]:
    """Return what each process of the server holds now."""
    return {role: psutil.Process(pid).memory_info().rss / 1e6 for role, pid in server.pids.items()}


class CoreTime:
    """How much of the server's core others take."""

    def __init__(self, server: Server) -> None:
        """Begin to count."""
        self._server = server
        self._began, self._all, self._own = time.perf_counter(), *self._counted()

    def taken_by_others(self) -> float:
        """Return the share, 0…1, since the beginning."""
        everything, own = self._counted()
        seconds = time.perf_counter() - self._began
        return max(0.0, (everything - self._all - (own - self._own)) / seconds)

    def _counted(self) -> tuple[float, float]:
        """Return the seconds that the core was busy, and those of the server's processes."""
        times = psutil.cpu_times(percpu=True)[self._server.core]
        busy = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
        return busy, sum(family_cpu_s(pid) for pid in self._server.pids.values())


@contextmanager
def watched(server: Server) -> Iterator[Memory]:
    """Note the most memory that each process holds until the block is left."""
    memory, ended = Memory(resident(server)), threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_S):
            for role, now in resident(server).items():
                memory.most[role] = max(now, memory.most.get(role, 0.0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()


@contextmanager
def server(folder: Path, documents: Corpus) -> Iterator[Server]:
    """Run backend and local Qdrant on one core, with the documents taken in."""
    cores = sorted(os.sched_getaffinity(0))
    # Whatever we start runs where we run; then we move out of its way.
    os.sched_setaffinity(0, cores[:1])
    try:
        with local_qdrant(folder / "qdrant") as qdrant:
            port, log = unused_port(), folder / "backend.log"
            settings = {
                "DATA_DIR": str(folder),
                "QDRANT_URL": qdrant.url,
                "QDRANT_API_KEY": KEY,
                "BACKEND_PORT": str(port),
                "LOG_LEVEL": "ERROR",
            }
            with running(["-m", "info_assistant", "serve"], settings, log) as backend:
                os.sched_setaffinity(0, cores[1:2] or cores)
                await_ready(backend, f"http://127.0.0.1:{port}/readyz", log)
                _take_in(f"http://127.0.0.1:{port}", documents)
                yield Server(port, cores[0], {"backend": backend.pid, "local-qdrant": qdrant.pid})
    finally:
        os.sched_setaffinity(0, cores)


def _take_in(url: str, documents: Corpus) -> None:
    say(f"Taking in {len(documents.files)} documents …")
    with httpx2.Client(base_url=url, trust_env=False, timeout=60) as client:
        for file in documents.files:
            name = file.source.rpartition("/")[2]
            sent = client.post(
                "/v1/documents", files={"file": (name, file.data)}, data={"source": file.source}
            )
            assert sent.is_success, sent.text

        def settled() -> bool:
            page = client.get("/v1/documents", params={"limit": 1000}).json()["documents"]
            return {each["state"] for each in page} <= {"ready", "failed"}

        await_true(settled, _READY_S, "every document is ready or failed", 0.5)


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of capacity and the crowd just after it."""

    capacity: float
    crowd: Offered
    memory: Memory
    taken_by_others: float
    metrics: dict[str, float]

    @property
    def answered(self) -> float:
        """Answers a second while the crowd asked."""
        return len(self.crowd.with_status(200)) / self.crowd.seconds

    @property
    def refusals_ms(self) -> list[float]:
        """How long each refusal took to come."""
        return [answer.took_s * 1000 for answer in self.crowd.with_status(503)] or [0.0]

    @property
    def late_ms(self) -> list[float]:
        """How late the generator itself was with each request."""
        return [answer.late_s * 1000 for answer in self.crowd.answers]

    @property
    def longest_ms(self) -> float:
        """How long the last answer of all took to come."""
        return max(answer.took_s for answer in self.crowd.answers) * 1000


@dataclass(frozen=True, slots=True)
class Askers:
    """Who asks: some who wait for their answers as long as it takes, and the crowd."""

    calm: Load
    crowd: Load


async def one_round(askers: Askers, running_server: Server, calm_s: float, crowd_s: float) -> Round:
    """Measure what can be done, then offer five times as much."""
    core = CoreTime(running_server)
    calm = await askers.calm.closed(_ASKERS, calm_s)
    capacity = len(calm.with_status(200)) / calm.seconds
    say(f"  capacity {capacity:.0f}/s; now {capacity * TIMES:.0f}/s for {crowd_s:.0f} s …")
    with watched(running_server) as memory:
        crowd = await askers.crowd.opened(capacity * TIMES, crowd_s)
    others, shown = core.taken_by_others(), _metrics(running_server)
    done = Round(capacity, crowd, memory, others, shown)
    say(
        f"  answered {done.answered:.0f}/s, refused {len(crowd.with_status(503)) / crowd_s:.0f}/s, "
        f"p99 of refusals {percentile(done.refusals_ms, 0.99):.1f} ms, others took "
        f"{done.taken_by_others:.0%} of the server's core"
    )
    return done


async def measured(given: Options, running_server: Server, documents: Corpus) -> list[Round]:
    """Warm up, and repeat."""
    calm_s, crowd_s = (2.0, 5.0) if given.quick else (20.0, 60.0)
    askers = Askers(
        _load(running_server, documents, {}),
        _load(running_server, documents, {"X-Request-Deadline-Ms": str(DEADLINE_MS)}),
    )
    await askers.calm.closed(_ASKERS, calm_s)
    rounds = [await one_round(askers, running_server, calm_s, crowd_s) for _ in range(given.rounds)]
    await askers.calm.close()
    await askers.crowd.close()
    return rounds


def _metrics(running_server: Server) -> dict[str, float]:
    """Return the backend's metrics by name and labels."""
    shown = httpx2.get(f"http://127.0.0.1:{running_server.port}/metrics", trust_env=False).text
    lines = (line.rpartition(" ") for line in shown.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def _load(running_server: Server, documents: Corpus, headers: dict[str, str]) -> Load:
    port = running_server.port
    questions = [question(text, port, headers) for text in documents.questions]
    return Load(Target("127.0.0.1", port, questions), _CONNECTIONS)


def main() -> int:
    """Measure and report."""
    given = options(__doc__ or "")
    documents = samples(quick=given.quick)
    with (
        tempfile.TemporaryDirectory(prefix="bench-overload-") as folder,
        server(Path(folder), documents) as running_server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        rounds = runner.run(measured(given, running_server, documents))
    return conclude(report(documents, rounds), given)


def report(documents: Corpus, rounds: list[Round]) -> Report:
    """Put the rounds together; every promise is judged by its worst round."""
    shares = [each.answered / each.capacity for each in rounds]
    p99 = [percentile(each.refusals_ms, 0.99) for each in rounds]
    growth = [each.memory.growth for each in rounds]
    overdue = [each.longest_ms - DEADLINE_MS for each in rounds]
    answered_ms = [
        percentile([a.took_s * 1000 for a in each.crowd.with_status(200)] or [0.0], 0.99)
        for each in rounds
    ]
    figures = [
        Figure("capacity", "/s", [each.capacity for each in rounds]),
        Figure("answered in the crowd", "/s", [each.answered for each in rounds]),
        Figure("answered / capacity", "x", shares),
        Figure("refusals p50", "ms", [percentile(each.refusals_ms, 0.5) for each in rounds]),
        Figure("refusals p99", "ms", p99),
        Figure("answers p99", "ms", answered_ms),
        Figure("memory, most / before", "x", growth),
        Figure("the generator's own lateness p99", "ms", _late(rounds)),
        Figure("places for questions at the end", "", [each.metrics[_PLACES] for each in rounds]),
        Figure("the server's core taken by others", "", [each.taken_by_others for each in rounds]),
        Figure("neither answered nor refused", "", [_failed(each.crowd) for each in rounds]),
    ]
    return Report(
        "overload",
        {
            "corpus": documents.name,
            "times": TIMES,
            "deadline_ms": DEADLINE_MS,
            "seconds": rounds[0].crowd.seconds,
        },
        figures,
        [
            Floor("answered / capacity, worst round", "x", min(shares), GOODPUT, "at least"),
            Floor("refusals p99, worst round", "ms", max(p99), REFUSAL_P99_MS, "at most"),
            Floor("memory, worst round", "x", max(growth), GROWTH, "at most"),
            Floor("longest wait past a deadline", "ms", max(overdue), OVERDUE_MS, "at most"),
            Floor(
                "neither answered nor refused",
                "",
                max(map(_failed, (r.crowd for r in rounds))),
                0,
                "at most",
            ),
        ],
        _notes(rounds),
    )


def _late(rounds: list[Round]) -> list[float]:
    return [percentile(each.late_ms, 0.99) for each in rounds]


def _failed(crowd: Offered) -> int:
    return len(crowd.answers) - len(crowd.with_status(200, 503)) + crowd.unsent


def _notes(rounds: list[Round]) -> list[str]:
    notes = ["Backend and local Qdrant share one core; the generator has another."]
    if len(os.sched_getaffinity(0)) < 2:  # noqa: PLR2004  One for each side.
        notes.append("There is one core only: server and generator disturb each other.")
    if max(_late(rounds)) > REFUSAL_P99_MS / 2:
        notes.append("The generator was late itself: something else uses its core. Repeat this.")
    if max(each.taken_by_others for each in rounds) > _FOREIGN:
        notes.append("Others took some of the server's core: the figures are too low. Repeat this.")
    return notes


if __name__ == "__main__":
    sys.exit(main())
