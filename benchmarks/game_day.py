"""A game day: all four P0s rehearsed in one run, with a report and pictures: `make game-day`.

Each scenario is broken for real on a machine of its own, followed by its usual option, verified by
an outside probe and told to stand-ins. All of it is written to build/game-day/, figures to
results/game-day.json, and the report to docs/game-day.md with docs/pictures/game-day-*.svg.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.report import RESULTS, ROOT, machine, say
from benchmarks.harness.trials import conclude_trial

from info_assistant.cli.rehearse import rehearsed
from info_assistant.errors import InfoAssistantError
from info_assistant.rehearsal.picture import timeline
from info_assistant.rehearsal.plan import SCENARIOS, Plan, plan_of
from info_assistant.rehearsal.report import Report, page

BUILD = ROOT / "build" / "game-day"
DOCS = ROOT / "docs"
MOST_S = 15 * 60.0
"""How long all four may take together."""

_MILESTONES = {
    "detected": "named after",
    "acted": "acted after",
    "mitigated": "served after",
    "resolved": "all-clear after",
}


@dataclass(frozen=True)
class Rehearsed:
    """A drill, and how long it took in seconds, with the start of its machine."""

    report: Report
    took_s: float

    @property
    def name(self) -> str:
        """What its files are called."""
        return self.report.plan.way.scenario.lower()

    def figures(self) -> dict[str, Any]:
        """Return what is kept of it: all but the probe's samples and the words of messages."""
        data = self.report.data()
        told = data.pop("told")
        data["samples"] = len(data["samples"])
        to = sorted({each["receiver"] for each in told})
        return {**data, "told": len(told), "told_to": to, "took_s": round(self.took_s, 1)}


def rehearse(plan: Plan, keep: Path) -> Rehearsed:
    """Carry a drill out and keep its report in a folder, in place of what is there."""
    began = time.monotonic()
    shutil.rmtree(keep, ignore_errors=True)
    report = rehearsed(plan, lambda words: say(f"{plan.name}: {words}"), keep)
    return Rehearsed(report, time.monotonic() - began)


def lines_of(drills: Sequence[Rehearsed], pictures: str) -> Iterator[str]:
    """Yield the report as Markdown; `pictures` is where pictures are, as seen from it."""
    minutes = sum(each.took_s for each in drills) / 60
    held = sum(each.report.holds for each in drills)
    yield "# The last game day\n"
    yield (
        f"Written by `make game-day` on {time.strftime('%Y-%m-%d')}: {held} of {len(drills)} "
        f"drills held, in {minutes:.1f} min, on {machine()['cores']} cores. Faults, engine, "
        "kubectl, backends, Redis and the local Qdrant are real; the cluster is simulated, people "
        "and providers of models are stand-ins (docs/incidents.md, Rehearsals). Downtime is what a "
        "reader outside saw who asked each second.\n"
    )
    heads = ["drill", "fault", "named", "helped", "downtime", "for a known question"]
    heads += [*_MILESTONES.values(), "messages"]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for each in drills:
        yield f"| {' | '.join(_cells(each.report))} |"
    for each in drills:
        yield f"\n## {each.report.plan.name}: {each.report.plan.fault}\n"
        yield f"![Timeline of {each.report.plan.name}]({pictures}{each.name}.svg)\n"
        yield "```"
        yield from page(each.report)
        yield "```"


def _cells(report: Report) -> Iterator[str]:
    yield report.plan.name
    yield report.plan.fault
    yield " and ".join(report.named) or "nothing"
    yield "verified" if report.verified else "NOT VERIFIED"
    yield f"{report.downtime_s:.1f} s"
    yield f"{report.known_downtime_s:.1f} s"
    for name in _MILESTONES:
        seconds = report.since_fault_s(name)
        yield "never" if seconds is None else f"{seconds:.1f} s"
    yield str(len(report.told))


def main() -> int:
    """Rehearse all four, write the report, and keep what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Such as P0-2; nothing is kept in docs then.")
    only: str = parser.parse_args().only
    drills, problems = [], []
    for plan in (plan_of(each) for each in SCENARIOS if only in each):
        try:
            drills.append(rehearse(plan, BUILD / plan.way.scenario.lower()))
        except InfoAssistantError as problem:
            problems.append(f"{plan.name}: {problem.message}")
            say(problems[-1])
            continue
        (BUILD / f"{drills[-1].name}.svg").write_text(timeline(drills[-1].report))
        (BUILD / "report.md").write_text("\n".join(lines_of(drills, "")) + "\n")
    took = sum(each.took_s for each in drills)
    result = {
        "what": "all four P0s in one run, each by its usual option of our runbook",
        "took_s": round(took, 1),
        "problems": problems,
        "holds": took <= MOST_S and not problems and all(each.report.holds for each in drills),
        "drills": [each.figures() for each in drills],
    }
    if only:
        print(json.dumps(result, indent=1))
        return 0 if result["holds"] else 1
    for each in drills:
        (DOCS / "pictures" / f"game-day-{each.name}.svg").write_text(timeline(each.report))
    text = "\n".join(lines_of(drills, "pictures/game-day-")) + "\n"
    (DOCS / "game-day.md").write_text(text)
    return conclude_trial(result, RESULTS / "game-day.json")


if __name__ == "__main__":
    sys.exit(main())
