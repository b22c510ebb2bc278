"""When the next word is due: as often as the runbook promises, and at once when things change."""

import re
from collections.abc import Iterator

from info_assistant.runbooks.clock import Instant, elapsed_along_s
from info_assistant.runbooks.model import BlockKind, Role, Runbook
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident, Status

DEFAULT_S = 15 * 60
"""How often people are told where the runbook does not say."""

_EVERY = re.compile(r"every (\d+) ?min|\[TIME \+ (\d+) ?min", re.IGNORECASE)


def template_of(runbook: Runbook, scenario: str) -> str:
    """Return the template of a scenario as it is written; empty where it has none."""
    found = runbook.scenario(scenario) if scenario else None
    for section in found.sections if found else ():
        if section.role is Role.COMMUNICATION:
            for block in section.blocks():
                if block.kind is BlockKind.TEMPLATE:
                    return block.text
    return ""


def interval_s(runbook: Runbook, scenario: str) -> int:
    """Return how often people are told of an incident, in seconds."""
    found = _EVERY.search(template_of(runbook, scenario))
    return int(found[1] or found[2]) * 60 if found else DEFAULT_S


def due_word(incident: Incident, runbook: Runbook, now: Instant) -> str | None:
    """Return which word is due: opened, update, mitigated, resolved; None where there is none.

    After a pause it is one word, not one for each that was missed.
    """
    if not incident.events:
        return None
    told = list(_told(incident))
    last = told[-1] if told else None
    for status, word in ((Status.RESOLVED, "resolved"), (Status.MITIGATED, "mitigated")):
        reached = incident.status is status or (
            status is Status.RESOLVED and incident.status is Status.CLOSED
        )
        if reached:
            if not any(event.data.get("what") == word for event in told):
                return word
            break
    if incident.status in {Status.RESOLVED, Status.CLOSED}:
        return None
    if last is None:
        return "opened"
    since = [event.moment for event in incident.events[incident.events.index(last) :]]
    if elapsed_along_s([*since, now]) >= interval_s(runbook, incident.scenario):
        return "update"
    return None


def _told(incident: Incident) -> Iterator[Event]:
    return (event for event in incident.events if event.kind == Kind.TOLD and "what" in event.data)
