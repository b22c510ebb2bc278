"""What is to be told to whom, and how far it got: a pure fold of an incident's events.

A message is part of the event that it tells of: an escalation and its page are one line of the
record, so no crash leaves one without the other. Its id follows from the incident, the cause and
the receiver; whoever makes the same message again makes it under the same id.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident


class Act(StrEnum):
    """What a receiver is asked for."""

    PAGE = "page"
    """Call people, now."""
    PAGE_TAKEN = "page.taken"
    """They need not be called any more: somebody takes care."""
    PAGE_OVER = "page.over"
    STATE = "state"
    """Show where the incident stands; what was shown before is replaced."""
    REMARK = "remark"
    """Add a line to what is told of the incident."""
    TICKET = "ticket"
    POSTMORTEM = "postmortem"
    BRIEF = "brief"
    """Write to executives or customers."""


@dataclass(frozen=True, slots=True)
class Content:
    """The words of a message, in Markdown; `status` is one of Statuspage's words."""

    title: str
    text: str
    status: str = "investigating"
    started: str = ""
    people: Sequence[str] = ()
    """Handles of the runbook, such as @oncall."""
    drill: bool = False
    page: str = ""
    """For pages: which call of the incident it is, such as `tier-2`."""
    effect: str = ""
    """What users get, in Statuspage's words for components; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message for one receiver. Of those with the same `slot` only the last is sent."""

    id: str
    incident: str
    receiver: str
    act: Act
    content: Content
    slot: str = ""

    def data(self) -> dict[str, Any]:
        """Return it as it is kept in the record."""
        return {
            **asdict(self),
            "content": {**asdict(self.content), "people": [*self.content.people]},
        }


def message_id(incident: str, cause: str, receiver: str, act: Act) -> str:
    """Return the id of a message, the same whoever makes it and however often."""
    words = f"{incident}\n{cause}\n{receiver}\n{act}"
    return hashlib.sha256(words.encode()).hexdigest()[:20]


_PART = re.compile(r"(?<=[.!?])\s+|\n+")


def unsaid(written: Content, said: Content) -> list[str]:
    """Return the sentences of a message that were written and were not said in the end."""
    kept = set(_PART.split(said.text))
    return [each for each in _PART.split(written.text) if each.strip() and each not in kept]


class Stage(StrEnum):
    """How far a message got."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"
    """A newer one took its place before it was delivered."""
    DROPPED = "dropped"


@dataclass(slots=True)
class Outgoing:
    """A message and how far it got."""

    message: Message
    """With the words that were said; until it is delivered with those that were written."""
    queued: Event
    keeper: str = ""
    """The store of records whose service sends it."""
    stage: Stage = Stage.WAITING
    delayed: Event | None = None
    """The first attempt that failed."""
    ended: Event | None = None


@dataclass(slots=True)
class Outbox:
    """All messages of an incident, in the order in which they were made."""

    messages: dict[str, Outgoing] = field(default_factory=dict)
    references: dict[str, dict[str, str]] = field(default_factory=dict)
    """What receivers call the incident, by the receiver's name, such as the id of its page."""

    def waiting(self, receiver: str | None = None) -> list[Outgoing]:
        """Return what is still to be delivered, to one receiver or to all."""
        return [
            each
            for each in self.messages.values()
            if each.stage is Stage.WAITING and receiver in {None, each.message.receiver}
        ]


def outbox_of(incident: Incident) -> Outbox:
    """Fold the events of an incident to its messages."""
    outbox = Outbox()
    for event in incident.events:
        for message in _messages_in(event):
            if message.id not in outbox.messages:
                _supersede(outbox, message)
                keeper = str(event.data.get("keeper", ""))
                outbox.messages[message.id] = Outgoing(message, event, keeper)
        _end(outbox, event)
    return outbox


def _messages_in(event: Event) -> Iterable[Message]:
    found = event.data.get("messages", ())
    for each in found if isinstance(found, list) else ():
        message = message_of(each)
        if message is not None:
            yield message


def message_of(data: Mapping[str, Any]) -> Message | None:
    """Return a message from the record; None for one that this version does not know."""
    try:
        content = data["content"]
        return Message(
            data["id"],
            data["incident"],
            data["receiver"],
            Act(data["act"]),
            _content_of(content),
            data.get("slot", ""),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _content_of(data: Mapping[str, Any]) -> Content:
    known = {name: data[name] for name in Content.__slots__ if name in data}
    return Content(**{**known, "people": tuple(known.get("people", ()))})


def _supersede(outbox: Outbox, message: Message) -> None:
    for each in outbox.waiting(message.receiver):
        if message.slot and each.message.slot == message.slot:
            each.stage = Stage.SUPERSEDED


def _end(outbox: Outbox, event: Event) -> None:
    known = outbox.messages.get(str(event.data.get("message", "")))
    if known is None:
        return
    if event.kind == Kind.DELAYED and known.delayed is None:
        known.delayed = event
    elif event.kind in {Kind.DELIVERED, Kind.DROPPED}:
        known.stage = Stage.DELIVERED if event.kind == Kind.DELIVERED else Stage.DROPPED
        known.ended = event
        said = event.data.get("said")
        if isinstance(said, dict) and said:
            known.message = replace(known.message, content=_content_of(said))
        reference = event.data.get("reference")
        if isinstance(reference, dict) and reference:
            outbox.references.setdefault(known.message.receiver, {}).update(reference)
