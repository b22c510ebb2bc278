"""One event of an incident, and the chain of hashes that ties it to the one before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from info_assistant.runbooks.clock import Instant, instant_of
from info_assistant.runbooks.clock import now as this_moment
from info_assistant.runbooks.errors import RecordBroken

SCHEMA = 1
NOTHING_BEFORE = "0" * 64
"""What the first event names as the hash before it."""


class Kind(StrEnum):
    """What an event tells. Readers keep kinds that they do not know, and make nothing of them."""

    OPENED = "opened"
    NOTED = "noted"
    ACKNOWLEDGED = "acknowledged"
    DIAGNOSED = "diagnosed"
    CHOSEN = "option.chosen"
    CONSENTED = "consent.given"
    REFUSED = "step.refused"
    STARTED = "step.started"
    FINISHED = "step.finished"
    VERIFIED = "step.verified"
    SKIPPED = "step.skipped"
    REVERTED = "step.reverted"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    ALERTED = "alerted"
    """What the monitoring told: evidence, and whether the alert is over."""
    HANDED_OFF = "handed.off"
    ESCALATED = "escalated"
    """Somebody is called. Carries its messages, as `told` and `reminded` do."""
    TOLD = "told"
    REMINDED = "reminded"
    PROPOSED = "proposed"
    """All that was seen of the cause is over; a person is asked to resolve."""
    CHECKED = "checked"
    """An item of a list for afterwards is done."""
    DELAYED = "message.delayed"
    DELIVERED = "message.delivered"
    DROPPED = "message.dropped"
    MERGED = "merged"
    """Holds events of a copy of the record that went on by itself."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `at` is UTC; `hash` covers all else, `before` is the hash of the event before."""

    number: int
    at: datetime
    actor: str
    host: str
    kind: str
    data: Mapping[str, Any]
    before: str
    hash: str
    text: str
    """The event as one line of the record, without its end."""
    moment: Instant
    """`at` with the time since boot, where the writer knew it."""


def next_event(
    last: Event | None, kind: str, data: Mapping[str, Any], author: tuple[str, str]
) -> Event:
    """Return the event that follows `last`; `author` is who, and on which machine."""
    number = last.number + 1 if last else 1
    moment = this_moment()
    body = {
        "schema": SCHEMA,
        "number": number,
        "at": moment.wall.isoformat(timespec="milliseconds"),
        "clock": moment.data(),
        "actor": author[0],
        "host": author[1],
        "kind": kind,
        "data": data,
        "before": last.hash if last else NOTHING_BEFORE,
    }
    return parse_line(_canonical({**body, "hash": _hash(body)}), number)


def parse_line(line: str, number: int) -> Event:
    """Return the event of a line. Raises RecordBroken where it is none, or was changed.

    Fields that we do not know are kept: another version of the engine may have written them.
    """
    try:
        raw = json.loads(line)
        at = datetime.fromisoformat(raw["at"])
        event = Event(
            raw["number"], at, raw["actor"], raw["host"], raw["kind"], raw["data"],
            raw["before"], raw["hash"], line, instant_of(at, raw.get("clock")),
        )  # fmt: skip
        own = _hash({key: value for key, value in raw.items() if key != "hash"})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordBroken(
            f"Line {number} of the record is no event, so somebody changed it after it was written."
        ) from error
    if event.hash != own or line != _canonical(raw):
        raise RecordBroken(
            f"Event {number} of the record was changed after it was written: its hash does not fit."
        )
    return event


def check_chain(events: Sequence[Event], *, last: Event | None = None) -> None:
    """Raise RecordBroken where an event does not follow the one before; `last` precedes all."""
    for event in events:
        number = last.number + 1 if last else 1
        before = last.hash if last else NOTHING_BEFORE
        if event.number != number or event.before != before:
            raise RecordBroken(
                f"Event {event.number} does not follow event {number - 1}: something between them "
                "was taken out, put in or exchanged."
            )
        last = event


def _canonical(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body).encode()).hexdigest()
