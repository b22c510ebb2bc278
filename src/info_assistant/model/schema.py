"""The versions of everything that is stored, once.

Whatever leaves the process to be read again later, perhaps by an older or a newer version of the
product, is stamped here. A number goes up when the shape changes; readers ignore fields that they
do not know and accept higher numbers, because two versions run side by side while one replaces
the other. So a field keeps its meaning for ever, and a new meaning gets a new name.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any


class Stored(StrEnum):
    """Each kind of thing that is stored, in object storage, in Qdrant or on the local disk."""

    DOCUMENT = "document"
    TOMBSTONE = "tombstone"
    READING = "reading"
    PASSAGE = "passage"
    DOCUMENT_STATUS = "document_status"
    SHARED_OBJECT = "shared_object"
    AUDIT_EVENT = "audit_event"
    ANSWER_RECORD = "answer_record"
    SPEND_EVENT = "spend_event"
    JOURNAL = "journal"
    VISIBILITY_CHANGES = "visibility_changes"
    UPLOAD_REQUEST = "upload_request"
    QUOTE_PURGE = "quote_purge"
    FEEDBACK = "feedback"
    CONVERSATION_TURN = "conversation_turn"
    CONVERSATION_END = "conversation_end"
    CONVERSATION_ENTRY = "conversation_entry"
    WRITER_MARK = "writer_mark"
    KNOWN_ANSWER = "known_answer"
    ANSWER_REPEAT = "answer_repeat"
    SAVED_QUESTION = "saved_question"
    BACKUP_MANIFEST = "backup_manifest"
    BACKUP_VERIFICATION = "backup_verification"
    HANDLED_MARK = "handled_mark"


CURRENT: Mapping[Stored, int] = dict.fromkeys(Stored, 1) | {
    Stored.DOCUMENT: 2,  # Metadata, holds, and which copy of its bytes.
    Stored.DOCUMENT_STATUS: 2,  # The same, with leases and attempts.
    Stored.READING: 3,  # In parts, where it is long; the language that a file states.
    Stored.PASSAGE: 3,  # Dates, marking, language.
    Stored.ANSWER_RECORD: 6,  # Hashes, when first given, what was told; conflicts; languages.
    Stored.KNOWN_ANSWER: 3,  # Conflicts; languages.
    Stored.UPLOAD_REQUEST: 2,  # What a claim of a key is about.
    Stored.SPEND_EVENT: 2,  # What a call was for.
    Stored.JOURNAL: 3,  # What model calls cost, before it is shipped.
    Stored.VISIBILITY_CHANGES: 3,  # Who may see a document that nobody finds; changed content.
}
"""The version that this build writes. `tests/fixtures/schemas` keeps a sample of each."""

MALFORMED = (KeyError, TypeError, ValueError, AttributeError)
"""What reading fields may raise that are not of the shape that we know."""


def stamped(kind: Stored, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `fields` with the version of their shape in front."""
    return {"schema": CURRENT[kind], **fields}


def moment_from(value: str) -> datetime:
    """Return an ISO 8601 moment that names its zone. Raises TypeError or ValueError."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
