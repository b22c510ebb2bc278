"""Every fault with everything that the product depends on, each seen from outside.

Two real backends behind a balancer, models write the answers, and a fault proxy stands before each
dependency. For each cell questions are asked while it is broken, and again until all is well: how
they ended, how long the slowest took, how long recovery took, and how often the fault was met. A
cell that cannot be tried says why. A run of some cells replaces what the results file says of
those; once every cell was tried, docs/fault-matrix.md is written.

    python benchmarks/matrix.py [--only redis] [--only "qdrant:refused"] [--quick]
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.fault_cells import CELLS, DEPENDENCIES, Cell
from benchmarks.harness.fault_drills import Found, ask, found, seconds_until
from benchmarks.harness.fault_stand import Equipment, Stand, fault_stand
from benchmarks.harness.fault_trial import is_well_now, until_well
from benchmarks.harness.report import QUICK_RESULTS, RESULTS, ROOT, machine, say
from benchmarks.harness.stand_faults import Proof
from rich.console import Console
from rich.progress import track

QUICK_CELLS = ("redis:reply lost after its effect", "qdrant:HTTP 503", "openai:model: cut stream")
LATEST_S = 30.25
"""The deadline of a question and a quarter of a second."""
RECOVERY_S = 40.0
"""A breaker that opened for good reason stays open for up to 30 s."""
_AT_ONCE = 2
_FILE = "matrix.json"
_BROKEN_S = 3.0
_PAGE = ROOT / "docs" / "fault-matrix.md"


@dataclass(frozen=True, slots=True)
class Tried:
    """A cell and what was found; None where there is nothing to try."""

    cell: Cell
    found: Found | None

    @property
    def wrong(self) -> str:
        """What is not as it has to be, "" where all is."""
        if self.found is None:
            return "" if self.cell.reason else "no reason given"
        outcomes = [each for each in self.found.outcomes if each not in self.cell.allowed]
        if outcomes:
            return f"ended as {', '.join(outcomes)}"
        if self.found.fired < 1:
            return "was never met"
        if self.found.latency_s > LATEST_S:
            return "past the deadline"
        return "" if self.found.recovery_s <= RECOVERY_S else "did not recover"

    def as_json(self) -> dict[str, Any]:
        """Return all that is kept of it."""
        kept = {"fault": self.cell.fault, "dependency": self.cell.dependency, "wrong": self.wrong}
        return kept | (asdict(self.found) if self.found else {"n/a": self.cell.reason})


@dataclass(slots=True)
class Matrix:
    """What has been found so far, by dependency and fault, and the folder where it is kept."""

    results: Path
    found: dict[tuple[str, str], Found]
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)

    @classmethod
    def kept(cls, results: Path) -> "Matrix":
        """Return what earlier runs found."""
        path = results / _FILE
        rows = json.loads(path.read_bytes())["matrix"] if path.exists() else []
        names = {each.name for each in fields(Found)}
        return cls(
            results,
            {
                (row["dependency"], row["fault"]): Found(**{name: row[name] for name in names})
                for row in rows
                if "outcomes" in row
            },
        )

    @property
    def path(self) -> Path:
        """The file where it is kept."""
        return self.results / _FILE

    @property
    def rows(self) -> Sequence[Tried]:
        """Every cell that was tried or cannot be, column by column."""
        tried = [Tried(cell, self.found.get((cell.dependency, cell.fault))) for cell in ordered()]
        return [each for each in tried if each.found or each.cell.reason]

    @property
    def is_whole(self) -> bool:
        """Whether every cell was tried that can be."""
        return len(self.rows) == len(CELLS)

    def add(self, cell: Cell, found: Found) -> None:
        """Take in what was found, and keep all: whoever stops a long run loses nothing."""
        self.found[cell.dependency, cell.fault] = found
        rows = self.rows
        content = {
            "name": "matrix",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "load_average": {"before": self.load_before, "after": os.getloadavg()},
            "cells": len(rows),
            "tried": sum(each.found is not None for each in rows),
            "holds": self.is_whole and not any(each.wrong for each in rows),
            "matrix": [each.as_json() for each in rows],
        }
        self.results.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=1) + "\n")


def ordered() -> Sequence[Cell]:
    """Return all cells, column by column."""
    return sorted(CELLS, key=lambda cell: DEPENDENCIES.index(cell.dependency))


def main() -> int:
    """Try the cells and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", help="a dependency, or dependency:fault")
    parser.add_argument("--quick", action="store_true", help="three cells, to see that it works")
    parser.add_argument("--results", type=Path, help="folder for the JSON file")
    given = parser.parse_args()
    # Whoever stops us politely finds every process of ours gone.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = given.only or (QUICK_CELLS if given.quick else ())
    cells = [each for each in ordered() if not wanted or _is_wanted(each, wanted)]
    matrix = Matrix.kept(given.results or (QUICK_RESULTS if given.quick else RESULTS))
    with suppress(KeyboardInterrupt):
        asyncio.run(try_all(cells, matrix))
    if matrix.is_whole and not given.results:
        _PAGE.write_text(page(matrix.rows), encoding="utf-8")
    print(table(matrix.rows))
    say(f"Written to {matrix.path}")
    return 0 if not any(each.wrong for each in matrix.rows) else 1


