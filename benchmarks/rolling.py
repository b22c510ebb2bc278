"""A rolling restart under constant use: version N to N+1 and back, two backends behind a balancer.

N+1 is our own source with every schema one higher and a field nobody knows in everything it stores.
No question and no change may fail, and each version must read all that the other wrote. One backend
keeps its disk, the other gets an empty one with N+1.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

import httpx2
from benchmarks.harness.constant_use import Users, constant_use
from benchmarks.harness.corpus import samples, take_in
from benchmarks.harness.next_version import PRESENT, build_next
from benchmarks.harness.reading_back import ReadingBack, marked
from benchmarks.harness.replicas import GRACE_S, Cluster, Replica, Stopped, cluster
from benchmarks.harness.report import Figure, Floor, Options, Report, conclude, options, say

from info_assistant.drills.balancer import Tally, running_balancer
from info_assistant.model.schema import Stored

_CLIENT_S = 30.0
_COLLECTIONS = ("passages", "documents")
UNUSED = frozenset(
    {
        Stored.SPEND_EVENT,
        *(Stored.KNOWN_ANSWER, Stored.SAVED_QUESTION, Stored.ANSWER_REPEAT),
        *(Stored.BACKUP_MANIFEST, Stored.BACKUP_VERIFICATION),
    }
)
"""Kinds that are not written here: no model is called, there is no Redis, no backup is made."""
_COMPLAINTS = ("cannot be understood", "unreadable", "Traceback")


@dataclass(slots=True)
class Outcome:
    """What a trial has shown so far."""

    stops: list[Stopped] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two restarts, how often it goes to and fro, how much is read back."""

    dwell_s: float
    rounds: int
    newest: int


def main() -> int:
    """Run the trial and report."""
    given = options(__doc__ or "")
    pace = Pace(1.5, 1, 8) if given.quick else Pace(15.0, 3, 200)
    with tempfile.TemporaryDirectory(prefix="bench-rolling-") as folder:
        root = Path(folder)
        following = build_next(root / "next")
        with cluster(root, 2) as machines:
            users, outcome = asyncio.run(trial(machines, following, pace))
        return conclude(report(given, pace, users, outcome), given)


async def trial(machines: Cluster, following: Path, pace: Pace) -> tuple[Users, Outcome]:
    """Roll to the next version and back under constant use, reading back after each step."""
    outcome = Outcome()
    # One first: it sets up the collections, which is not what is tried here.
    for number, replica in enumerate(machines.replicas):
        await asyncio.to_thread(replica.start, PRESENT)
        if number == 0:
            await take_in(samples(quick=True).files, replica.url)
    urls = [each.url for each in machines.replicas]
    async with running_balancer(urls) as balancer:
        outcome.tally = balancer.tally
        while len(balancer.ready) < len(urls):  # noqa: ASYNC110  The balancer sets no event.
            await asyncio.sleep(0.05)
        async with constant_use(balancer.url, samples(quick=False).questions) as users:
            for number in range(pace.rounds):
                for source, name in ((following, "N+1"), (PRESENT, "N")):
                    for replica in machines.replicas:
                        await asyncio.sleep(pace.dwell_s)
                        moves = source is following and replica is machines.replicas[-1]
                        await restart(replica, source, outcome, moves=moves)
                        say(f"Round {number + 1}: {replica.name} is {name}")
                        await read_back(machines.replicas, users, outcome, pace.newest)
        await read_back(machines.replicas, users, outcome, pace.newest)
    folders = (machines.objects, *(each.data_dir for each in machines.replicas))
    outcome.kinds = await marked(folders, machines.qdrant_url, _COLLECTIONS)
    # Here, since a backend ends with the thread that started it, which ends with the event loop.
    for replica in machines.replicas:
        outcome.stops.append(await asyncio.to_thread(replica.stop))
        outcome.complaints += complaints_in(replica.log)
    return users, outcome


async def restart(replica: Replica, source: Path, outcome: Outcome, *, moves: bool) -> None:
    """End one backend and start it from other sources; on an empty disk if it `moves`."""
    outcome.stops.append(await asyncio.to_thread(replica.stop))
    if moves:
        await asyncio.to_thread(replica.move)
    outcome.starts.append(await asyncio.to_thread(replica.start, source))


async def read_back(
    replicas: Sequence[Replica], users: Users, outcome: Outcome, newest: int
) -> None:
    """Let each backend read what both have written."""
    async with httpx2.AsyncClient(timeout=_CLIENT_S, trust_env=False) as client:
        for replica in replicas:
            reading = ReadingBack(replica.url, client)
            await reading.everything(users.done, newest)
            outcome.read += reading.read
            outcome.unreadable += reading.unreadable


def complaints_in(log: Path) -> Counter[str]:
    """Count what a backend's log says about things that it could not read or did not expect."""
    text = ""
    with suppress(FileNotFoundError):
        text = log.read_text(errors="replace")
    return Counter({words: text.count(words) for words in _COMPLAINTS if words in text})


def report(given: Options, pace: Pace, users: Users, outcome: Outcome) -> Report:
    """Put together what was shown."""
    done = users.done
    unclean = [each for each in outcome.stops if each.code != 0]
    return Report(
        "rolling",
        {"rounds": pace.rounds, "restarts": len(outcome.starts), "quick": given.quick},
        [
            Figure("time to end", "s", [each.seconds for each in outcome.stops]),
            Figure("time to be ready", "s", outcome.starts),
        ],
        [
            Floor("failed questions", "", done.failed_questions.total(), 0, "at most"),
            Floor("failed changes", "", done.failed_changes.total(), 0, "at most"),
            Floor("unreadable records", "", outcome.unreadable.total(), 0, "at most"),
            Floor("complaints in logs", "", outcome.complaints.total(), 0, "at most"),
            Floor("exit codes other than 0", "", len(unclean), 0, "at most"),
            Floor("processes left", "", sum(e.left for e in outcome.stops), 0, "at most"),
            Floor("slowest end", "s", max(e.seconds for e in outcome.stops), GRACE_S, "at most"),
            Floor(
                "kinds written by N+1",
                "",
                len(outcome.kinds),
                len(Stored) - len(UNUSED),
                "at least",
            ),
            Floor("questions of the least asked", "", _least(done.asked), 1, "at least"),
        ],
        notes(users, outcome),
    )


def _least(asked: Counter[str]) -> int:
    return min(asked.values(), default=0) if len(asked) > 1 else 0


def notes(users: Users, outcome: Outcome) -> list[str]:
    """Return what was done, and what went wrong, in words."""
    done = users.done
    lines = [
        (
            f"{done.asked.total()} questions answered, {len(done.documents)} documents handed in, "
            f"{len(done.deleted)} deleted, {done.switches} switches thrown; the balancer sent "
            f"{outcome.tally.retries} requests a second time."
        ),
        f"Read back: {_listed(outcome.read)}.",
        f"Written by N+1: {', '.join(sorted(outcome.kinds))}.",
    ]
    wrong = (
        ("Failed questions", done.failed_questions),
        ("Failed changes", done.failed_changes),
        ("Unreadable", outcome.unreadable),
        ("Complaints", outcome.complaints),
    )
    return lines + [f"{what}: {_listed(counts)}." for what, counts in wrong if counts]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
