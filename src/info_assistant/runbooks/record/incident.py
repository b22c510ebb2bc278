"""What an incident has come to: a pure fold of its events."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from info_assistant.runbooks.errors import NotAllowed
from info_assistant.runbooks.record.events import Event, Kind, check_chain, parse_line


class Status(StrEnum):
    """Where an incident stands, in the order of its life."""

    OPEN = "open"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"


@dataclass(slots=True)
class StepState:
    """A step that was begun. `ended` is None when nobody knows what became of it."""

    key: str
    begun: Event
    ended: Event | None = None
    verified: Event | None = None

    @property
    def outcome_unknown(self) -> bool:
        """Whether it began and its end was never recorded, as after a crash."""
        return self.ended is None


@dataclass(slots=True)
class Revert:
    """A change that is to be taken back before the incident is closed."""

    key: str
    command: str
    subject: str = ""
    """What is changed, such as the replicas of one StatefulSet."""
    done: bool = False


@dataclass(slots=True)
class Incident:
    """An incident as its events tell it."""

    id: str = ""
    title: str = ""
    scenario: str = ""
    severity: str = ""
    runbook: str = ""
    runbook_sha256: str = ""
    status: Status = Status.OPEN
    option: str = ""
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """What the last run was to do: scenario, number of the option, whether as written."""
    times: dict[str, datetime] = field(default_factory=dict)
    """When it started, was detected, acknowledged, mitigated, resolved, closed."""
    acknowledged_by: str = ""
    responder: str = ""
    """Who takes care of it now, or was asked to."""
    unattended: bool = True
    """Whether nobody has said, since the opening or the last handing over, that they care."""
    keeper: str = ""
    """The store of records whose service keeps the clock and sends the messages."""
    drill: bool = False
    steps: dict[str, StepState] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    reverts: list[Revert] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    """In the order of the record; of merged records in the order of their times."""
    head: str = ""
    """The hash of the record's last event."""

    @property
    def unknown_steps(self) -> list[StepState]:
        """Steps whose outcome nobody knows."""
        return [step for step in self.steps.values() if step.outcome_unknown]

    @property
    def open_reverts(self) -> list[Revert]:
        """Changes that still are to be taken back."""
        return [each for each in self.reverts if not each.done]

    def durations(self) -> dict[str, timedelta]:
        """Return the times to detect, acknowledge, mitigate and resolve, as far as they are known.

        To detect: detected - started. To acknowledge: acknowledged - detected. To mitigate and to
        resolve: from the start on.
        """
        pairs = {
            "to detect": ("started", "detected"),
            "to acknowledge": ("detected", "acknowledged"),
            "to mitigate": ("started", "mitigated"),
            "to resolve": ("started", "resolved"),
        }
        return {
            name: self.times[end] - self.times[begin]
            for name, (begin, end) in pairs.items()
            if begin in self.times and end in self.times
        }


def incident_of(events: Iterable[Event]) -> Incident:
    """Fold events, in their order, to what the incident has come to."""
    incident = Incident()
    told = list(events)
    incident.head = told[-1].hash if told else ""
    seen: set[str] = set()
    for event in _unfolded(told, {}):
        if event.hash not in seen:
            seen.add(event.hash)
            incident.events.append(event)
            _apply(incident, event)
    if any(event.kind == Kind.MERGED for event in told):
        incident.events.sort(key=lambda event: event.at)
    return incident


def _unfolded(events: Iterable[Event], known: dict[str, Event]) -> Iterator[Event]:
    """Yield events, and before each merge those that it brought. Raises RecordBroken.

    `known` holds what came before by its hash; a merge says behind which of them it begins.
    """
    for event in events:
        if event.kind == Kind.MERGED:
            lines = event.data.get("events", [])
            foreign = [parse_line(str(line), at) for at, line in enumerate(lines, start=1)]
            check_chain(foreign, last=known.get(str(event.data.get("after"))))
            yield from _unfolded(foreign, known)
        known[event.hash] = event
        yield event


