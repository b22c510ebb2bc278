"""Documents as the catalogue knows them, and how far each one has come on its way in."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Self

from info_assistant.model.lease import Lease
from info_assistant.model.metadata import Metadata

_NAMESPACE = uuid.UUID("6f1cf0a4-6a3b-5a43-9d52-0f6f5a3a5e10")


def document_id(tenant: str, source: str) -> str:
    """Return the UUID that the document of `tenant` at `source` has, today and after a rebuild."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}\0{source}"))


def default_title(source: str) -> str:
    """Return the title of a document whose upload named none: its file name without the ending."""
    return PurePosixPath(source).stem or source


class DocumentState(StrEnum):
    """Where a document is on its way from upload to answers.

    accepted → reading → indexing → ready
                  └──────────┴────→ failed (the document is at fault; the reason is in words)
    withdrawn: held back from answers on purpose; the document's `hold` says how and why.
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


class HoldKind(StrEnum):
    """Why a document is held back from answers.

    withdrawn: it does not count any more, or not yet; who may see it can still read it.
    quarantined: something is wrong with it; its content is closed to all but those who curate.
    """

    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Hold:
    """The word that a document is held back from answers, until somebody restores it."""

    kind: HoldKind
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """A catalogue entry: the truth about one document at one revision.

    `source` is the path or identifier under which its owner knows it; tenant and source together
    are its identity. `revision` counts every change of the entry, `content.version` only
    those that brought new bytes. `access` names the groups that may see it.
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
    metadata: Metadata = field(default_factory=Metadata)
    hold: Hold | None = None

    @property
    def findable_by(self) -> tuple[str, ...]:
        """The groups whose questions it may answer: none while it is held back."""
        return () if self.hold else self.access

    @property
    def chosen_title(self) -> str | None:
        """The title that somebody gave it; None where it is only the file's name.

        Before such a name goes the title that the document states itself.
        """
        path = PurePosixPath(self.source.replace("\\", "/"))
        is_name = self.title.strip() in {"", self.source, path.name, path.stem}
        return None if is_name else self.title


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

    def with_entry(self, document: Document) -> Self:
        """Return the status after an edit of the entry, as the board comes to show it.

        Who is at rest goes out of answers or back into them; the title that a document states
        itself, which only the board knows, stays.
        """
        state = self.state
        if document.hold and state.settled:
            state = DocumentState.WITHDRAWN
        elif document.hold is None and state is DocumentState.WITHDRAWN:
            state = DocumentState.READY if self.passages else DocumentState.ACCEPTED
        title = document.chosen_title or self.document.title
        return replace(self, document=replace(document, title=title), state=state)
