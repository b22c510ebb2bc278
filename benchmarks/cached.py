"""Answers from the cache beside the least that a FastAPI application can do for a question.

The product runs as `info-assistant up` starts it, with everything that a question meets: sign-in,
limits, audit trail, answer record, metrics. Beside it a bare FastAPI application, served the same
way, reads the same questions and sends back JSON of the same size. Both are asked by turns, over
16 connections that stay open, from a process of its own: each connection without a pause, which is
as much as a server can do, and then half as much by the clock, which is a busy day.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.corpus import samples
from benchmarks.harness.load import Load, Target, question
from benchmarks.harness.processes import await_ready, cpu_ns, running
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
from benchmarks.harness.stack import RunningStack, running_stack

from info_assistant.drills.ports import unused_port

RATIO, P99_MS = 0.5, 10.0
CONNECTIONS = 16
PACED = 0.5
"""The share of what a server has just done in a second that is then asked by the clock."""

SECONDS, QUICK_SECONDS, SETTLE_S = 5.0, 1.0, 60.0
WARM_UP_S = 0.5


@dataclass
class Side:
    """One of the two servers: where it is, and what its rounds have shown."""

    name: str
    port: int
    pid: int
    requests: list[bytes]
    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    paced_p99_ms: list[float] = field(default_factory=list)
    crowded_out: list[float] = field(default_factory=list)

    def turn(self, seconds: float) -> None:
        """Ask for one round. Raises AssertionError if anything is not answered."""
        uvloop.run(self._asked(WARM_UP_S))
        before = cpu_ns(self.pid)
        times = uvloop.run(self._asked(seconds))
        spent = cpu_ns(self.pid) - before
        self.per_second.append(len(times) / seconds)
        self.p50_ms.append(percentile(times, 0.5) * 1000)
        self.p99_ms.append(percentile(times, 0.99) * 1000)
        self.cpu_us.append(spent / 1000 / len(times))
        uvloop.run(self._pace(PACED * self.per_second[-1], seconds))

    async def _pace(self, per_second: float, seconds: float) -> None:
        """Ask by the clock; times count from the moment at which a question was due."""
        load = Load(Target("127.0.0.1", self.port, self.requests), CONNECTIONS)
        offered = await load.opened(per_second, seconds)
        await load.close()
        good = offered.with_status(200)
        assert len(good) == len(offered.answers), "something was not answered"
        due = [each.late_s + each.took_s for each in good]
        self.paced_p99_ms.append(percentile(due, 0.99) * 1000)
        # As many as there are connections wait at once; those beyond found none free.
        self.crowded_out.append(offered.unsent / (offered.unsent + len(good)))

    async def _asked(self, seconds: float) -> list[float]:
        load = Load(Target("127.0.0.1", self.port, self.requests), CONNECTIONS)
        offered = await load.closed(CONNECTIONS, seconds)
        await load.close()
        good = offered.with_status(200)
        assert len(good) == len(offered.answers), "something was not answered"
        return [each.took_s for each in good]


@contextmanager
def bare(body: bytes, folder: Path) -> Iterator[tuple[int, int]]:
    """Run the bare application, whose answers are `body`; its port and process id."""
    port, file, log = unused_port(), folder / "body.json", folder / "bare.log"
    file.write_bytes(body)
    command = ["-m", "benchmarks.harness.bare_server", str(port), str(file)]
    with running(command, {}, log) as process:
        await_ready(process, f"http://127.0.0.1:{port}/ready", log)
        yield port, process.pid


def prepared(stack: RunningStack, *, quick: bool) -> tuple[list[str], bytes]:
    """Take documents in and have questions answered; return them, and one answer as it travels."""
    library = samples(quick=quick)
    for file in library.files:
        stack.upload(file)
    stack.until_settled(SETTLE_S)
    known: list[str] = []
    body = b""
    for text in library.questions[:20]:
        if stack.ask(text)[0]["served_by"]["cache"] == "miss":
            answer = stack.ask(text)[0]
            assert answer["served_by"]["cache"] == "hit", answer
            known.append(text)
            body = max(body, json.dumps(answer).encode(), key=len)
    assert known
    return known, body


def backend_pid(stack: RunningStack) -> int:
    """Return the process id of the stack's backend."""
    family = psutil.Process(stack.process.pid).children(recursive=True)
    return next(each.pid for each in family if "serve" in each.cmdline())


def report(given: Options, product: Side, plain: Side, ready: Side, size: int) -> Report:
    """Put the rounds together."""
    pairs = zip(product.per_second, plain.per_second, strict=True)
    ratio = [ours / bare for ours, bare in pairs]
    pairs = zip(plain.cpu_us, product.cpu_us, strict=True)
    cpu_ratio = [bare / ours for bare, ours in pairs]
    pairs = zip(product.per_second, ready.per_second, strict=True)
    to_ready = [ours / bare for ours, bare in pairs]
    figures = []
    for side in (product, plain, ready):
        figures += [
            Figure(f"{side.name}, requests a second", "1/s", side.per_second),
            Figure(f"{side.name}, p50", "ms", side.p50_ms),
            Figure(f"{side.name}, p99", "ms", side.p99_ms),
            Figure(f"{side.name}, processor time", "us", side.cpu_us),
            Figure(f"{side.name}, p99 at half its rate", "ms", side.paced_p99_ms),
            Figure(f"{side.name}, found no connection at half its rate", "x", side.crowded_out),
        ]
    figures += [
        Figure("cached / bare", "x", ratio),
        Figure("cached / bare, by processor time", "x", cpu_ratio),
        Figure("cached / bare with ready-made bytes", "x", to_ready),
    ]
    median = figures[-3].summary()["median"]
    p99 = Figure("", "", product.p99_ms).summary()["median"]
    floors = [
        Floor("cached / bare", "x", median, RATIO, "at least"),
        Floor(f"cached p99 at {CONNECTIONS} connections", "ms", p99, P99_MS, "at most"),
    ]
    setting = {
        "connections": CONNECTIONS,
        "rounds": given.rounds,
        "questions": len(product.requests),
        "largest answer, bytes": size,
    }
    notes = [
        "Bare: FastAPI reads the question into a model and writes the answer from values.",
        "The promises are about 16 that ask without a pause; half the rate is shown beside.",
    ]
    return Report("cached", setting, figures, floors, notes)


def main() -> int:
    """Measure and report."""
    given = options(__doc__ or "")
    seconds = QUICK_SECONDS if given.quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="bench-cached-") as place:
        folder = Path(place)
        with running_stack(folder / "data") as stack:
            await_ready(stack.process, f"{stack.url}/readyz", stack.output)
            texts, body = prepared(stack, quick=given.quick)
            port = int(stack.url.rsplit(":", 1)[1])
            with bare(body, folder) as (bare_port, bare_pid):
                asked = [question(text, port) for text in texts]
                product = Side("cached", port, backend_pid(stack), asked)
                plain_requests = [question(text, bare_port) for text in texts]
                plain = Side("bare", bare_port, bare_pid, plain_requests)
                quick_requests = [
                    each.replace(b"POST /v1/query", b"POST /ready-made", 1)
                    for each in plain_requests
                ]
                ready = Side("bare, ready-made", bare_port, bare_pid, quick_requests)
                for number in range(given.rounds):
                    for side in (plain, product, ready):
                        side.turn(seconds)
                    ratio = product.per_second[-1] / plain.per_second[-1]
                    say(f"Round {number + 1}: {ratio:.2f} of the bare application")
                return conclude(report(given, product, plain, ready, len(body)), given)


if __name__ == "__main__":
    sys.exit(main())