def _apply(incident: Incident, event: Event) -> None:
    data = event.data
    if event.kind == Kind.OPENED:
        _open(incident, event)
    elif event.kind in {Kind.ACKNOWLEDGED, Kind.HANDED_OFF}:
        _attend(incident, event)
    elif event.kind in {Kind.MITIGATED, Kind.RESOLVED, Kind.CLOSED}:
        order = list(Status)
        incident.status = max(incident.status, Status(event.kind), key=order.index)
        incident.times.setdefault(event.kind, event.at)
    elif event.kind == Kind.CHOSEN:
        incident.option = str(data.get("label", ""))
        incident.chosen = data
    elif event.kind.startswith("step."):
        _apply_step(incident, event, str(data.get("step", "")))


def _attend(incident: Incident, event: Event) -> None:
    incident.unattended = event.kind == Kind.HANDED_OFF
    if incident.unattended:
        incident.responder = str(event.data.get("to", ""))
        incident.keeper = str(event.data.get("keeper") or incident.keeper)
        return
    incident.responder = event.actor
    if "acknowledged" not in incident.times:
        incident.times["acknowledged"] = event.at
        incident.acknowledged_by = event.actor


def _open(incident: Incident, event: Event) -> None:
    data = event.data
    incident.id = str(data.get("id", ""))
    incident.title = str(data.get("title", ""))
    incident.scenario = str(data.get("scenario", ""))
    incident.severity = str(data.get("severity", ""))
    incident.runbook = str(data.get("runbook", ""))
    incident.runbook_sha256 = str(data.get("runbook_sha256", ""))
    incident.keeper = str(data.get("keeper", ""))
    incident.drill = data.get("drill") is True
    incident.times["opened"] = event.at
    for name in ("started", "detected"):
        given = data.get(name)
        incident.times[name] = datetime.fromisoformat(given) if given else event.at


def _apply_step(incident: Incident, event: Event, key: str) -> None:
    if event.kind == Kind.STARTED:
        incident.steps[key] = StepState(key, event)
        incident.skipped.discard(key)
        inverse: Any = event.data.get("inverse")
        if inverse:
            incident.reverts.append(Revert(key, str(inverse), str(event.data.get("subject", ""))))
    elif event.kind == Kind.SKIPPED:
        incident.skipped.add(key)
    elif event.kind == Kind.REVERTED:
        for each in incident.reverts:
            each.done = each.done or each.key == key
    elif key in incident.steps:
        if event.kind == Kind.FINISHED:
            incident.steps[key].ended = event
        elif event.kind == Kind.VERIFIED:
            incident.steps[key].verified = event


_BEFORE = {
    Kind.MITIGATED: {Status.OPEN},
    Kind.RESOLVED: {Status.OPEN, Status.MITIGATED},
    Kind.CLOSED: {Status.RESOLVED},
}


def check_allowed(incident: Incident, kind: Kind) -> None:
    """Raise NotAllowed where an incident in its state does not take that event."""
    before = _BEFORE.get(kind)
    if before is not None and incident.status not in before:
        wanted = " or ".join(sorted(before))
        raise NotAllowed(
            f"{incident.id} is {incident.status}; only one that is {wanted} can become {kind}. "
            + ("Resolve it first." if kind is Kind.CLOSED else "Open another one if it is back.")
        )
    if kind is Kind.CLOSED and incident.open_reverts:
        todo = "\n".join(f"  {each.command}" for each in incident.open_reverts)
        raise NotAllowed(
            f"{incident.id} has changes that are to be taken back first:\n{todo}\n"
            "Run them with `incident run --reverts`, or say with `incident close --keep REASON` "
            "why they stay."
        )
    begins = kind in {Kind.STARTED, Kind.CHOSEN, Kind.ACKNOWLEDGED, Kind.HANDED_OFF}
    if begins and incident.status is Status.CLOSED:
        raise NotAllowed(f"{incident.id} is closed; open another incident.")
