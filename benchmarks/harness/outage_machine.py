"""Options of a runbook on real processes: what a machine has for each of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.option_trials import Option, Pace, Theatre

from info_assistant.cli.machine import plan
from info_assistant.drills.machine.machine import Machine
from info_assistant.drills.machine.plan import Plan
from info_assistant.drills.machine.running import running_machine

_EQUIPMENT: Mapping[str, dict[str, Any]] = {
    "P0-2 option 2": {"with_backup": True},
    "P0-2 option 3": {"second_region": True},
    # Without this Anthropic would write at once where OpenAI does not.
    "P0-4": {"with_models": True, "settings": {"LLM_FALLBACK": "false"}},
}


def plan_of(option: Option) -> Plan:
    """Return what a machine has for an option. Raises Misconfigured where a program is missing."""
    equipment: dict[str, Any] = {"with_frontend": option.name == "P0-1 option 2"}
    for name, more in _EQUIPMENT.items():
        if option.name.startswith(name):
            equipment |= more
    return plan({"start_s": 600, "rollout_s": 120, **equipment})


@contextmanager
def _staged(option: Option, folder: Path) -> Iterator[Machine]:
    with running_machine(folder, plan_of(option)) as machine:
        yield machine


MACHINE = Theatre(
    _staged,
    # As patient as people are, since it may be busy here.
    Pace(quicker=1, within_s=180, shown_s=60),
    Pace(quicker=12, within_s=15, shown_s=60),
)
"""Real processes, at the real pace."""
