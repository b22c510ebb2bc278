"""Alerts become incidents: one for each cause, with all that was alerted of it as evidence.

The cause is the label `scenario` of an alert (P0-1 …), else its name. An alert opens an incident
if its severity says that somebody is to be called, or if it has none and names a scenario; a milder
one is evidence where its cause has an incident. Alertmanager repeats what it sent; what the record
knows already is not written again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from info_assistant.runbooks.errors import RecordError
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, Status
from info_assistant.runbooks.record.log import hold
from info_assistant.runbooks.record.store import Incidents, Opening

_CALLS = {"critical", "page", "p0"}
_NEVER_ENDED = 1970
"""Alertmanager writes the year 1 where an alert has not ended."""
_LOCK_WAIT_S = 10.0
_MOST_ALERTS = 500


class AlertUnreadable(ValueError):
    """What came is no message of Alertmanager."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager tells of it."""

    name: str
    cause: str
    firing: bool
    began: datetime
    ended: datetime | None
    summary: str
    fingerprint: str
    calls: bool
    """Whether somebody is to be called for it."""
    labels: Mapping[str, str]

    def data(self) -> dict[str, Any]:
        """Return it as evidence in a record."""
        return {
            "alert": self.name,
            "cause": self.cause,
            "state": "firing" if self.firing else "resolved",
            "summary": self.summary,
            "began": self.began.isoformat(),
            "ended": self.ended.isoformat() if self.ended else None,
            "fingerprint": self.fingerprint,
            "labels": dict(self.labels),
        }


def alerts_of(body: object) -> list[Alert]:
    """Return the alerts of a message of Alertmanager (version 4). Raises AlertUnreadable."""
    try:
        listed = list(body["alerts"])[:_MOST_ALERTS]  # type: ignore[index]
        return [_alert(each) for each in listed]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AlertUnreadable(f"This is no message of Alertmanager: {error!r}.") from error


def _alert(data: Mapping[str, Any]) -> Alert:
    labels = {str(name): str(value) for name, value in data["labels"].items()}
    notes = {str(name): str(value) for name, value in data.get("annotations", {}).items()}
    name = labels["alertname"]
    ended = _time(data.get("endsAt"))
    severity = labels.get("severity", "").lower()
    scenario = labels.get("scenario", "")
    scenario = "" if scenario.lower() == "none" else scenario
    return Alert(
        name,
        scenario or name,
        data["status"] == "firing",
        _time(data["startsAt"]) or datetime.now(UTC),
        ended,
        notes.get("summary") or notes.get("description") or name,
        str(data.get("fingerprint") or sorted(labels.items())),
        severity in _CALLS if severity else bool(scenario),
        labels,
    )


def _time(text: object) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(str(text))
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC) if found.year > _NEVER_ENDED else None


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes alerts in: each is on the disk, in an incident, before it is acknowledged."""

    store: Incidents
    folder: Path
    runbook: bytes
    name: str
    """The runbook's file name."""

    def take(self, alerts: Sequence[Alert]) -> list[str]:
        """Record alerts and return the incidents that they are now part of. Raises RecordError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        touched = []
        with hold(self.folder / "alerts.lock", _LOCK_WAIT_S):
            for alert in alerts:
                name = self._incident_of(alert)
                if name is None and alert.firing and alert.calls:
                    name = self._open(alert)
                if name is not None:
                    self._note(name, alert)
                    touched.append(name)
        return list(dict.fromkeys(touched))

    def _incident_of(self, alert: Alert) -> str | None:
        """Return the incident of an alert's cause that is not over."""
        for name in reversed(self.store.names()):
            try:
                known = self.store.seen(name)
            except RecordError:
                continue  # One that is broken takes nothing; `incident list` shows it.
            over = known.status in {Status.RESOLVED, Status.CLOSED}
            if not over and alert.cause in _causes(known):
                return name
        return None

    def _open(self, alert: Alert) -> str:
        runbook: Runbook = parse_runbook(self.runbook, self.name)
        scenario = runbook.scenario(alert.cause)
        now = datetime.now(UTC)
        opening = Opening(
            scenario.title if scenario else alert.summary,
            scenario.code if scenario else "",
            "P0",
            min(alert.began, now),
            now,
            drill=alert.labels.get("drill") == "true",
        )
        return self.store.open(opening, self.runbook, self.name).id

    def _note(self, name: str, alert: Alert) -> None:
        data = alert.data()
        known = [e.data for e in self.store.seen(name).events if e.kind == Kind.ALERTED]
        same = ("fingerprint", "state", "began")
        if not any(all(old.get(key) == data[key] for key in same) for old in known):
            self.store.tell(name, Kind.ALERTED, data)


def _causes(incident: Incident) -> set[str]:
    found = {str(e.data.get("cause")) for e in incident.events if e.kind == Kind.ALERTED}
    return found | ({incident.scenario} if incident.scenario else set())


def all_over(incident: Incident) -> bool:
    """Whether there were alerts, and the last word on each of them is that it is over."""
    last = {
        e.data.get("fingerprint"): e.data.get("state")
        for e in incident.events
        if e.kind == Kind.ALERTED
    }
    return bool(last) and set(last.values()) == {"resolved"}


def ending(incident: Incident) -> tuple[Kind, dict[str, Any]] | None:
    """Return what follows when all alerts are over; None where nothing does.

    An incident that nobody has touched ends by itself. Where somebody takes care, or something was
    changed, a person resolves it: that alerts are silent is not that the cause is gone.
    """
    if incident.status not in {Status.OPEN, Status.MITIGATED} or not all_over(incident):
        return None
    touched = not incident.unattended or bool(incident.steps) or bool(incident.responder)
    if not touched and incident.status is Status.OPEN:
        return Kind.RESOLVED, {"text": "All alerts are over, and nobody had to act."}
    last = max(e.number for e in incident.events if e.kind == Kind.ALERTED)
    if any(e.kind == Kind.PROPOSED and e.data.get("after") == last for e in incident.events):
        return None
    return Kind.PROPOSED, {"reason": "all alerts are over", "after": last}
