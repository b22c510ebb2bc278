"""Documents as the catalogue knows them, and how far each one has come on its way in."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from info_assistant.model.lease import Lease

_NAMESPACE = uuid.UUID("6f1cf0a4-6a3b-5a43-9d52-0f6f5a3a5e10")


def document_id(tenant: str, source: str) -> str:
    """Return the UUID that the document of `tenant` at `source` has, today and after a rebuild."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}\0{source}"))


class DocumentState(StrEnum):
    """Where a document is on its way from upload to answers.

    accepted → reading → indexing → ready
                  └──────────┴────→ failed (the document is at fault; the reason is in words)
    withdrawn: taken out of answers on purpose.
    interrupted: stopped by a shutdown, or to be tried once more; goes on by itself.
    """

    ACCEPTED = "accepted"
    READING = "reading"
    INDEXING = "indexing"
    READY = "ready"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    WITHDRAWN = "withdrawn"

    @property
    def settled(self) -> bool:
        """Whether nothing more happens to the document unless somebody acts."""
        return self in {DocumentState.READY, DocumentState.FAILED, DocumentState.WITHDRAWN}

    @property
    def in_hand(self) -> bool:
        """Whether a worker may have the document in hand."""
        return not self.settled and self is not DocumentState.INTERRUPTED


@dataclass(frozen=True, slots=True)
class Content:
    """One version of a document's bytes. `version` is the revision that brought them in.

    `copy` says which stored copy of the bytes it rests on (`ingestion.originals`); 0 where it was
    stored before copies were counted.
    """

    version: int
    sha256: str
    size_bytes: int
    media_type: str
    copy: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A catalogue entry: the truth about one document at one revision.

    `source` is the path or identifier under which its owner knows it; tenant and source together
    are its identity. `revision` counts every change of the entry, `content.version` only
    those that brought new bytes.
    """

    id: str
    tenant: str
    source: str
    title: str
    revision: int
    content: Content
    access: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The durable word that a document is gone: every revision up to `revision` is dead."""

    tenant: str
    document_id: str
    revision: int
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a document stands in the catalogue, seen at one moment.

    `document` is its newest living revision, or None. `newest` is the highest revision ever written
    or buried, `buried` the highest that a tombstone covers; 0 for none.
    """

    document: Document | None
    newest: int
    buried: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the present stage is done, in `unit` (pages, passages)."""

    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class DocumentStatus:
    """A document with the state of its way in: a projection, rebuilt from the catalogue.

    `attempts` counts how often this version brought the parser down or came no further; `lease`
    names the worker that has the document in hand.
    """

    document: Document
    state: DocumentState
    since: datetime
    detail: str = ""
    progress: Progress | None = None
    passages: int = 0
    attempts: int = 0
    lease: Lease | None = None
