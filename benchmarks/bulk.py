"""Ingests a folder of 10,000 small files, stopped once in the middle: `python -m benchmarks.bulk`.

How much memory does `info-assistant ingest` need, how fast is it, does a second run go on where the
first was stopped by Ctrl-C, and how long does a run take that finds nothing to do?
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.processes import await_true, environment
from benchmarks.harness.report import say
from benchmarks.harness.stack import RunningStack, running_stack

RESULTS = Path(__file__).parent / "results" / "bulk.json"
FILES = 10_000
_PATIENCE_S = 7200.0
_LOOK_S = 0.2


def write(folder: Path, count: int) -> Path:
    """Write so many small documents, a hundred in each folder."""
    for number in range(count):
        path = folder / f"{number // 100:03d}" / f"{number:05d}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Rule {number}\n\nRule {number} grants {number % 30} days of leave.\n")
    return folder


def run(
    stack: RunningStack, folder: Path, stop: Callable[[int], bool] = lambda _settled: False
) -> dict[str, Any]:
    """Ingest the folder until it is done, or until `stop` is true of the number settled."""
    began = time.perf_counter()
    most = settled = 0.0
    log = folder.with_suffix(".log")
    with (
        log.open("w") as err,
        subprocess.Popen(
            [sys.executable, "-m", "info_assistant", "ingest", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=err,
            env=environment({"BACKEND_URL": stack.url, "DATA_DIR": str(folder.parent / "client")}),
        ) as process,
    ):
        client = psutil.Process(process.pid)

        def over() -> bool:
            nonlocal most, settled
            if process.poll() is not None:
                return True
            most = max(most, client.memory_info().rss / 1e6)
            settled = log.read_text().count("\n")
            if stop(int(settled)):
                process.send_signal(signal.SIGINT)
                process.wait(30)
                return True
            return False

        await_true(over, _PATIENCE_S, "the folder is in", _LOOK_S)
    seconds = time.perf_counter() - began
    return {
        "exit_code": process.returncode,
        "seconds": round(seconds, 1),
        "memory_mb": round(most),
        "last_words": log.read_text().splitlines()[-1],
    }


def measured(folder: Path, count: int) -> dict[str, Any]:
    """Ingest, stop, go on, and find nothing to do."""
    library = write(folder / "library", count)
    with running_stack(folder / "data") as stack:
        await_true(stack.is_ready, 60, "the backend is ready")
        stopped = run(stack, library, stop=lambda settled: settled > count // 3)
        say(f"stopped: {stopped}")
        rest = run(stack, library)
        say(f"the rest: {rest}")
        nothing = run(stack, library)
        say(f"nothing to do: {nothing}")
    return {
        "cores": os.cpu_count(),
        "files": count,
        "stopped by Ctrl-C": stopped,
        "gone on with": rest,
        "nothing to do": nothing,
    }


def main() -> int:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    with tempfile.TemporaryDirectory(prefix="bench-bulk-") as folder:
        found = measured(Path(folder), parser.parse_args().files)
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    print(RESULTS.read_text())
    codes = [each["exit_code"] for each in found.values() if isinstance(each, dict)]
    return 0 if codes == [130, 0, 0] else 1


if __name__ == "__main__":
    sys.exit(main())
