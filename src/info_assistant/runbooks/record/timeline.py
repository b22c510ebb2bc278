"""The record as people read it: a line an event, and a page for afterwards."""

from collections.abc import Iterator
from datetime import timedelta

from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident


def timeline(incident: Incident) -> Iterator[str]:
    """Yield one line an event, in the order of the record; times are UTC."""
    for event in incident.events:
        yield f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.actor:<12} {sentence(event)}"


def sentence(event: Event) -> str:
    """Return what an event tells, in words."""
    data = {key: str(value) for key, value in event.data.items()}
    if unsaid := event.data.get("unsaid"):
        data["not_said"] = "; delivered late, and no longer said: " + " ".join(map(str, unsaid))
    text = {
        Kind.OPENED: "opened {severity} {scenario}: {title}",
        Kind.NOTED: "noted: {text}",
        Kind.ACKNOWLEDGED: "acknowledged",
        Kind.DIAGNOSED: "diagnosed: {answer}",
        Kind.CHOSEN: "chose {label}: {title}",
        Kind.CONSENTED: "agreed to line {line}: {command}",
        Kind.REFUSED: "did not run line {line}: {reason}",
        Kind.STARTED: "began line {line} [{effect}]: {command}",
        Kind.FINISHED: "ended line {line}: {outcome}; {reason}",
        Kind.VERIFIED: "verified line {line}: {outcome}",
        Kind.SKIPPED: "skipped line {line}: {reason}",
        Kind.REVERTED: "took back line {line}: {reason}",
        Kind.MITIGATED: "mitigated: {text}",
        Kind.RESOLVED: "resolved: {text}",
        Kind.CLOSED: "closed: {text}",
        Kind.ALERTED: "alert {alert} is {state}: {summary}",
        Kind.HANDED_OFF: "handed over to {to}",
        Kind.ESCALATED: "escalated to tier {tier}: {people}; {reason}",
        Kind.TOLD: "told: {what}",
        Kind.REMINDED: "reminded: {what}",
        Kind.PROPOSED: "proposed to resolve: {reason}",
        Kind.CHECKED: "done: {item}",
        Kind.DELAYED: "{receiver} did not take a message: {reason}",
        Kind.DELIVERED: "{receiver} has the message {act}{not_said}",
        Kind.DROPPED: "gave up a message to {receiver}: {reason}",
        Kind.MERGED: "took over what another copy of the record tells",
    }.get(event.kind, event.kind)  # type: ignore[call-overload]
    return str(text).format_map(_Blank(data)).rstrip(":; ")


class _Blank(dict[str, str]):
    """Gives nothing for what an event does not tell."""

    def __missing__(self, key: str) -> str:
        """Return an empty text."""
        return ""


def span(time: timedelta) -> str:
    """Return a duration in words: `1 h 05 min`, `42 s`."""
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def status_lines(incident: Incident) -> Iterator[str]:
    """Yield where an incident stands."""
    known = (incident.id, incident.status.upper(), incident.severity, incident.scenario)
    yield "  ".join(each for each in known if each)
    yield f"  {incident.title}"
    for name, at in sorted(incident.times.items(), key=lambda pair: pair[1]):
        yield f"  {name:<13}{at:%Y-%m-%d %H:%M:%S}Z"
    for name, time in incident.durations().items():
        yield f"  time {name}: {span(time)}"
    if incident.responder:
        waits = " (has not acknowledged)" if incident.unattended else ""
        yield f"  taken care of by {incident.responder}{waits}"
    if incident.option:
        yield f"  chosen: {incident.option}"
    for step in incident.unknown_steps:
        yield f"  ! outcome unknown: {sentence(step.begun)}"
    for each in incident.open_reverts:
        yield f"  to take back: {each.command}"


def status_data(incident: Incident) -> dict[str, object]:
    """Return where an incident stands, for programs."""
    return {
        "id": incident.id,
        "title": incident.title,
        "scenario": incident.scenario,
        "severity": incident.severity,
        "status": incident.status,
        "runbook": incident.runbook,
        "runbook_sha256": incident.runbook_sha256,
        "option": incident.option,
        "acknowledged_by": incident.acknowledged_by,
        "responder": incident.responder,
        "unattended": incident.unattended,
        "drill": incident.drill,
        "times": {name: at.isoformat() for name, at in incident.times.items()},
        "durations_s": {name: t.total_seconds() for name, t in incident.durations().items()},
        "outcome_unknown": [step.key for step in incident.unknown_steps],
        "to_take_back": [each.command for each in incident.open_reverts],
        "events": len(incident.events),
        "head": incident.head,
    }


def page(incident: Incident) -> str:
    """Return the incident as Markdown, with everything that was run and what it printed."""
    lines = [
        f"# {incident.id}: {incident.title}",
        "",
        f"- Status: {incident.status}",
        f"- Severity: {incident.severity}",
        f"- Runbook: {incident.runbook}, sha256 `{incident.runbook_sha256}`",
        f"- Head of the record: `{incident.head}`",
        *(f"- Time {name}: {span(time)}" for name, time in incident.durations().items()),
        "",
        "## Timeline (UTC)",
        "",
        "| time | who | what |",
        "|---|---|---|",
    ]
    for event in incident.events:
        told = sentence(event).replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {event.at:%Y-%m-%d %H:%M:%S} | {event.actor} | {told} |")
    outputs = [event for event in incident.events if event.data.get("output")]
    if outputs:
        lines += ["", "## What commands printed"]
    for event in outputs:
        fence = "````" if "```" in str(event.data["output"]) else "```"
        lines += ["", f"Line {event.data.get('line')}, event {event.number}:", "", fence]
        lines += [str(event.data["output"]).rstrip("\n"), fence]
    return "\n".join(lines) + "\n"
