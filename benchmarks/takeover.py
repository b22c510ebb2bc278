"""How long a document waits for another worker when its own dies: `python benchmarks/takeover.py`.

A backend that only takes uploads, and two workers. One begins a document of many passages and is
killed with SIGKILL in the middle of it; the time runs until the other one takes a step with it.
"""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

import time

import httpx2
from benchmarks.harness.mortal import Mortal
from benchmarks.harness.processes import KEY, await_true
from benchmarks.harness.report import Figure, Floor, Options, Report, conclude, options, say

from info_assistant.drills.ports import unused_port
from info_assistant.observability.steps import Step

LIMIT_S = 60.0
_SECTIONS, _QUICK_SECTIONS = 900, 300
_BEGIN_S, _END_S = 60.0, 600.0


def main() -> int:
    """Run the rounds and report."""
    given = options(__doc__ or "")
    rounds = 1 if given.quick else min(given.rounds, 3)
    waits, whole = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-takeover-") as folder:
            waited, took = one_round(Path(folder), given)
        say(f"Round {number + 1}: taken over after {waited:.1f} s, ready after {took:.1f} s")
        waits.append(waited)
        whole.append(took)
    return conclude(
        Report(
            "takeover",
            {"rounds": rounds, "lease_s": 30, "quick": given.quick},
            [
                Figure("from the kill to the next worker's first step", "s", waits),
                Figure("from the kill to ready", "s", whole),
            ],
            [Floor("slowest takeover", "s", max(waits), LIMIT_S, "at most")],
        ),
        given,
    )


def one_round(folder: Path, given: Options) -> tuple[float, float]:
    """Return the seconds from the kill until somebody else works on it, and until it is ready."""
    with ExitStack() as running:
        qdrant_url, port = f"http://127.0.0.1:{unused_port()}", unused_port()
        shared = {
            "BLOB_URL": (folder / "objects").as_uri(),
            "QDRANT_URL": qdrant_url,
            "QDRANT_API_KEY": KEY,
            "LOG_LEVEL": "DEBUG",
        }
        parent = ("--parent", str(os.getpid()))

        def process(name: str, role: str, ready: str, **settings: str) -> Mortal:
            place = {"DATA_DIR": str(folder / name)}
            mortal = Mortal(name, (role, *parent), shared | place | settings, ready)
            running.callback(mortal.close)
            mortal.start()
            return mortal

        process("qdrant", "local-qdrant", f"{qdrant_url}/readyz")
        process(
            "backend",
            "serve",
            f"http://127.0.0.1:{port}/readyz",
            BACKEND_PORT=str(port),
            INGESTION_WORKERS="0",
        )
        first = process("worker-a", "worker", "")
        client = running.enter_context(
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        )
        status = _hand_in(client, _QUICK_SECTIONS if given.quick else _SECTIONS)
        await_true(lambda: _works_on_it(first), _BEGIN_S, "the first worker indexes")
        second = process("worker-b", "worker", "")
        first.kill()
        killed = time.monotonic()
        await_true(lambda: any(second.steps.news()), _END_S, "the second worker begins")
        waited = time.monotonic() - killed
        await_true(
            lambda: client.get(status).json()["state"] == "ready",
            _END_S,
            "the document is ready",
            0.2,
        )
        return waited, time.monotonic() - killed


def _works_on_it(worker: Mortal) -> bool:
    return any(step == Step.INDEX_BATCH for step, _ in worker.steps.news())


def _hand_in(client: httpx2.Client, sections: int) -> str:
    parts = [
        f"## Section {each}\n\nCounter {each} opens at {each % 12 + 1} o'clock. Requests of kind "
        f"{each} are answered within {each % 30 + 1} working days.\n"
        for each in range(sections)
    ]
    files = {"file": ("long.md", ("# Long\n\n" + "\n".join(parts)).encode())}
    reply = client.post("/v1/documents", files=files)
    reply.raise_for_status()
    return str(reply.json()["documents"][0]["status_url"])


if __name__ == "__main__":
    sys.exit(main())
