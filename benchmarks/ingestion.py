"""Ingestion, end to end, against the embedder alone on the same passages.

How much of the raw embedder's speed is left once documents are uploaded, stored, read, split,
written to Qdrant and shown as ready? Both run warm, in processes of their own, by turns; every
ingestion starts with empty stores.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.corpus import corpus
from benchmarks.harness.processes import Companion, family_cpu_s, local_qdrant
from benchmarks.harness.report import Figure, Floor, Options, Report, conclude, options, say

RATIO = 0.90


def main() -> int:
    """Measure and report."""
    given = options(__doc__ or "")
    more = ["--quick"] if given.quick else []
    with (
        tempfile.TemporaryDirectory(prefix="bench-ingestion-") as folder,
        Companion("benchmarks.harness.raw_embedder", *more) as raw,
        Companion("benchmarks.harness.whole_way", *more) as whole,
    ):
        say("Warming up …")
        one_whole(whole, Path(folder) / "warm-up")
        return conclude(measured(given, raw, whole, Path(folder)), given)


def measured(given: Options, raw: Companion, whole: Companion, folder: Path) -> Report:
    """Run both by turns, each first in every other round."""
    raws: list[dict[str, Any]] = []
    wholes: list[dict[str, Any]] = []
    for number in range(given.rounds):
        if number % 2 == 0:
            raws.append(raw.ask())
        wholes.append(one_whole(whole, folder / str(number)))
        if number % 2 == 1:
            raws.append(raw.ask())
        assert raws[-1]["passages"] == wholes[-1]["passages"]
        say(
            f"Round {number + 1}: raw {raws[-1]['seconds']:.2f} s, "
            f"end to end {wholes[-1]['seconds']:.2f} s"
        )
    return report(raws, wholes, corpus(quick=given.quick).name)


def one_whole(whole: Companion, folder: Path) -> dict[str, Any]:
    """Take the corpus in once, into empty stores."""
    with local_qdrant(folder / "data") as qdrant:
        idle = family_cpu_s(qdrant.pid)
        result = whole.ask(folder=str(folder / "objects"), qdrant=qdrant.url)
        result["cpu_s"]["local-qdrant"] = family_cpu_s(qdrant.pid) - idle
    return result


def report(raws: list[dict[str, Any]], wholes: list[dict[str, Any]], name: str) -> Report:
    """Put the rounds together."""
    ratios = [raw["seconds"] / whole["seconds"] for raw, whole in zip(raws, wholes, strict=True)]
    ratio = Figure("raw / end to end", "x", ratios)
    passages = raws[0]["passages"]
    parts = sorted({part for whole in wholes for part in whole["cpu_s"]})
    return Report(
        "ingestion",
        {"corpus": name, "passages": passages, "rounds": len(raws)},
        [
            Figure("raw embedder", "s", [raw["seconds"] for raw in raws]),
            Figure("end to end", "s", [whole["seconds"] for whole in wholes]),
            Figure("end to end, passages", "1/s", [passages / w["seconds"] for w in wholes]),
            ratio,
            Figure("CPU, raw embedder", "s", [raw["cpu_s"] for raw in raws]),
            *(
                Figure(f"CPU, {part}", "s", [whole["cpu_s"].get(part, 0.0) for whole in wholes])
                for part in parts
            ),
        ],
        [Floor("median of raw / end to end", "x", ratio.summary()["median"], RATIO, "at least")],
        ["Same passages, threads and size of calls (64 passages, two calls at a time)."],
    )


if __name__ == "__main__":
    sys.exit(main())
