"""Answering, without model and embedder: what the backend itself costs for each question.

The backend is the real application over a real local-qdrant; only the embedder, which knows every
question's vectors beforehand, and the generator, which quotes the first sentence, are made up.
Counted is the processor time of all threads of the backend's process, question by question.
With `--passages 100000` a library of 10,000 passages is asked by turns, to see what growth costs.

The smaller library is asked no faster than the larger one answers. A rest of 25 ms alone makes the
same question cost a fifth more, as little of what it needs is left in the processor's caches; the
larger library would seem dearer only because its search takes longer (docs/decisions/0011).
"""

import asyncio
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import (
    KEY,
    ONE_THREAD,
    await_ready,
    cpu_ns,
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
from benchmarks.harness.seeded import IDENTITY, SeededWorld

from info_assistant.drills.ports import unused_port
from info_assistant.stores.qdrant import QdrantStore

P50_MS, P99_MS, GROWTH = 3.0, 15.0, 1.2
SMALL = 10_000
QUESTIONS_IN_ROUND = 120
WARM_UP = 50
_WRITE = 256
_SETTLE_S = 0.002
_REFERENCE = json.dumps([{"number": n, "text": "x" * 50, "list": [1.5] * 20} for n in range(400)])


@dataclass(slots=True)
class Costs:
    """What each question of a round took, in milliseconds."""

    backend: list[float] = field(default_factory=list)
    qdrant: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """A backend with its library, and what its rounds have shown."""

    passages: int
    backend_pid: int
    qdrant_pid: int
    connection: http.client.HTTPConnection
    rounds: list[Costs] = field(default_factory=list)

    def turn(self) -> None:
        """Begin a round on a new connection: the server closes one that waits for seconds."""
        self.connection.close()
        self.rounds.append(Costs())

    def ask(self, text: str, costs: Costs) -> None:
        """Ask one question, alone, and note what it cost."""
        spent, searched = cpu_ns(self.backend_pid), cpu_ns(self.qdrant_pid)
        began = time.perf_counter()
        body = json.dumps({"question": text})
        self.connection.request("POST", "/v1/query", body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        costs.latency.append((time.perf_counter() - began) * 1000)
        # What the backend still does once its reply is out belongs to the question too.
        spent_now = _settled(self.backend_pid)
        assert answer["status"] == "answered", answer
        costs.backend.append((spent_now - spent) / 1e6)
        costs.qdrant.append((cpu_ns(self.qdrant_pid) - searched) / 1e6)


def warmed_up(one: Place, texts: Sequence[str]) -> float:
    """Ask questions that do not count; return how long each took, in seconds."""
    began = time.monotonic()
    for text in texts:
        one.ask(text, Costs())
    return (time.monotonic() - began) / len(texts)


def paced(texts: Iterable[str], pace_s: float) -> Iterator[str]:
    """Yield a text every `pace_s` seconds, or when the one before is done with."""
    pause, due = threading.Event(), 0.0
    for text in texts:
        pause.wait(max(0.0, due - time.monotonic()))
        due = time.monotonic() + pace_s
        yield text


def reference_ms() -> float:
    """Return the processor time of a piece of work that never changes, in milliseconds.

    Neighbours that share caches and memory make the same work cost more; this shows how much.
    """
    began = time.process_time_ns()
    json.loads(_REFERENCE)
    return (time.process_time_ns() - began) / 1e6


def _settled(pid: int) -> int:
    """Return the processor time of a process once it has nothing more to do."""
    pause = threading.Event()
    before = cpu_ns(pid)
    while True:
        pause.wait(_SETTLE_S)
        now = cpu_ns(pid)
        if now == before:
            return now
        before = now


async def load(url: str, passages: int) -> None:
    """Write the seeded passages to Qdrant."""
    store = QdrantStore(url, KEY, IDENTITY)
    library = SeededWorld().passages(passages)
    written = 0
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(store.passages.write([]))
        # The next passages are made while the last ones are written.
        while batch := await asyncio.to_thread(lambda: list(islice(library, _WRITE))):
            await writing
            writing = tasks.create_task(store.passages.write(batch))
            written += len(batch)
            if written % (_WRITE * 20) == 0:
                say(f"  {written:,} of {passages:,} passages written")
    await store.close()


@contextmanager
def place(passages: int, questions: int, folder: Path) -> Iterator[Place]:
    """Run a backend over a library of `passages` passages."""
    say(f"Writing {passages:,} passages …")
    with local_qdrant(folder) as qdrant:
        asyncio.run(load(qdrant.url, passages))
        port, log = unused_port(), folder / "backend.log"
        module = "benchmarks.harness.seeded_backend"
        objects = str(folder / "objects")
        command = ["-m", module, str(port), qdrant.url, objects, str(questions)]
        with running(command, ONE_THREAD, log) as backend:
            await_ready(backend, f"http://127.0.0.1:{port}/readyz", log)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            yield Place(passages, backend.pid, qdrant.pid, connection)
            connection.close()


def main() -> int:
    """Measure and report."""
    given = options(__doc__ or "")
    sizes = [400] if given.quick else sorted({min(SMALL, given.passages), given.passages})
    each = 10 if given.quick else QUESTIONS_IN_ROUND
    world = SeededWorld()
    texts = [world.question(number).text for number in range(WARM_UP + given.rounds * each)]
    with tempfile.TemporaryDirectory(prefix="bench-overhead-") as folder, ExitStack() as stack:
        places = [
            stack.enter_context(place(size, len(texts), Path(folder) / str(size))) for size in sizes
        ]
        pace_s = max([warmed_up(one, texts[:WARM_UP]) for one in places])
        for number in range(given.rounds):
            start = WARM_UP + number * each
            for one in places:
                one.turn()
                one.ask(texts[0], Costs())
                for text in paced(texts[start : start + each], pace_s):
                    one.ask(text, one.rounds[-1])
                    one.rounds[-1].reference.append(reference_ms())
            say(f"Round {number + 1}: " + ", ".join(map(_in_words, places)))
    return conclude(report(given, places), given)


def _in_words(one: Place) -> str:
    median = percentile(one.rounds[-1].backend, 0.5)
    return f"{one.passages:,} passages: {median:.2f} CPU-ms"


def report(given: Options, places: list[Place]) -> Report:
    """Put the rounds together; the promises are about the largest library."""
    figures = [figure for one in places for figure in _figures(one)]
    everything = [cost for costs in places[-1].rounds for cost in costs.backend]
    p50, p99 = percentile(everything, 0.5), percentile(everything, 0.99)
    size = f"{places[-1].passages:,}"
    floors = [
        Floor(f"CPU p50 of the backend at {size}", "ms", p50, P50_MS, "at most"),
        Floor(f"CPU p99 of the backend at {size}", "ms", p99, P99_MS, "at most"),
    ]
    if len(places) > 1:
        small, large = places[0].rounds, places[-1].rounds
        growth = [
            percentile(b.backend, 0.5) / percentile(a.backend, 0.5)
            for a, b in zip(small, large, strict=True)
        ]
        figures.append(Figure("growth of CPU p50", "x", growth))
        median = figures[-1].summary()["median"]
        floors.append(Floor("median growth of CPU p50", "x", median, GROWTH, "at most"))
    name = "overhead" if places[-1].passages <= SMALL else f"overhead-{places[-1].passages}"
    return Report(
        name,
        {"passages": size, "questions": len(everything), "rounds": given.rounds},
        figures,
        floors,
        ["CPU is that of all threads of the process, health probes included."],
    )


def _figures(one: Place) -> list[Figure]:
    def per_round(what: str, unit: str, share: float, part: str) -> Figure:
        values = [percentile(getattr(costs, part), share) for costs in one.rounds]
        return Figure(f"{what}, {one.passages:,} passages", unit, values)

    return [
        per_round("backend CPU p50", "ms", 0.5, "backend"),
        per_round("backend CPU p99", "ms", 0.99, "backend"),
        per_round("local-qdrant CPU p50", "ms", 0.5, "qdrant"),
        per_round("local-qdrant CPU p99", "ms", 0.99, "qdrant"),
        per_round("fixed work, CPU p50", "ms", 0.5, "reference"),
        per_round("latency p50", "ms", 0.5, "latency"),
        per_round("latency p99", "ms", 0.99, "latency"),
    ]


if __name__ == "__main__":
    sys.exit(main())
