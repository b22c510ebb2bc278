"""Each option of the seed's runbook, by the incident engine: `make options`, `… options-machine`.

Every option is tried three times: where it works, where it does not help, and where the engine is
killed right after its first change and goes on. kubectl, the engine and its record are real.

Without `--machine` the cluster is simulated and the service in it is a model
(`harness/outage_world.py`); written to results/options.json. With it the pods are real processes of
this machine, the faults are real and a reader asks from outside (`harness/outage_machine.py`);
written to results/options-machine.json after each trial.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.harness.option_trials import UNHELPFUL, VARIANTS, WORKS, Option, Outcome, trial
from benchmarks.harness.outage_machine import MACHINE
from benchmarks.harness.outage_world import MODEL
from benchmarks.harness.trials import conclude_trial

from info_assistant.drills.machine.faults import (
    BackupDamaged,
    DataLost,
    Hung,
    Killed,
    PromotionRefused,
    ProviderFails,
    Released,
    TooBusy,
    ZoneRefused,
)
from info_assistant.drills.provider_faults import Behaviour

SEED = Path(__file__).parents[2] / "shared" / "seed" / "P0-INCIDENTS.md"
RESULTS = Path(__file__).parent / "results"

OPTIONS = (
    Option("P0-1", 1, Released("bad:2"), (Killed("backend"),)),
    Option("P0-1", 2, Hung("backend"), (Killed("backend"),)),
    Option("P0-1", 3, TooBusy(), (TooBusy(hopeless=True),)),
    Option("P0-2", 1, Hung("qdrant-0"), (Killed("qdrant-0"),)),
    Option("P0-2", 2, DataLost(), (BackupDamaged(),)),
    Option("P0-2", 3, Killed("qdrant"), (ZoneRefused(),)),
    Option("P0-3", 1, Hung("redis"), (Killed("redis"),)),
    Option("P0-3", 2, Killed("redis-0"), (PromotionRefused(),)),
    Option("P0-3", 3, Killed("redis"), (Killed("backend"),)),
    Option("P0-4", 1, ProviderFails("openai"), by_hand=ProviderFails("openai", Behaviour.WELL)),
    Option("P0-4", 2, ProviderFails("openai"), (ProviderFails("anthropic"),)),
    Option("P0-4", 3, ProviderFails("openai"), (Killed("redis"),)),
)


def wanted(only: str) -> Iterator[tuple[Option, str]]:
    """Yield the trials whose name holds `only`."""
    for option in OPTIONS:
        for variant in VARIANTS:
            if only in f"{option.name} {variant}":
                yield option, variant


def tried(option: Option, variant: str, *, machine: bool) -> Outcome:
    """Return what became of one trial, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = trial(option, variant, Path(folder), SEED, MACHINE if machine else MODEL)
    print(outcome.option, variant, outcome.ends, outcome.serves, outcome.holds, flush=True)
    return outcome


def summary(outcomes: Sequence[dict[str, Any]], *, machine: bool) -> dict[str, Any]:
    """Return what is kept of all trials."""
    good = [each for each in outcomes if each["variant"] == WORKS]
    unhelpful = [each for each in outcomes if each["variant"] == UNHELPFUL]
    where = "real processes of one machine" if machine else "the cluster simulator"
    return {
        "what": f"the seed's runbook, by the engine, on {where}",
        "works_and_serves": sum(each["serves"] for each in good),
        "of": len(good),
        "does_not_help_and_the_run_says_so": sum(each["ends"] == "stopped" for each in unhelpful),
        "holds": all(each["holds"] for each in outcomes),
        "outcomes": outcomes,
    }


def on_machine(only: str) -> int:
    """Try real options; what was tried earlier and is not tried now stays in the results."""
    path = RESULTS / "options-machine.json"
    kept = {}
    if only and path.is_file():
        earlier = json.loads(path.read_text())["outcomes"]
        kept = {(each["option"], each["variant"]): each for each in earlier}
    code = 0
    for option, variant in wanted(only):
        began = time.monotonic()
        outcome = asdict(tried(option, variant, machine=True))
        kept[option.name, variant] = {**outcome, "took_s": round(time.monotonic() - began, 1)}
        order = [(o.name, v) for o, v in wanted("") if (o.name, v) in kept]
        code = conclude_trial(summary([kept[each] for each in order], machine=True), path)
    return code


def main() -> int:
    """Try all of them and keep what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Such as 'P0-2 option 1'.")
    parser.add_argument("--machine", action="store_true", help="On real processes.")
    given = parser.parse_args()
    if given.machine:
        return on_machine(given.only)
    outcomes = [asdict(tried(*each, machine=False)) for each in wanted(given.only)]
    result = summary(outcomes, machine=False)
    if given.only:
        print(json.dumps(result, indent=1))
        return 0 if result["holds"] else 1
    return conclude_trial(result, RESULTS / "options.json")


if __name__ == "__main__":
    sys.exit(main())
