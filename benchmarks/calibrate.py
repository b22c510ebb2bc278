"""Find the evidence threshold: `python benchmarks/calibrate.py [--xquad FILE]`.

Each answerable question is asked with and without its gold documents, on the samples and on XQuAD
and on nothing else. The threshold is the lowest whose mean, over both sets, of the share answered
with gold plus the share refused without comes within 0.02 of the best.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from info_assistant.answering.making import EVIDENCE_THRESHOLD
from info_assistant.evaluation.questions import GoldQuestion, load_questions, load_xquad
from info_assistant.evaluation.run import Report, evaluate
from info_assistant.evaluation.scratch import scratch_stack

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
XQUAD = ROOT.parent / "shared" / "evaluation" / "xquad" / "xquad-en-part.json"
RESULT = Path(__file__).parent / "results" / "calibration.json"
TOLERANCE = 0.02


def main() -> int:
    """Calibrate, print the sweep and keep it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xquad", type=Path, default=XQUAD, help="XQuAD in English")
    xquad = load_xquad(parser.parse_args().xquad)
    files = [path for path in (SAMPLES / "documents").rglob("*") if path.is_file()]
    asked = [
        *load_questions(SAMPLES / "questions.jsonl"),
        *load_questions(SAMPLES / "calibration.jsonl"),
    ]
    reports = {
        "samples": measured(
            asked, {str(p.relative_to(SAMPLES / "documents")): p.read_bytes() for p in files}
        ),
        "xquad": measured(
            xquad.questions, {name: text.encode() for name, text in xquad.documents.items()}
        ),
    }
    sweep = [point(step / 100, reports) for step in range(40, 90)]
    best = max(row["mean"] for row in sweep)
    chosen = next(row for row in sweep if row["mean"] >= best - TOLERANCE)
    for row in sweep:
        mark = "  ← chosen" if row is chosen else ""
        print("  ".join(f"{name} {value:.2f}" for name, value in row.items()) + mark)
    print(f"The product uses {EVIDENCE_THRESHOLD}.")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"chosen": chosen, "sweep": sweep}, indent=1) + "\n")
    return 0 if abs(chosen["threshold"] - EVIDENCE_THRESHOLD) <= TOLERANCE else 1


def measured(questions: Sequence[GoldQuestion], files: Mapping[str, bytes]) -> Report:
    """Ask a set on a stack of its own, with and without the gold documents."""

    async def run() -> Report:
        async with scratch_stack() as stack:
            await stack.load(files)
            return await evaluate(stack, questions, gold_removed=True)

    return asyncio.run(run())


def point(threshold: float, reports: Mapping[str, Report]) -> dict[str, float]:
    """Return what a threshold would do on each set, and the mean of the sums."""
    row = {"threshold": threshold}
    sums = []
    for name, report in reports.items():
        answered = share([score >= threshold for score in report.confidences])
        refused = share([score < threshold for score in report.removed_confidences])
        row |= {f"{name} answered": answered, f"{name} refused": refused}
        sums.append(answered + refused)
    return row | {"mean": sum(sums) / len(sums)}


def share(values: Sequence[bool]) -> float:
    """Return the share of true ones."""
    return sum(values) / len(values)


if __name__ == "__main__":
    sys.exit(main())
