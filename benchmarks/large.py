"""Takes large files in through the whole stack: `python -m benchmarks.large`.

A PDF of 300 pages and a text file of 200 MB are handed in to `info-assistant up`. How much memory
do the backend, whose worker takes them in, and the parser need meanwhile, and how fast do the first
1,000 passages become searchable?
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.large_files import pdf_of_300_pages, write_text
from benchmarks.harness.processes import await_true
from benchmarks.harness.report import say
from benchmarks.harness.stack import RunningStack, running_stack

RESULTS = Path(__file__).parent / "results" / "large.json"
MOST_ADDED_MB = 150
_PASSAGES = 1_000
_PATIENCE_S = 900.0
_LOOK_S = 0.1


class Watch:
    """Samples the memory of the backend and of its parsers in a thread of its own."""

    def __init__(self, stack: RunningStack) -> None:
        """Find the processes of `stack`."""
        members = psutil.Process(stack.process.pid).children(recursive=True)
        self._backend = next(each for each in members if "serve" in each.cmdline())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.idle_mb = self._backend.memory_info().rss / 1e6
        self.backend_mb = self.parser_mb = 0.0

    def __enter__(self) -> Self:
        """Begin to sample."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_LOOK_S):
            self.backend_mb = max(self.backend_mb, self._backend.memory_info().rss / 1e6)
            parsers = self._backend.children(recursive=True)
            for parser in parsers:
                try:
                    self.parser_mb = max(self.parser_mb, parser.memory_info().rss / 1e6)
                except psutil.NoSuchProcess:
                    continue


def main() -> int:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the text file")
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory(prefix="bench-large-") as folder:
        found = measured(Path(folder), megabytes)
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    print(RESULTS.read_text())
    return 0 if found["backend_added_mb"] <= MOST_ADDED_MB else 1


def measured(folder: Path, megabytes: int) -> dict[str, Any]:
    """Hand both files in, one after the other, and return the figures."""
    pdf = folder / "300-pages.pdf"
    pdf.write_bytes(pdf_of_300_pages())
    text = write_text(folder / "large.txt", megabytes * 1_000_000)
    with running_stack(folder / "data") as stack:
        await_true(stack.is_ready, 60, "the backend is ready")
        warm_up(stack, folder)
        with Watch(stack) as watch:
            pages = whole_way(stack, pdf)
            say(f"300 pages: {pages}")
            long = first_passages(stack, text)
            say(f"text: {long}")
        return {
            "cores": os.cpu_count(),
            "idle_mb": round(watch.idle_mb),
            "backend_mb": round(watch.backend_mb),
            "backend_added_mb": round(watch.backend_mb - watch.idle_mb),
            "parser_mb": round(watch.parser_mb),
            "300 pages": pages,
            f"text of {megabytes} MB": long,
        }


def warm_up(stack: RunningStack, folder: Path) -> None:
    """Take in something small first, so that models and parsers are loaded."""
    small = folder / "small.txt"
    small.write_text("Annual leave is thirty days. " * 400)
    whole_way(stack, small)


def hand_in(stack: RunningStack, path: Path) -> tuple[str, float]:
    """Hand a file in from the disk; return its address and how many seconds that took."""
    began = time.perf_counter()
    with path.open("rb") as file:
        reply = stack.client.post(f"{stack.url}/v1/documents", files={"file": (path.name, file)})
    reply.raise_for_status()
    url: str = reply.json()["documents"][0]["status_url"]
    return stack.url + url, time.perf_counter() - began


def whole_way(stack: RunningStack, path: Path) -> dict[str, Any]:
    """Take a file in until it is ready."""
    url, accepted_s = hand_in(stack, path)
    began = time.perf_counter()
    await_true(lambda: status(stack, url)["state"] in {"ready", "failed"}, _PATIENCE_S, "ready")
    end = status(stack, url)
    assert end["state"] == "ready", end
    seconds = time.perf_counter() - began
    return {
        "accepted_s": round(accepted_s, 1),
        "passages": end["passages"],
        "seconds": round(seconds, 1),
        "passages_per_s": round(end["passages"] / seconds),
    }


def first_passages(stack: RunningStack, path: Path) -> dict[str, Any]:
    """Take a file in until its first 1,000 passages are searchable."""
    url, accepted_s = hand_in(stack, path)
    began = time.perf_counter()
    read_s = done = 0.0
    now: dict[str, Any] = {}

    def enough() -> bool:
        nonlocal now, read_s, done
        now = status(stack, url)
        assert now["state"] != "failed", now
        if now["state"] == "indexing" and not read_s:
            read_s = time.perf_counter() - began
        done = now["passages"] or (now["progress"] or {"done": 0})["done"]
        return bool(done >= _PASSAGES)

    await_true(enough, _PATIENCE_S, "the first passages are searchable", _LOOK_S)
    seconds = time.perf_counter() - began
    return {
        "accepted_s": round(accepted_s, 1),
        "read_s": round(read_s, 1),
        "first_passages": done,
        "first_passages_s": round(seconds, 1),
        "passages_per_s_once_read": round(done / (seconds - read_s)),
        "expected_passages": (now["progress"] or {"total": done})["total"],
    }


def status(stack: RunningStack, url: str) -> dict[str, Any]:
    """Return how far a document has come."""
    reply = stack.client.get(url)
    reply.raise_for_status()
    body: dict[str, Any] = reply.json()
    return body


if __name__ == "__main__":
    sys.exit(main())
