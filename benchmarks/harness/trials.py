"""Trials that kill: how they are started, and how they tell and keep what became of them."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness.report import machine

Trial = Callable[[Path, int], dict[str, Any]]
"""Kills so often, in a folder of its own; what it returns says in `holds` whether all was well."""


def run_kills(description: str | None, kills: int, trial: Trial, result: Path) -> int:
    """Run a trial of `--kills`, by default `kills`; return the exit code of `conclude_trial`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--kills", type=int, default=kills)
    wanted: int = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        outcome = trial(Path(folder), wanted)
    return conclude_trial(outcome, result)


def conclude_trial(outcome: dict[str, Any], result: Path) -> int:
    """Print and keep an outcome with its day and machine; return the exit code."""
    text = json.dumps(outcome | {"date": time.strftime("%Y-%m-%d"), "machine": machine()}, indent=1)
    result.write_text(text + "\n")
    print(text)
    return 0 if outcome["holds"] else 1
