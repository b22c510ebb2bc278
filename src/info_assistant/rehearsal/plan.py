"""What a drill is to do: scenario, option, what is broken, and what is disturbed besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from info_assistant.errors import InvalidRequest


class Disturbance(StrEnum):
    """What goes wrong beside the outage itself."""

    SLACK_DOWN = "slack-down"
    STATUS_PAGE_DOWN = "status-page-down"
    ENGINE_KILLED = "engine-killed"


class Wanted(StrEnum):
    """What the probe has to see before an option counts as verified."""

    NEW = "new questions are answered"
    KNOWN = "questions that were answered before are answered"
    CLOSED = "the service says that it is closed for maintenance"


@dataclass(frozen=True, slots=True)
class Way:
    """An option of a scenario: the fault that it is for, and what it can achieve.

    `leaves_cause` says that people are served while what broke stays broken, so that a look at the
    service still names the scenario; `external` names what only a stand-in can play on one machine;
    `by_hand` that the option is a list for people, who wait until the fault is over; `stays` that
    its change is the repair, and is not taken back (a release that was rolled back, say).
    """

    scenario: str
    number: int
    fault: str
    wanted: Wanted = Wanted.NEW
    leaves_cause: bool = False
    by_hand: bool = False
    stays: bool = False
    external: str = ""


WAYS: Sequence[Way] = (
    Way("P0-1", 1, "bad-release", stays=True),
    Way("P0-1", 2, "backends-hang"),
    Way("P0-1", 3, "load", leaves_cause=True),
    Way("P0-1", 4, "backends-hang", Wanted.CLOSED, leaves_cause=True),
    Way("P0-2", 1, "qdrant-pod-broken"),
    Way("P0-2", 2, "qdrant-data-lost"),
    Way("P0-2", 3, "qdrant-gone", leaves_cause=True, external="DNS and the second region"),
    Way("P0-3", 1, "redis-broken"),
    Way("P0-3", 2, "redis-master-gone", leaves_cause=True),
    Way("P0-3", 3, "redis-gone", leaves_cause=True),
    Way("P0-4", 1, "openai-down", by_hand=True),
    Way("P0-4", 2, "openai-down", leaves_cause=True),
    Way("P0-4", 3, "openai-down", Wanted.KNOWN, leaves_cause=True),
)
"""The options of the runbook; its own and the seed's count them alike, but for P0-1 option 4."""

USUAL: Mapping[str, int] = {"P0-1": 1, "P0-2": 1, "P0-3": 1, "P0-4": 2}
"""The option of a scenario where none is named."""

SCENARIOS = tuple(USUAL)

GIVEN: Mapping[str, str] = {
    "GOOD-REVISION": "1",
    "GOOD_REVISION": "1",
    "ZXXXXX": "Z0123456789",
    "HOSTED_ZONE_ID": "Z0123456789",
}
"""Values that a person would know, for placeholders and variables of the runbook."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A drill. `fault` replaces the way's own; `runbook` None is the one that ships."""

    way: Way
    fault: str
    disturbances: frozenset[Disturbance] = frozenset()
    runbook: Path | None = None
    given: Mapping[str, str] = field(default_factory=lambda: GIVEN)

    @property
    def name(self) -> str:
        """The drill in a few words."""
        besides = ", ".join(sorted(self.disturbances))
        return f"{self.way.scenario} option {self.way.number}" + (f", {besides}" if besides else "")


def plan_of(
    scenario: str,
    number: int | None = None,
    fault: str = "",
    disturbances: Sequence[Disturbance] = (),
    runbook: Path | None = None,
) -> Plan:
    """Return the plan of a drill. Raises InvalidRequest for what no runbook of ours has."""
    if scenario not in USUAL:
        raise InvalidRequest(f"There is no drill of {scenario}. There are {', '.join(SCENARIOS)}.")
    wanted = USUAL[scenario] if number is None else number
    for way in WAYS:
        if (way.scenario, way.number) == (scenario, wanted):
            return Plan(way, fault or way.fault, frozenset(disturbances), runbook)
    known = ", ".join(str(way.number) for way in WAYS if way.scenario == scenario)
    raise InvalidRequest(f"{scenario} has no option {wanted} that can be drilled: {known}.")
