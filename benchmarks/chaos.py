"""Break what the backends depend on, one thing after the other, while twenty people ask.

Two backends behind a round-robin balancer; each fault has four phases: all is well for 60 s, it is
broken for 90 s, mended, 60 s, and well again for 60 s. Faults are below the client libraries and
count how often they were met. Wall-clock figures mean something on a quiet machine only: the load
average is kept beside them. A run of some faults replaces what the results file says of those.

    python benchmarks/chaos.py [--only redis] [--only qdrant:paused] [--quick]
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.askers import Habits
from benchmarks.harness.fault_judge import as_json, figures_of
from benchmarks.harness.fault_stand import Equipment, fault_stand
from benchmarks.harness.fault_trial import Pace, Phase, run_trial
from benchmarks.harness.report import QUICK_RESULTS, RESULTS, machine, say
from benchmarks.harness.stand_faults import STAND_FAULTS, StandFault
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

QUICK = Pace(2.0, 4.0, 30.0, 1.0, warm_up_s=1.0, ends_early=True)
_FILE = "chaos.json"
QUICK_FAULTS = ("redis:hung", "qdrant:killed")
_COLUMNS = ("fault", "fired", "asked", "failed", "p99 before → fault", "known after", "recovery",
            "memory", "CPU", "log/question", "")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """Which faults are tried, how long each, and where the result goes."""

    faults: Sequence[StandFault]
    pace: Pace
    quick: bool
    results: Path


@dataclass(slots=True)
class Outcome:
    """What has been found so far, by fault; it is written after each."""

    plan: Plan
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def kept(cls, plan: Plan) -> "Outcome":
        """Return what an earlier run found of the faults that this one does not try."""
        path = plan.results / _FILE
        before = json.loads(path.read_bytes())["faults"] if path.exists() else []
        tried = {label(each.dependency, each.name) for each in plan.faults}
        found = {label(each["dependency"], each["name"]): each for each in before}
        return cls(plan, {name: each for name, each in found.items() if name not in tried})

    def add(self, found: dict[str, Any], load_before: tuple[float, float, float]) -> None:
        """Take in what was found of a fault, and keep all as JSON."""
        measured = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "load_average": {"before": load_before, "after": os.getloadavg()},
        }
        self.faults[label(found["dependency"], found["name"])] = measured | found
        self.write()

    @property
    def rows(self) -> Sequence[dict[str, Any]]:
        """What was found, in the order of the table of faults."""
        order = [label(each.dependency, each.name) for each in STAND_FAULTS]
        return [self.faults[each] for each in order if each in self.faults]

    def write(self) -> Path:
        """Keep it as JSON."""
        self.plan.results.mkdir(parents=True, exist_ok=True)
        path = self.plan.results / _FILE
        content = {
            "name": "chaos",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": self.plan.quick,
            "machine": machine(),
            "planned": len(STAND_FAULTS),
            "faults": self.rows,
            "holds": self.holds,
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path

    @property
    def holds(self) -> bool:
        """Whether every fault was tried and everything held."""
        return len(self.rows) == len(STAND_FAULTS) and all(each["holds"] for each in self.rows)


def main() -> int:
    """Try every fault and report."""
    plan = planned()
    # Whoever stops us politely finds every process of ours gone.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcome = Outcome.kept(plan)
    with suppress(KeyboardInterrupt):
        asyncio.run(try_all(plan, outcome))
    say(f"Written to {outcome.write()}")
    print(table(outcome.rows))
    return 0 if plan.quick or all(each["holds"] for each in outcome.rows) else 1


def planned() -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="a dependency, or dependency:fault")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it works")
    parser.add_argument("--scale", type=float, default=1.0, help="phases so many times as long")
    parser.add_argument("--results", type=Path, help="folder for the JSON file")
    given = parser.parse_args()
    wanted = given.only or (QUICK_FAULTS if given.quick else ())
    faults = [each for each in STAND_FAULTS if not wanted or _is_wanted(each, wanted)]
    if not faults:
        parser.error("no fault is called so")
    whole = Pace()
    scaled = (whole.baseline_s, whole.fault_s, whole.recovery_s, whole.steady_s)
    pace = QUICK if given.quick else Pace(*(seconds * given.scale for seconds in scaled))
    short = given.quick or given.scale < 1
    return Plan(faults, pace, short, given.results or (QUICK_RESULTS if short else RESULTS))


def _is_wanted(fault: StandFault, wanted: Sequence[str]) -> bool:
    return fault.dependency in wanted or f"{fault.dependency}:{fault.name}" in wanted


async def try_all(plan: Plan, outcome: Outcome) -> None:
    """Try the faults, those of providers at a stand where models write the answers."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        whole = progress.add_task("", total=plan.pace.whole_s * len(plan.faults))
        for with_models in (False, True):
            faults = [each for each in plan.faults if _needs_models(each) is with_models]
            if faults:
                await try_at_a_stand(faults, plan, outcome, (progress, whole))


def _needs_models(fault: StandFault) -> bool:
    return fault.dependency not in {"redis", "qdrant"}


async def try_at_a_stand(
    faults: Sequence[StandFault],
    plan: Plan,
    outcome: Outcome,
    bar: tuple[Progress, TaskID],
) -> None:
    """Set up a stand and try these faults at it, one after the other."""
    progress, whole = bar
    equipment = Equipment(with_models=_needs_models(faults[0]))
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        progress.update(whole, description="setting up")
        async with fault_stand(Path(folder), equipment) as stand:
            for fault in faults:
                name, load_before = label(fault.dependency, fault.name), os.getloadavg()

                def tell(phase: Phase | None, name: str = name) -> None:
                    progress.update(whole, description=f"{name}: {phase or 'warming up'}")

                habits = Habits(repeats=fault.known_only)
                async with asyncio.TaskGroup() as group:
                    ticking = group.create_task(_tick(progress, whole, plan.pace.whole_s))
                    trial = await run_trial(stand, fault, plan.pace, habits, tell)
                    ticking.cancel()
                outcome.add(as_json(trial, figures_of(trial)), load_before)
                say(table([outcome.faults[name]]).splitlines()[-1])


def label(dependency: str, name: str) -> str:
    """Return what a fault is called."""
    return f"{dependency}: {name}"


async def _tick(progress: Progress, whole: TaskID, seconds: float) -> None:
    for _ in range(int(seconds)):
        await asyncio.sleep(1)
        progress.advance(whole)


def table(faults: Sequence[dict[str, Any]]) -> str:
    """Return a line for each fault."""
    rows = [_COLUMNS, *(_row(each) for each in faults)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(fault: dict[str, Any]) -> Sequence[str]:
    found = fault["figures"]
    broken = [each["what"] for each in fault["floors"] if not each["holds"]]
    opened = found["opened_s"]
    return (
        label(fault["dependency"], fault["name"]),
        str(found["fired"]),
        str(found["asked"]),
        str(sum(found["failed"].values())),
        f"{found['p99_before_ms']:.0f} → {found['p99_fault_ms']:.0f} ms",
        "never" if opened is None else f"{opened:.1f} s",
        f"{found['recovery_s']:.1f} s",
        f"{found['rss_times']:.2f} x",
        f"{found['cpu_times']:.2f} x",
        f"{found['log_bytes']:.0f} B",
        "holds" if not broken else "DOES NOT HOLD: " + ", ".join(broken),
    )


if __name__ == "__main__":
    sys.exit(main())
