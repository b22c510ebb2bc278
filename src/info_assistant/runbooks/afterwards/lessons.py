"""What an incident says of its tools: late alerts, steps that failed or were overridden."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from info_assistant.runbooks.outbox.messages import outbox_of
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.timeline import span

LATE = timedelta(minutes=5)
"""An alert that comes later than this after the beginning was too late."""


def lessons_of(incident: Incident) -> list[str]:
    """Return changes to propose, a line each; people decide about them."""
    return [*_alerts(incident), *_steps(incident), *_told(incident), *_called(incident)]


def _alerts(incident: Incident) -> Iterator[str]:
    alerts = [event for event in incident.events if event.kind == Kind.ALERTED]
    if not alerts:
        yield "No alert told of it: write one for its first symptom."
    started = incident.times["started"]
    seen = set()
    for event in alerts:
        name = str(event.data.get("alert"))
        if name in seen or event.data.get("state") != "firing":
            continue
        seen.add(name)
        late = event.at - min(started, _began(event.data.get("began"), started))
        if late > LATE:
            yield f"The alert {name} came {span(late)} after the beginning: look at its threshold."


def _began(text: object, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return otherwise


def _steps(incident: Incident) -> Iterator[str]:
    for step in incident.steps.values():
        line = step.begun.data.get("line")
        command = step.begun.data.get("command") or step.begun.data.get("as_written") or "by hand"
        if step.outcome_unknown:
            yield f"Line {line} has no recorded end: `{command}`."
        elif step.ended is not None and step.ended.data.get("outcome") == "failed":
            yield f"Line {line} failed ({step.ended.data.get('reason')}): `{command}`."
        elif step.verified is not None and not step.verified.data.get("shown"):
            yield f"Line {line} showed no effect: `{command}`."
    for event in incident.events:
        if event.kind in {Kind.SKIPPED, Kind.REFUSED}:
            word = "left out" if event.kind == Kind.SKIPPED else "not run"
            yield f"Line {event.data.get('line')} was {word}: {event.data.get('reason')}."
    if incident.chosen.get("as_written"):
        yield "Commands were run as written, not in their corrected form: correct the runbook."
    for each in incident.open_reverts:
        yield f"Still to be taken back: `{each.command}`."


def _told(incident: Incident) -> Iterator[str]:
    for each in outbox_of(incident).messages.values():
        if each.delayed is not None:
            took = f"{span(each.ended.at - each.queued.at)} later" if each.ended else "never"
            yield (
                f"{each.message.receiver} had a message ({each.message.act}) {took}: "
                f"{each.delayed.data.get('reason')}"
            )
    left = {
        str(sentence.get("sentence")): str(sentence.get("reason"))
        for event in incident.events
        for sentence in event.data.get("left_out", ())
    }
    for sentence, reason in left.items():
        yield f"A sentence of a template was left out: {sentence!r}: {reason}."


def _called(incident: Incident) -> Iterator[str]:
    tiers = [int(e.data.get("tier", 0)) for e in incident.events if e.kind == Kind.ESCALATED]
    if max(tiers, default=0) > 0:
        yield f"Tier {max(tiers)} was called: why did nobody acknowledge before?"
