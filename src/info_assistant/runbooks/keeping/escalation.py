"""Who is called when: a pure function of the record, the runbook's tiers and the moment.

The clock of escalation runs while nobody has said that they care: from the opening to an
acknowledgement, and on from there after a handing over. A tier is reached at its first minute. What
was reached during a pause is one call: everybody who should have been called, once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.runbooks.clock import Instant, elapsed_along_s
from info_assistant.runbooks.model import Contact, Runbook, Tier
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, Status


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is due: the tier, counted from 0, and the contacts nobody has called yet."""

    tier: int
    text: str
    contacts: Sequence[Contact]
    waited_s: float
    """How long nobody has cared, in seconds."""


def unattended_s(incident: Incident, now: Instant) -> float:
    """Return for how long nobody has cared, in seconds, up to `now`."""
    total = 0.0
    stretch: list[Instant] = []
    for event in incident.events:
        if event.kind == Kind.OPENED and not stretch:
            stretch = [event.moment]
        elif stretch:
            stretch.append(event.moment)
        if event.kind in {Kind.ACKNOWLEDGED, Kind.MITIGATED, Kind.RESOLVED}:
            total += elapsed_along_s(stretch)
            stretch = []
        elif event.kind == Kind.HANDED_OFF and not stretch:
            stretch = [event.moment]
    return total + elapsed_along_s([*stretch, now]) if stretch else total


def reached(incident: Incident) -> int:
    """Return the highest tier that was called, -1 before the first."""
    return max(
        (
            int(event.data.get("tier", -1))
            for event in incident.events
            if event.kind == Kind.ESCALATED
        ),
        default=-1,
    )


def due_call(incident: Incident, runbook: Runbook, now: Instant) -> Call | None:
    """Return the call that is due now, or None."""
    if incident.status is not Status.OPEN or not incident.unattended:
        return None
    waited = unattended_s(incident, now)
    tiers = tiers_of(runbook)
    due = max((at for at, tier in enumerate(tiers) if tier.begins_min * 60 <= waited), default=-1)
    if due <= reached(incident):
        return None
    return call_of(incident, runbook, due, waited)


def call_of(incident: Incident, runbook: Runbook, tier: int, waited_s: float) -> Call:
    """Return the call of a tier, with everybody below it who was passed over."""
    tiers = tiers_of(runbook)
    passed = tiers[reached(incident) + 1 : tier + 1]
    contacts = [each for one in passed for each in contacts_for(one, runbook)]
    if tier == reached(incident):  # Called again on purpose.
        contacts = contacts_for(tiers[tier], runbook)
    each_once = {each.line: each for each in contacts}
    return Call(tier, tiers[tier].text, tuple(each_once.values()), waited_s)


def tiers_of(runbook: Runbook) -> Sequence[Tier]:
    """Return the tiers by their beginning; without any the first contact is called at once."""
    found = sorted(runbook.tiers, key=lambda tier: tier.begins_min)
    if found and found[0].begins_min == 0:
        return found
    return [Tier(0, None, "On-call", 0), *found]


def contacts_for(tier: Tier, runbook: Runbook) -> list[Contact]:
    """Return whom a tier names; one that names nobody is for those of the tier before.

    The first tier without a name is for the first contact, who is on call.
    """
    text = _words(tier.text)
    named = [each for each in runbook.contacts if _words(each.role) in text]
    if named or not runbook.contacts:
        return named
    if tier.begins_min == 0:
        return [runbook.contacts[0]]
    earlier = [each for each in tiers_of(runbook) if each.begins_min < tier.begins_min]
    return contacts_for(earlier[-1], runbook) if earlier else [runbook.contacts[0]]


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))
