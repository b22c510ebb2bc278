"""The invitation to the post-mortem, as a calendar file (RFC 5545; sent as RFC 5546 has it)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from info_assistant.runbooks.record.incident import Incident

_LASTS = timedelta(hours=1)
_SATURDAY = 5
_FOLD = 73
"""Bytes of a line before it goes on in the next."""


def proposed_time(incident: Incident) -> datetime:
    """Return 10:00 UTC on the second working day after the incident."""
    day = incident.times.get("resolved", incident.times["opened"])
    left = 2
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _SATURDAY
    return day.astimezone(UTC).replace(hour=10, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Company:
    """Who invites, and who is invited, by their mail addresses; without a host it is a note."""

    host: str = ""
    guests: Sequence[str] = ()


def invitation(
    incident: Incident, begins: datetime, company: Company, written: datetime | None = None
) -> str:
    """Return the calendar file; the one that was `written` last replaces those before it.

    Its UID stays the same, and its sequence is the seconds since the incident was opened. Calendars
    take no request without an organizer.
    """
    written = written or datetime.now(UTC)
    age_s = max(0, int((written - incident.times["opened"]).total_seconds()))
    people = [f"ATTENDEE;ROLE=REQ-PARTICIPANT:mailto:{each}" for each in company.guests]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//info-assistant//incident engine//EN",
        *(["METHOD:REQUEST"] if company.host else []),
        "BEGIN:VEVENT",
        f"UID:{incident.id}-postmortem@info-assistant",
        f"SEQUENCE:{age_s}",
        f"DTSTAMP:{_stamp(written)}",
        f"DTSTART:{_stamp(begins)}",
        f"DTEND:{_stamp(begins + _LASTS)}",
        f"SUMMARY:{_text(f'Post-mortem, without blame: {incident.title}')}",
        f"DESCRIPTION:{_text(f'Incident {incident.id}. The page: incident postmortem.')}",
        *([f"ORGANIZER:mailto:{company.host}", *people] if company.host else []),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(line) + "\r\n" for line in lines)


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(words: str) -> str:
    for sign in ("\\", ";", ","):
        words = words.replace(sign, f"\\{sign}")
    return words.replace("\n", "\\n")


def _folded(line: str) -> str:
    parts, rest = [], line
    while len(rest.encode()) > _FOLD:
        cut = _FOLD
        while len(rest[:cut].encode()) > _FOLD:
            cut -= 1
        parts.append(rest[:cut])
        rest = " " + rest[cut:]
    return "\r\n".join([*parts, rest])
