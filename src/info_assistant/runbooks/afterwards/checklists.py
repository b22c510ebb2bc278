"""The lists of the runbook for 1 hour, 24 hours and 1 week after an incident, with reminders."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.runbooks.clock import Instant, elapsed_along_s
from info_assistant.runbooks.model import Role, Runbook
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, Status

_WITHIN = re.compile(r"within (?:an?|(\d+)) (hour|day|week)s?", re.IGNORECASE)
_UNITS_S = {"hour": 3600, "day": 86_400, "week": 604_800}


@dataclass(frozen=True, slots=True)
class Checklist:
    """A list of things to do, within so many seconds after the incident was resolved."""

    title: str
    within_s: int
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reminder:
    """What is to be said of a list; `cause` names list and occasion."""

    cause: str
    title: str
    text: str


def checklists_of(runbook: Runbook, scenario: str) -> list[Checklist]:
    """Return the lists of a scenario; where it has none, those of the first one that has."""
    wanted = [each for each in runbook.scenarios if each.code == scenario]
    for each in [*wanted, *runbook.scenarios]:
        found = [
            Checklist(
                step.title.replace("**", "").strip(" :"),
                int(within[1] or 1) * _UNITS_S[within[2].lower()],
                [note.text for note in step.notes],
            )
            for section in each.sections
            if section.role is Role.AFTERWARDS
            for step in section.steps
            if (within := _WITHIN.search(step.title))
        ]
        if found:
            return sorted(found, key=lambda one: one.within_s)
    return []


def done_items(incident: Incident) -> set[str]:
    """Return the items that somebody has ticked."""
    return {
        str(event.data.get("item"))
        for event in incident.events
        if event.kind == Kind.CHECKED and "item" in event.data
    }


def due_reminder(incident: Incident, runbook: Runbook, now: Instant) -> Reminder | None:
    """Return what is to be said now: each list once when the incident is resolved, and once more
    when its time is over and something of it is open.
    """  # noqa: D205  One sentence.
    if incident.status not in {Status.RESOLVED, Status.CLOSED}:
        return None
    at = next(n for n, e in enumerate(incident.events) if e.kind in {Kind.RESOLVED, Kind.CLOSED})
    passed = elapsed_along_s([*(event.moment for event in incident.events[at:]), now])
    said = {event.data.get("list") for event in incident.events if event.kind == Kind.REMINDED}
    done = done_items(incident)
    for number, each in enumerate(checklists_of(runbook, incident.scenario), start=1):
        left = [item for item in each.items if item not in done]
        for occasion, due in (("begin", True), ("end", passed >= each.within_s)):
            cause = f"list-{number}-{occasion}"
            if due and left and cause not in said:
                head = each.title if occasion == "begin" else f"Still open: {each.title}"
                lines = "\n".join(f"- [ ] {item}" for item in left)
                return Reminder(cause, head, f"**{head}**\n{lines}")
    return None
