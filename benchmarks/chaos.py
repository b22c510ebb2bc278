"""Break what the backends depend on, one thing after the other, while twenty people ask.

Two backends behind a round-robin balancer; each fault has four phases: all is well for 60 s, it is
broken for 90 s, mended, 60 s, and well again for 60 s. Faults are below the client libraries and
count how often they were met. Wall-clock figures mean something on a quiet machine only: the load
average is kept beside them.

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
    """What has been found so far; it is written after each fault."""

    plan: Plan
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def write(self) -> Path:
        """Keep it as JSON."""
        self.plan.results.mkdir(parents=True, exist_ok=True)
        path = self.plan.results / "chaos.json"
        content = {
            "name": "chaos",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": self.plan.quick,
            "machine": machine(),
            "load_average": {"before": self.load_before, "after": os.getloadavg()},
            "planned": len(self.plan.faults),
            "faults": self.faults,
            "holds": self.holds,
        }
        path.write_text(json.dumps(content, indent=2) + "\n")
        return path

    @property
    def holds(self) -> bool:
        """Whether every fault was tried and everything held."""
        return len(self.faults) == len(self.plan.faults) and all(
            each["holds"] for each in self.faults
        )


def main() -> int:
    """Try every fault and report."""
    plan = planned()
    # Whoever stops us politely finds every process of ours gone.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcome = Outcome(plan)
    with suppress(KeyboardInterrupt):
        asyncio.run(try_all(plan, outcome))
    say(f"Written to {outcome.write()}")
    print(table(outcome.faults))
    return 0 if outcome.holds or plan.quick else 1


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
                label = f"{fault.dependency}: {fault.name}"

                def tell(phase: Phase | None, label: str = label) -> None:
                    progress.update(whole, description=f"{label}: {phase or 'warming up'}")

                habits = Habits(repeats=fault.known_only)
                async with asyncio.TaskGroup() as group:
                    ticking = group.create_task(_tick(progress, whole, plan.pace.whole_s))
                    trial = await run_trial(stand, fault, plan.pace, habits, tell)
                    ticking.cancel()
                outcome.faults.append(as_json(trial, figures_of(trial)))
                outcome.write()
                say(table(outcome.faults[-1:]).splitlines()[-1])


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
        f"{fault['dependency']}: {fault['name']}",
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
