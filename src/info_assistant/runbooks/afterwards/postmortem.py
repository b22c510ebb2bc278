"""The post-mortem, written from the record; only causes and judgements are left to people."""

from collections.abc import Iterator
from datetime import datetime

from info_assistant.runbooks.afterwards.lessons import lessons_of
from info_assistant.runbooks.outbox.messages import Stage, outbox_of
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.timeline import sentence, span

_HIDDEN = {Kind.DELIVERED, Kind.CONSENTED, Kind.CHECKED}
"""Kinds that would fill the timeline without telling what happened."""


def postmortem(incident: Incident) -> str:
    """Return the page in Markdown; every time is the record's, in UTC."""
    lines = [f"# Post-mortem: {_title(incident)}", ""]
    if incident.drill:
        lines += ["**DRILL, not a real incident.**", ""]
    for title, part in (
        ("Overview", _overview(incident)),
        ("Impact", _impact(incident)),
        ("Contributing factors", _factors(incident)),
        ("What happened", _happened(incident)),
        ("Resolution", _resolution(incident)),
        ("Responders", _responders(incident)),
        ("Timeline (UTC)", _timeline(incident)),
        ("Who was told", _told(incident)),
        ("What went well", _well(incident)),
        ("What did not go well", iter(_dashed(lessons_of(incident)))),
        ("Actions", _actions(incident)),
    ):
        lines += [f"## {title}", "", *part, ""]
    lines.append(f"Record: {len(incident.events)} events, head `{incident.head}`.")
    return "\n".join(lines) + "\n"


def _title(incident: Incident) -> str:
    code = " ".join(filter(None, (incident.severity, incident.scenario)))
    return f"{code}: {incident.title} ({incident.id})"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _overview(incident: Incident) -> Iterator[str]:
    times = incident.times
    end = f"resolved at {_at(times['resolved'])}" if "resolved" in times else "not resolved yet"
    yield f"It began at {_at(times['started'])} and is {end}. Status: {incident.status}."
    for event in incident.events:
        if event.kind == Kind.DIAGNOSED:
            yield f"Diagnosis at {_at(event.at)}: {event.data.get('answer')}."


def _impact(incident: Incident) -> Iterator[str]:
    yield "| what | how long |"
    yield "|---|---|"
    for name, time in incident.durations().items():
        yield f"| time {name} | {span(time)} |"
    if "mitigated" in incident.times:
        yield f"| users were served again after | {span(incident.durations()['to mitigate'])} |"
    yield ""
    losses = [e for e in incident.events if e.kind in {Kind.MITIGATED, Kind.RESOLVED}]
    yield from (f"- {e.actor} said on {e.kind}: {e.data.get('text')}" for e in losses)


def _factors(incident: Incident) -> Iterator[str]:
    yield "_To be filled in by people: what made it possible, without blame._"
    yield ""
    yield "Evidence that the record has:"
    yield ""
    for event in incident.events:
        if event.kind == Kind.ALERTED and event.data.get("state") == "firing":
            told = f"{event.data.get('alert')}: {event.data.get('summary')}"
            yield f"- alert {told} (event {event.number})"
        for named in event.data.get("scenarios", ()) if event.kind == Kind.DIAGNOSED else ():
            for found in named.get("evidence", ()):
                yield f"- {named.get('code')}: {found.get('words')} (event {event.number})"


def _happened(incident: Incident) -> Iterator[str]:
    notes = [e for e in incident.events if e.kind == Kind.NOTED]
    yield from (f"- {_at(e.at)} {e.actor}: {e.data.get('text')}" for e in notes)
    if not notes:
        yield "Nobody wrote a note; the timeline has what was done."


def _resolution(incident: Incident) -> Iterator[str]:
    yield f"Chosen: {incident.option or 'no way of the runbook'}."
    for step in incident.steps.values():
        if step.begun.data.get("effect") not in {"read-only", "by hand"}:
            outcome = step.ended.data.get("outcome") if step.ended else "unknown"
            yield f"- {_at(step.begun.at)} `{step.begun.data.get('command')}`: {outcome}"


def _responders(incident: Incident) -> Iterator[str]:
    actors: dict[str, int] = {}
    for event in incident.events:
        actors[event.actor] = actors.get(event.actor, 0) + 1
    yield from (f"- {name}: {count} events" for name, count in actors.items())
    for event in incident.events:
        if event.kind == Kind.ESCALATED:
            yield f"- called at {_at(event.at)}: {event.data.get('people')}"


def _timeline(incident: Incident) -> Iterator[str]:
    yield "| time | who | what | evidence |"
    yield "|---|---|---|---|"
    for event in incident.events:
        if event.kind not in _HIDDEN:
            told = sentence(event).replace("|", "\\|").replace("\n", " ")
            yield f"| {_at(event.at)} | {event.actor} | {told} | {_evidence(event)} |"


def _evidence(event: Event) -> str:
    return f"event {event.number}, `{event.hash[:8]}`"


def _told(incident: Incident) -> Iterator[str]:
    found = outbox_of(incident).messages.values()
    if not found:
        yield "Nobody was told by the engine."
        return
    yield "| receiver | delivered | waiting | superseded or given up |"
    yield "|---|---|---|---|"
    for name in sorted({each.message.receiver for each in found}):
        stages = [each.stage for each in found if each.message.receiver == name]
        waiting, delivered = stages.count(Stage.WAITING), stages.count(Stage.DELIVERED)
        yield f"| {name} | {delivered} | {waiting} | {len(stages) - waiting - delivered} |"


def _well(incident: Incident) -> Iterator[str]:
    steps = incident.steps.values()
    shown = [each for each in steps if each.verified and each.verified.data.get("shown")]
    if shown:
        yield f"- Changes that were seen to take effect: {len(shown)}."
    if "acknowledged" in incident.times:
        yield f"- Somebody cared after {span(incident.durations()['to acknowledge'])}."
    if not incident.open_reverts:
        yield "- Nothing is left that is to be taken back."
    if any(each.kind == Kind.ALERTED for each in incident.events):
        yield "- An alert told of it."
    late = any(each.delayed for each in outbox_of(incident).messages.values())
    if outbox_of(incident).messages and not late:
        yield "- Everybody who was to be told was told at the first attempt."


def _actions(incident: Incident) -> Iterator[str]:
    who = incident.responder or "on call"
    ticket = outbox_of(incident).references.get("jira", {}).get("ticket", "none yet")
    yield "| action | who | ticket |"
    yield "|---|---|---|"
    for action in [*lessons_of(incident), "Act on the contributing factors that are named above."]:
        yield f"| {action.replace('|', '/')} | {who} | {ticket} |"


def _dashed(lines: list[str]) -> list[str]:
    return [f"- {line}" for line in lines] or ["Nothing that the record knows of."]
