"""Answers that were given before, as they are kept for the next who asks the same."""

from dataclasses import dataclass
from datetime import datetime

from info_assistant.model.answer import Answer


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class KnownAnswer:
    """An answer given before, and what it rests on. Each one read is an object of its own.

    `answer` is as it was first given, without what depends on the day. `found` are the ids of the
    best passages for the question, best first. `position` is how far the feed of changes was read
    when they were last looked for. After `fresh_until` it is given only where no other can be had.
    """

    answer: Answer
    found: tuple[str, ...]
    position: int
    given_at: datetime
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class SavedQuestion:
    """A question that has a known answer under `key`.

    `vector` holds its dense vector as 16-bit floats, least significant byte first.
    """

    key: str
    text: str
    vector: bytes
