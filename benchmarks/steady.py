"""Questions asked again and again while documents come in: `python -m benchmarks.steady`.

Half of a library is there and its questions have been answered. Then the other half is taken in,
and the same questions are asked by turns until all of it is ready. A question may only cost a new
answer where what is found for it has changed: the passages that an answer cites or lists, or the
order in which it does.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.corpus import File, corpus
from benchmarks.harness.processes import await_ready
from benchmarks.harness.report import RESULTS, say
from benchmarks.harness.stack import RunningStack, running_stack
from benchmarks.harness.trials import conclude_trial

SETTLE_S = 1800.0
BETWEEN_S = 0.05
"""Between two questions, so that there is something left for the documents."""


@dataclass(slots=True)
class Steady:
    """What became of the questions while documents came in."""

    stack: RunningStack
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What the last answer to each question was made from."""
    asked: int = 0
    known: int = 0
    changed: int = 0
    """New answers, and what is found for the question has changed."""
    needless: list[str] = field(default_factory=list)
    """Questions that were answered anew though the same was found."""

    def ask(self, question: str) -> None:
        """Ask once, and note what it cost and why."""
        answer, _ = self.stack.ask(question)
        found = passages_of(answer)
        self.asked += 1
        if answer["served_by"]["cache"] == "hit":
            self.known += 1
        elif found != self.found[question]:
            self.changed += 1
        else:
            self.needless.append(question)
        self.found[question] = found

    def figures(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "asked": self.asked,
            "known": self.known,
            "answered_anew_as_passages_changed": self.changed,
            "answered_anew_without_need": len(self.needless),
            "share_known": round(self.known / max(1, self.asked), 4),
        }


def passages_of(answer: dict[str, Any]) -> tuple[str, ...]:
    """Return where each passage stands that an answer cites, and then each that it lists."""
    listed = [*answer["citations"], *answer["see_also"]]
    return tuple(f"{each['document_id']} {each['version']} {each['quote']}" for each in listed)


def take_in(stack: RunningStack, files: Sequence[File]) -> None:
    """Hand documents in, and return once all can be asked about or have failed."""
    for file in files:
        stack.upload(file)
    stack.until_settled(SETTLE_S)


def measured(
    first: Sequence[File], more: Sequence[File], questions: Sequence[str]
) -> dict[str, Any]:
    """Take the first documents in, and the others beside questions that are known by then."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-steady-") as place,
        running_stack(Path(place) / "data") as stack,
    ):
        await_ready(stack.process, f"{stack.url}/readyz", stack.output)
        take_in(stack, first)
        steady = Steady(stack)
        steady.found = {each: passages_of(stack.ask(each)[0]) for each in questions}
        # What refuses to answer is not kept, and would be answered anew each time.
        kept = [q for q in questions if stack.ask(q)[0]["served_by"]["cache"] == "hit"]
        say(f"{len(kept)} of {len(questions)} questions are known; {len(more)} documents come.")
        with ThreadPoolExecutor(1) as pool:
            intake = pool.submit(take_in, stack, more)
            while not intake.done():
                for question in kept:
                    steady.ask(question)
                    wait([intake], BETWEEN_S)
            intake.result()  # Raises what went wrong.
        beside = steady.figures()
        ready = stack.count("ready")
        for question in kept:
            steady.ask(question)
    return {
        "documents_before": len(first),
        "documents_taken_in_beside": len(more),
        "ready_at_the_end": ready,
        "questions": len(kept),
        **beside,
        "needless": sorted(set(steady.needless)),
        "holds": not steady.needless and steady.known > 0,
    }


def main() -> int:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A few documents; nothing is kept.")
    quick: bool = parser.parse_args().quick
    library = corpus(quick=quick)
    first, more = library.files[::2], library.files[1::2]
    result = {"library": library.name, **measured(first, more, library.questions)}
    if quick:
        say(str(result))
        return 0 if result["holds"] else 1
    return conclude_trial(result, RESULTS / "steady.json")


if __name__ == "__main__":
    sys.exit(main())
