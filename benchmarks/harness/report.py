"""A result: its figures, whether they hold, where they were measured; as JSON and as a table."""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
QUICK_RESULTS = ROOT / "build" / "benchmarks"
ROUNDS = 5
"""The fewest alternating rounds that a ratio is taken from."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured in each round."""

    what: str
    unit: str
    rounds: Sequence[float]

    def summary(self) -> dict[str, Any]:
        """Return the figure with its spread, as JSON values."""
        return {
            "what": self.what,
            "unit": self.unit,
            "min": round(min(self.rounds), 4),
            "median": round(statistics.median(self.rounds), 4),
            "max": round(max(self.rounds), 4),
            "rounds": [round(value, 4) for value in self.rounds],
        }


@dataclass(frozen=True, slots=True)
class Floor:
    """A promise: `measured` must be at least, or at most, `limit`."""

    what: str
    unit: str
    measured: float
    limit: float
    sense: Literal["at least", "at most"]

    @property
    def holds(self) -> bool:
        """Whether the promise is kept."""
        if self.sense == "at least":
            return self.measured >= self.limit
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's outcome; `setting` says what was measured, `notes` what to know of it."""

    name: str
    setting: Mapping[str, Any]
    figures: Sequence[Figure]
    floors: Sequence[Floor]
    notes: Sequence[str] = ()
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)


@dataclass(frozen=True, slots=True)
class Options:
    """What every benchmark can be told. `quick` only shows that it works; its figures say nothing.

    `passages` is how large the library is where that can be chosen.
    """

    quick: bool
    rounds: int
    results: Path
    passages: int


def options(description: str) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it works")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--results", type=Path, help="folder for the JSON files")
    parser.add_argument("--passages", type=int, default=10_000, help="default: 10000")
    given = parser.parse_args()
    # Whoever stops us politely finds every process of ours gone.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = given.results or (QUICK_RESULTS if given.quick else RESULTS)
    return Options(given.quick, 2 if given.quick else given.rounds, results, given.passages)


def say(words: str) -> None:
    """Tell whoever waits how far we are."""
    print(words, file=sys.stderr, flush=True)


def conclude(report: Report, given: Options) -> int:
    """Write the JSON, print the table and return the exit code: 1 if a promise is broken."""
    holds = all(floor.holds for floor in report.floors)
    given.results.mkdir(parents=True, exist_ok=True)
    path = given.results / f"{report.name}.json"
    path.write_text(json.dumps(_as_json(report, given, holds=holds), indent=2) + "\n")
    print(_table(report))
    say(f"Written to {path}")
    # A quick run's figures say nothing about the product.
    return 0 if holds or given.quick else 1


def _as_json(report: Report, given: Options, *, holds: bool) -> dict[str, Any]:
    return {
        "name": report.name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": given.quick,
        "machine": machine(),
        "load_average": {"before": report.load_before, "after": os.getloadavg()},
        "setting": dict(report.setting),
        "figures": [figure.summary() for figure in report.figures],
        "floors": [asdict(floor) | {"holds": floor.holds} for floor in report.floors],
        "holds": holds,
        "notes": list(report.notes),
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _table(report: Report) -> str:
    lines = [f"\n{report.name}: {', '.join(f'{k} {v}' for k, v in report.setting.items())}"]
    names = [figure.what for figure in report.figures] + [floor.what for floor in report.floors]
    width = max(map(len, names))
    lines.append(f"  {'':{width}}  {'min':>10} {'median':>10} {'max':>10}")
    for figure in report.figures:
        row = figure.summary()
        numbers = " ".join(f"{row[key]:>10,.3f}" for key in ("min", "median", "max"))
        lines.append(f"  {figure.what:{width}}  {numbers} {figure.unit}")
    for floor in report.floors:
        verdict = "holds" if floor.holds else "DOES NOT HOLD"
        lines.append(
            f"  {floor.what:{width}}  {floor.measured:>10,.3f} {floor.unit}, to be {floor.sense} "
            f"{floor.limit:,.3f}: {verdict}"
        )
    return "\n".join([*lines, *(f"  {note}" for note in report.notes)])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0…1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]
