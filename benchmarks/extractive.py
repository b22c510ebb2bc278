"""The whole extractive answer over HTTP: alone, and while documents are taken in.

The stack is what `info-assistant up` starts. Rounds alternate: all questions one after the other
while nothing else happens, then all of them again while copies of the library are uploaded.
"""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.corpus import Corpus, File, corpus
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

P50_MS, P95_MS, BUSY = 400.0, 1000.0, 3.0
_UNDER_WAY = 24
"""Documents kept on their way in, so that the worker never runs dry."""
_LOOK_S = 0.25
_PATIENCE_S = 900.0
_DRAIN_S = 300.0


def main() -> int:
    """Measure and report."""
    given = options(__doc__ or "")
    documents = corpus(quick=given.quick)
    with (
        tempfile.TemporaryDirectory(prefix="bench-extractive-") as folder,
        running_stack(Path(folder) / "data") as stack,
    ):
        _take_in(stack, documents)
        _warm_up(stack, documents)
        return conclude(measured(given, stack, documents), given)


def _take_in(stack: RunningStack, documents: Corpus) -> None:
    say(f"Taking in {len(documents.files)} documents …")
    while not _is_up(stack):
        threading.Event().wait(_LOOK_S)
    for file in documents.files:
        stack.upload(file)
    stack.until_settled(_PATIENCE_S)


def _warm_up(stack: RunningStack, documents: Corpus) -> None:
    """Ask every question once, worded otherwise, so that its answer is not known afterwards."""
    for question in documents.questions:
        stack.ask(f"Please tell me: {question}")


def _is_up(stack: RunningStack) -> bool:
    try:
        stack.count("ready")
    except httpx2.HTTPError as error:
        if stack.process.poll() is not None:
            raise RuntimeError(stack.output.read_text()) from error
        return False
    return True


def measured(given: Options, stack: RunningStack, documents: Corpus) -> Report:
    """Ask in quiet and in busy rounds by turns."""
    quiet: list[list[float]] = []
    busy: list[list[float]] = []
    copies = _copies(documents)
    for number in range(given.rounds):
        quiet.append(_asked(stack, documents.questions))
        with _bulk_ingestion(stack, copies):
            busy.append(_asked(stack, documents.questions))
        stack.until_settled(_DRAIN_S)
        say(
            f"Round {number + 1}: p95 quiet {percentile(quiet[-1], 0.95):.0f} ms, "
            f"busy {percentile(busy[-1], 0.95):.0f} ms"
        )
    return report(documents, quiet, busy)


def _asked(stack: RunningStack, questions: tuple[str, ...]) -> list[float]:
    """Return the time of each answer that had to be made, in milliseconds.

    Answers of an earlier round are given again where no document that they rest on has changed.
    """
    asked = [stack.ask(question) for question in questions]
    return [seconds * 1000 for answer, seconds in asked if answer["served_by"]["cache"] != "hit"]


def _copies(documents: Corpus) -> Iterator[File]:
    """Yield the documents under other names, without end."""
    return (file.copy(number) for number in count(1) for file in documents.files)


@contextmanager
def _bulk_ingestion(stack: RunningStack, copies: Iterator[File]) -> Iterator[None]:
    """Keep documents on their way in until the block is left."""
    ended, under_way = threading.Event(), threading.Event()
    faults: list[Exception] = []

    def feed() -> None:
        try:
            while not ended.is_set():
                if stack.unsettled() >= _UNDER_WAY:
                    under_way.set()
                    ended.wait(_LOOK_S)
                else:
                    stack.upload(next(copies))
        except Exception as error:  # noqa: BLE001  # Told to the main thread below.
            faults.append(error)
            under_way.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        under_way.wait()
        yield
    finally:
        ended.set()
        feeder.join()
    if faults:
        raise faults[0]


def report(documents: Corpus, quiet: list[list[float]], busy: list[list[float]]) -> Report:
    """Put the rounds together."""
    all_quiet = [time for times in quiet for time in times]
    all_busy = [time for times in busy for time in times]
    p50, p95 = percentile(all_quiet, 0.5), percentile(all_quiet, 0.95)
    busy_p95 = percentile(all_busy, 0.95)
    figures = [
        Figure(f"{name} p{share * 100:.0f}", "ms", [percentile(times, share) for times in rounds])
        for name, rounds in (("quiet", quiet), ("during a bulk ingest", busy))
        for share in (0.5, 0.95)
    ]
    return Report(
        "extractive",
        {"corpus": documents.name, "questions": len(all_quiet), "rounds": len(quiet)},
        figures,
        [
            Floor("quiet p50", "ms", p50, P50_MS, "at most"),
            Floor("quiet p95", "ms", p95, P95_MS, "at most"),
            Floor("p95 during a bulk ingest / quiet", "x", busy_p95 / p95, BUSY, "at most"),
        ],
        [f"p95 during a bulk ingest, all rounds: {busy_p95:.1f} ms."],
    )


if __name__ == "__main__":
    sys.exit(main())
