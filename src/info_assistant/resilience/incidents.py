"""What is wrong now, as people or the incident service put it; all replicas tell the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from info_assistant.errors import Conflict, InvalidRequest
from info_assistant.model.incident import Incident, IncidentStatus
from info_assistant.model.schema import MALFORMED
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, SharedObject
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.process_object import ProcessObject

RESOLVED_SHOWN = timedelta(hours=24)
"""How long an incident is told of after it was resolved."""

MOST_INCIDENTS = 50
"""How many are told of at once."""

_log = get_logger("incidents")


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody says of an incident, new or known. `started_at` is kept where it is known."""

    id: str
    title: str
    status: IncidentStatus
    message: str
    actor: str
    started_at: datetime | None = None


class Incidents:
    """The incidents of an installation, in an object that all replicas share."""

    def __init__(self, shared: SharedObject | None = None, clock: Clock | None = None) -> None:
        """Keep them in `shared`."""
        self._shared = shared or ProcessObject()
        self._clock = clock or SystemClock()
        self._seen: object = None
        self._known: tuple[Incident, ...] = ()

    @property
    def version(self) -> int:
        """The number of the present version, which rises with each report."""
        return self._shared.current.version

    def shown(self) -> Sequence[Incident]:
        """Return what is told to readers, the latest first."""
        state = self._shared.current
        if state is not self._seen:
            self._known = _incidents_in(state.fields)
            self._seen = state
        now = self._clock.now()
        return [each for each in self._known if not _outdated(each, now)]

    def open_count(self) -> int:
        """Return the number of incidents that are not over yet."""
        return sum(each.open for each in self.shown())

    async def report(self, report: Report, *, version: int | None = None) -> Sequence[Incident]:
        """Add an incident or replace the one of the same id, and return what is then told.

        Raises:
            Conflict: `version` is given and is not the present one, or others keep writing.
            InvalidRequest: too many incidents are told of already.
            ObjectStorageUnavailable: it cannot be written.
        """
        await self._shared.change(lambda fields: self._edited(fields, report, version))
        _log.info("Incident reported", incident=report.id, status=report.status.value)
        return self.shown()

    def _edited(
        self, fields: Mapping[str, Any], report: Report, version: int | None
    ) -> Mapping[str, Any]:
        if version is not None and version != self.version:
            raise Conflict(
                f"The incidents were changed meanwhile: version {self.version} is the present one, "
                f"not {version}. Read them again and repeat your change where it still makes sense."
            )
        now = self._clock.now()
        # What stays is kept as it is stored: another version may know more of it than we do.
        stored = [(_incident(each), each) for each in fields.get("incidents", ())]
        before = next((each for each, _ in stored if each and each.id == report.id), None)
        kept = [
            as_stored
            for each, as_stored in stored
            if each is None or (each is not before and not _outdated(each, now))
        ]
        if len(kept) >= MOST_INCIDENTS:
            raise InvalidRequest(
                f"{MOST_INCIDENTS} incidents are told of already, more than anybody reads. "
                "Resolve some first, or put this one into the words of another."
            )
        started = report.started_at or (before.started_at if before else now)
        incident = Incident(
            report.id, report.title, report.status, report.message, started, now, report.actor
        )
        return {**fields, "incidents": [_stored(incident), *kept]}


def _outdated(incident: Incident, now: datetime) -> bool:
    return not incident.open and now - incident.updated_at > RESOLVED_SHOWN


def _incidents_in(fields: Mapping[str, Any]) -> tuple[Incident, ...]:
    found = [_incident(each) for each in fields.get("incidents", ())]
    readable = [each for each in found if each is not None]
    return tuple(sorted(readable, key=lambda each: each.updated_at, reverse=True))


def _incident(stored: Mapping[str, Any]) -> Incident | None:
    try:
        return Incident(
            id=str(stored["id"]),
            title=str(stored["title"]),
            status=IncidentStatus(stored["status"]),
            message=str(stored["message"]),
            started_at=datetime.fromisoformat(stored["started_at"]).astimezone(UTC),
            updated_at=datetime.fromisoformat(stored["updated_at"]).astimezone(UTC),
            actor=str(stored.get("actor", "")),
        )
    except (*MALFORMED, OverflowError) as error:
        _log.warning("Incident unreadable", error=type(error).__name__)
        return None


def _stored(incident: Incident) -> Mapping[str, str]:
    return {
        "id": incident.id,
        "title": incident.title,
        "status": incident.status.value,
        "message": incident.message,
        "started_at": incident.started_at.isoformat(),
        "updated_at": incident.updated_at.isoformat(),
        "actor": incident.actor,
    }