def _is_wanted(cell: Cell, wanted: Sequence[str]) -> bool:
    return cell.dependency in wanted or f"{cell.dependency}:{cell.fault}" in wanted


async def try_all(cells: Sequence[Cell], matrix: Matrix) -> None:
    """Try the cells, column by column, and keep each as it is done."""
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        async with fault_stand(Path(folder), Equipment(with_models=True)) as stand:
            for cell in track(cells, "Matrix", console=Console(stderr=True)):
                await prefer(stand, "anthropic" if cell.dependency == "anthropic" else None)
                tried = Tried(cell, await try_one(stand, cell))
                if tried.found:
                    matrix.add(cell, tried.found)
                    say(_line(tried, tried.found))


async def prefer(stand: Stand, provider: str | None) -> None:
    """Let this provider be asked first, by every backend."""
    wanted = [] if provider is None else [provider]

    async def in_force() -> bool:
        modes = [(await stand.health(number))["modes"] for number in range(len(stand.urls))]
        return all([mode["value"] for mode in each] == wanted for each in modes)

    if await in_force():
        return
    order = {"LLM_PROVIDER": provider, "reason": "The matrix of faults"}
    (await stand.client.put(f"{stand.urls[0]}/v1/admin/modes", json=order)).raise_for_status()
    await seconds_until(in_force)


async def try_one(stand: Stand, cell: Cell) -> Found | None:
    """Try a cell, and leave the stand as it was."""
    if cell.reason:
        return None
    await until_well(stand)
    if cell.drill:
        return await cell.drill(stand)
    assert cell.in_force
    async with cell.in_force(stand.around, _BROKEN_S) as fired:
        async with asyncio.TaskGroup() as group:
            first = [group.create_task(ask(stand)) for _ in range(_AT_ONCE)]
        answers = [each.result() for each in first]
        # Some are met by the background alone, once a look or a probe is due.
        await _until_met(fired)
        answers += [await ask(stand), await ask(stand)]
        met = await fired()

    async def well() -> bool:
        states = [await is_well_now(stand, number, cell.dependency) for number in (0, 1)]
        outcomes = [(await ask(stand, url)).outcome for url in stand.urls]
        return all(states) and set(outcomes) == {"answered"}

    recovery_s = await seconds_until(well)
    if cell.dependency == "redis" or cell.fault.startswith("model:"):
        await stand.around.restore()
    return found(answers, recovery_s, met)


async def _until_met(fired: Proof) -> None:
    """Wait until a fault has been met, for as long as the background takes to meet it."""

    async def met() -> bool:
        return await fired() > 0

    with suppress(TimeoutError):
        async with asyncio.timeout(_BROKEN_S * 2):
            await seconds_until(met)


def table(tried: Sequence[Tried]) -> str:
    """Return a line for each cell that was tried, and how many were not."""
    lines = [
        f"{'dependency':14} {'fault':40} {'outcome':44} {'slowest':>8} {'back in':>8} {'met':>5}"
    ]
    lines += [_line(each, each.found) for each in tried if each.found]
    counts = Counter(
        "wrong" if each.wrong else "n/a" if not each.found else "as it has to be" for each in tried
    )
    lines.append(", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    return "\n".join(lines)


def _line(each: Tried, seen: Found) -> str:
    return (
        f"{each.cell.dependency:14} {each.cell.fault:40} {_outcome(seen):44} "
        f"{seen.latency_s:6.2f} s {seen.recovery_s:6.1f} s {seen.fired:5} {each.wrong}"
    ).rstrip()


def _outcome(seen: Found) -> str:
    words = ", ".join(f"{outcome} {count}" for outcome, count in sorted(seen.outcomes.items()))
    return f"{words}; {seen.note}" if seen.note else words


def page(tried: Sequence[Tried]) -> str:
    """Return the page of documentation that a whole run writes."""
    run = [each for each in tried if each.found]
    lines = [
        "# The matrix of faults",
        "",
        "Written by `make matrix`: each fault of a list, with each thing we depend on. Of",
        f"{len(tried)} cells {len(run)} were tried, with real processes and a proxy below the",
        "client libraries; the others say why there is nothing to try. *Slowest*: the slowest",
        "question while it was broken. *Back in*: from its end until every backend answers as",
        "before. *Met*: how often; a fault that was never met would have shown nothing.",
        "",
        "| dependency | fault | questions ended as | slowest | back in | met |",
        "|---|---|---|---|---|---|",
    ]
    for each in tried:
        seen = each.found
        lines.append(
            f"| {each.cell.dependency} | {each.cell.fault} | "
            + (
                f"{_outcome(seen)}{' — ' + each.wrong if each.wrong else ''} | "
                f"{seen.latency_s:.2f} s | {seen.recovery_s:.1f} s | {seen.fired} |"
                if seen
                else f"n/a: {each.cell.reason} | | | |"
            )
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
