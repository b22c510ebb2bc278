"""Kill everything that a document passes on its way in, inside every step of the way.

Two backends and a worker over one object storage and one local Qdrant, all real processes; clients
hand in 300 documents, change them and delete copies of them all the time. A killer reads in the
processes' logs when a step begins and kills right then: the process in the step, its parsers, or
the local Qdrant. Only kills after which the step had not ended count as inside it. At the end every
document must be ready, none twice, with the bytes that were acknowledged last, and `doctor` must
find nothing to mend.

    python -m benchmarks.ingestion_kills [--storage directory|s3] [--kills 200] [--inside 10]
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.aftermath import aftermath
from benchmarks.harness.mortal import Mortal
from benchmarks.harness.moto import moto_s3
from benchmarks.harness.processes import KEY
from benchmarks.harness.report import say
from benchmarks.harness.trials import conclude_trial
from benchmarks.harness.workload import Clients, clients_at

from info_assistant.drills.ports import unused_port
from info_assistant.observability.steps import Step

RESULTS = Path(__file__).parent / "results"
CLIENTS = 4
_LOOK_S = 0.0002
_LONGEST_S = 3600.0
_CALM_S = (0.2, 1.5)
"""How long everything runs between two kills, so that work is done at all."""

_IN_QDRANT = frozenset({Step.INDEX_BATCH, Step.VERSION_SWAP, Step.DELETE})
"""Steps that the local Qdrant takes part in, so that it is killed in them, too."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The processes: those that take documents their way, and the local Qdrant."""

    ways: Sequence[Mortal]
    qdrant: Mortal
    urls: Sequence[str]
    settings: Mapping[str, str]


@dataclass(slots=True)
class Killed:
    """What was killed: all of it, and by step and victim where the step had not ended."""

    total: int = 0
    inside: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)

    def least(self) -> Step:
        """Return the step that was cut off least often."""
        return min(Step, key=lambda each: (self.inside[each.value], random.random()))  # noqa: S311


def main() -> int:
    """Run the trial, print what became of it and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", choices=("directory", "s3"), default="directory")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--inside", type=int, default=10, help="kills inside each step, at least")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--keep", type=Path, help="where to copy the logs of a trial that failed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-kills-") as folder:
        with processes(Path(folder), given.storage) as cluster:
            outcome = asyncio.run(trial(cluster, given))
        if given.keep and not outcome["holds"]:
            shutil.copytree(folder, given.keep, dirs_exist_ok=True)
    result = RESULTS / f"ingestion_kills-{given.storage}.json"
    return conclude_trial(outcome | {"storage": given.storage}, result)


@contextmanager
def processes(folder: Path, storage: str) -> Iterator[Cluster]:
    """Run the cluster until the block is left."""
    with ExitStack() as running:
        qdrant_url = f"http://127.0.0.1:{unused_port()}"
        where = {"BLOB_URL": (folder / "objects").as_uri()}
        if storage == "s3":
            where = dict(running.enter_context(moto_s3(folder / "moto.log")))
        shared = {**where, "QDRANT_URL": qdrant_url, "QDRANT_API_KEY": KEY, "LOG_LEVEL": "DEBUG"}
        parent = ("--parent", str(os.getpid()))
        qdrant_settings = shared | {"DATA_DIR": str(folder / "qdrant"), "LOG_LEVEL": "INFO"}
        qdrant = Mortal(
            "local-qdrant", ("local-qdrant", *parent), qdrant_settings, f"{qdrant_url}/readyz"
        )
        ways, urls = [], []
        for name in ("backend-a", "backend-b"):
            port = unused_port()
            urls.append(f"http://127.0.0.1:{port}")
            settings = {"DATA_DIR": str(folder / name), "BACKEND_PORT": str(port)}
            ready = f"{urls[-1]}/readyz"
            ways.append(Mortal(name, ("serve", *parent), shared | settings, ready))
        settings = {"DATA_DIR": str(folder / "worker")}
        ways.append(Mortal("worker", ("worker", *parent), shared | settings, ""))
        for each in (qdrant, *ways):
            running.callback(each.close)
            each.start()
        client = shared | {"DATA_DIR": str(folder / "backend-a"), "BACKEND_URL": urls[0]}
        yield Cluster(ways, qdrant, urls, client)


async def trial(cluster: Cluster, given: argparse.Namespace) -> dict[str, Any]:
    """Kill under load, let everything settle, and compare with what was acknowledged."""
    began = time.monotonic()
    async with clients_at(cluster.urls, given.documents) as clients:
        async with asyncio.TaskGroup() as group:
            group.create_task(clients.run(CLIENTS))
            killed = await asyncio.to_thread(kill_until_enough, cluster, given, clients)
            clients.stop()
        say(f"{killed.total} kills; waiting for everything to settle")
        after = await aftermath(cluster.urls[0], clients.promised, cluster.settings)
    enough = min(killed.inside[each.value] for each in Step) >= given.inside
    promised = clients.promised
    return {
        "kills": killed.total,
        "inside": {each.value: killed.inside[each.value] for each in Step},
        "victims": dict(killed.victims),
        "requests": promised.attempts,
        "not_at_once": promised.refused,
        "deleted_copies": len(promised.deleted),
        "seconds": round(time.monotonic() - began),
        **after.found,
        "holds": after.holds and enough and killed.total >= given.kills,
    }


def kill_until_enough(cluster: Cluster, given: argparse.Namespace, clients: Clients) -> Killed:
    """Kill inside the step that was cut off least, again and again."""
    killed, deadline = Killed(), time.monotonic() + _LONGEST_S
    while killed.total < given.kills or min(killed.inside[each] for each in Step) < given.inside:
        if time.monotonic() > deadline:
            say(f"not enough kills within {_LONGEST_S:.0f} s: {killed}")
            break
        _pause(random.uniform(*_CALM_S))  # noqa: S311  When is what is random.
        aim = killed.least() if random.random() < 0.8 else random.choice(list(Step))  # noqa: S311, PLR2004
        struck = _strike(cluster, aim)
        if struck is None:
            continue
        victim, was_inside = struck
        killed.total += 1
        killed.victims[victim] += 1
        killed.inside[aim.value] += was_inside
        if killed.total % 10 == 0:
            say(f"{killed.total} kills, inside: {dict(killed.inside)}; {clients.promised.attempts}")
    return killed


def _strike(cluster: Cluster, aim: Step) -> tuple[str, bool] | None:
    """Wait until somebody begins the step and kill; None if nobody does for a while.

    Return the victim, and whether the step had not ended when it was dead.
    """
    for way in cluster.ways:
        for _ in way.steps.news():
            pass
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        for way in cluster.ways:
            for key in way.steps.news():
                if key[0] == aim.value:
                    return _killed(cluster, way, key, aim)
        _pause(_LOOK_S)
    return None


def _killed(
    cluster: Cluster, way: Mortal, key: tuple[str, str], aim: Step
) -> tuple[str, bool] | None:
    chance = random.random()  # noqa: S311  Who dies is what is random.
    if aim is Step.READING and chance < 0.5:  # noqa: PLR2004
        if not way.kill_parsers():
            return None
        return "parser", way.steps.is_inside(key)
    if aim in _IN_QDRANT and chance < 0.3:  # noqa: PLR2004
        cluster.qdrant.kill()
        inside = way.steps.is_inside(key)
        cluster.qdrant.start()
        return "local-qdrant", inside
    way.kill()
    inside = way.steps.is_inside(key)
    way.start()
    return way.name, inside


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


if __name__ == "__main__":
    sys.exit(main())
