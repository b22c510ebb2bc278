"""The audit trail as append-only records (`ports.AuditLog`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.audit import AuditEvent
from info_assistant.model.ids import LAST_ID
from info_assistant.model.json_bytes import json_bytes
from info_assistant.model.record import AnswerRecord
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.observability.log import get_logger
from info_assistant.ports import AuditPage
from info_assistant.stores.answer_records import stored_answer
from info_assistant.stores.journal_file import Record
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields, Wanted

KIND = "audit"
"""The kind of these records in names of segments."""

_log = get_logger("audit")


class RecordedAudit:
    """The audit trail in a record log."""

    def __init__(self, log: RecordLog) -> None:
        """Keep events in `log`."""
        self._log = log

    async def append(
        self, events: Sequence[AuditEvent], answers: Sequence[AnswerRecord] = ()
    ) -> None:
        """Keep events, and with them the records of answers, all or none.

        They survive a killed process when this returns. Raises RecordsUnavailable.
        """
        await self._log.append([*map(stored_answer, answers), *map(stored_event, events)])

    async def check(self) -> None:
        """Return if events can be kept now. Raises RecordsUnavailable."""
        await self._log.check()

    async def page(
        self, tenant: str, *, limit: int, before: str | None, matching: Mapping[str, str]
    ) -> AuditPage:
        """Return a tenant's newest events before the id `before`, in which `matching` holds.

        Raises InvalidRequest, ObjectStorageUnavailable.
        """

        def matches(fields: Fields) -> bool:
            return all(fields.get(name) == value for name, value in matching.items())

        found = await self._log.newest(Wanted(KIND, tenant, limit, before or LAST_ID, matches))
        return AuditPage(tuple(_readable(found.records)), found.next)


def stored_event(event: AuditEvent) -> Record:
    """Return an event as it is appended."""
    return Record(KIND, event.tenant, event.id, json_bytes(audit_fields(event)))


def audit_fields(event: AuditEvent) -> dict[str, Any]:
    """Return an event as JSON values."""
    return stamped(
        Stored.AUDIT_EVENT,
        {
            "id": event.id,
            "at": event.at,
            "tenant": event.tenant,
            "actor": event.actor,
            "action": event.action,
            "target": event.target,
            "outcome": event.outcome,
            "request_id": event.request_id,
            # Names of switches are words of an enumeration.
            "detail": {str(name): value for name, value in event.detail},
        },
    )


def audit_event(fields: Fields) -> AuditEvent:
    """Return the event in `fields`; unknown ones are ignored. Raises StoredDataInvalid."""
    try:
        return AuditEvent(
            id=str(fields["id"]),
            at=moment_from(fields["at"]),
            tenant=str(fields["tenant"]),
            actor=str(fields["actor"]),
            action=str(fields["action"]),
            target=str(fields["target"]),
            outcome=str(fields["outcome"]),
            request_id=str(fields["request_id"]),
            detail=tuple((str(name), str(value)) for name, value in fields["detail"].items()),
        )
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"An event of the audit trail cannot be understood ({type(exc).__name__}). It is left "
            "out here and stays in object storage."
        ) from exc


def _readable(records: Sequence[Fields]) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    for fields in records:
        try:
            events.append(audit_event(fields))
        except StoredDataInvalid as error:
            _log.warning("Audit event unreadable", id=str(fields.get("id")), error=error.message)
    return events
