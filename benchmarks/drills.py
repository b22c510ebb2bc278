"""Every option of the runbook in drills, as it is and disturbed: `make drills` (hours).

Disturbed means: Slack down, the status page down, the engine killed at its first change. Each drill
has a machine of its own. Written to results/drills.json after each, so that a run can go on.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from benchmarks.game_day import rehearse
from benchmarks.harness.report import RESULTS, ROOT
from benchmarks.harness.trials import conclude_trial

from info_assistant.errors import InfoAssistantError
from info_assistant.rehearsal.plan import WAYS, Disturbance, Plan, plan_of

RESULT = RESULTS / "drills.json"
BUILD = ROOT / "build" / "drills"
DISTURBANCES = ((), *((each,) for each in Disturbance))


def plans(only: str, runbook: Path | None) -> Iterator[Plan]:
    """Yield the drills whose name holds `only`; the seed's runbook has no option 4 of P0-1."""
    for way in WAYS:
        for disturbances in DISTURBANCES:
            plan = plan_of(way.scenario, way.number, "", disturbances, runbook)
            foreign = runbook is not None and (way.scenario, way.number) == ("P0-1", 4)
            if only in plan.name and not foreign:
                yield plan


def outcome(plan: Plan) -> dict[str, Any]:
    """Return what became of a drill; one that could not be carried out says why."""
    keep = BUILD / plan.name.replace(", ", "-").replace(" ", "-").lower()
    try:
        return {"name": plan.name, **rehearse(plan, keep).figures()}
    except InfoAssistantError as problem:
        return {"name": plan.name, "holds": False, "problem": problem.message}


def main() -> int:
    """Carry them out one after the other; what was tried earlier and is not now stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="Such as 'P0-2 option 1' or 'slack-down'.")
    parser.add_argument("--missing", action="store_true", help="Only those without a good result.")
    parser.add_argument("--runbook", type=Path, help="Another runbook than ours; nothing is kept.")
    given = parser.parse_args()
    kept: dict[str, dict[str, Any]] = {}
    if RESULT.is_file() and given.runbook is None:
        kept = {each["name"]: each for each in json.loads(RESULT.read_text())["drills"]}
    code = 0
    for plan in plans(given.only, given.runbook):
        if given.missing and kept.get(plan.name, {}).get("holds"):
            continue
        kept[plan.name] = outcome(plan)
        found = [kept[each.name] for each in plans("", given.runbook) if each.name in kept]
        result = {
            "what": "options of the runbook in drills, as they are and disturbed",
            "held": sum(each["holds"] for each in found),
            "tried": len(found),
            "holds": all(each["holds"] for each in found),
            "drills": found,
        }
        if given.runbook is None:
            code = conclude_trial(result, RESULT)
        else:
            print(json.dumps(kept[plan.name], indent=1), flush=True)
            code = 0 if result["holds"] else 1
    return code


if __name__ == "__main__":
    sys.exit(main())
