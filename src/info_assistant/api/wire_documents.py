"""Documents as they travel."""

from datetime import datetime
from typing import Literal

from info_assistant.api.wire import Wire
from info_assistant.ingestion.intake import Receipt
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.model.reading import BlockKind, Reading
from info_assistant.ports import StatusPage


class UploadedBody(Wire):
    """A document that was taken, and where to watch it."""

    id: str
    source: str
    title: str
    state: DocumentState
    outcome: Literal["accepted", "unchanged"]
    status_url: str


class UploadsBody(Wire):
    """The documents of one upload, in their order."""

    documents: list[UploadedBody]


class ProgressBody(Wire):
    """How much of the present stage is done."""

    done: int
    total: int
    unit: str


class DocumentBody(Wire):
    """A document and how far it has come. `version` names its bytes, `versions` counts changes."""

    id: str
    title: str
    source: str
    state: DocumentState
    detail: str
    progress: ProgressBody | None
    passages: int
    version: int
    versions: int
    media_type: str
    size_bytes: int
    sha256: str
    access: list[str]
    created_at: datetime
    updated_at: datetime
    since: datetime


class DocumentsBody(Wire):
    """A page of the list; `next`, given as `after`, continues it."""

    documents: list[DocumentBody]
    next: str | None


class BlockBody(Wire):
    """A paragraph, heading, list item, table row or listing with its place in the text."""

    kind: BlockKind
    level: int
    page: int | None
    text: str
    start: int
    end: int
    table_header: str


class SpanBody(Wire):
    """A range of characters, [start, end)."""

    start: int
    end: int


class TextBody(Wire):
    """A document as text, with the part that was asked for marked.

    Of a very long text `blocks` holds a stretch, from the character `begins`; `next`, given as
    `start`, continues it.
    """

    id: str
    title: str
    source: str
    version: int
    blocks: list[BlockBody]
    highlights: list[SpanBody]
    notes: list[str]
    begins: int
    next: int | None


def uploaded_body(receipt: Receipt) -> UploadedBody:
    """Return the receipt of one document."""
    document = receipt.status.document
    return UploadedBody(
        id=document.id,
        source=document.source,
        title=document.title,
        state=receipt.status.state,
        outcome=receipt.outcome,
        status_url=f"/v1/documents/{document.id}",
    )


def document_body(status: DocumentStatus) -> DocumentBody:
    """Return a document as it travels."""
    document, progress = status.document, status.progress
    return DocumentBody(
        id=document.id,
        title=document.title,
        source=document.source,
        state=status.state,
        detail=status.detail,
        progress=ProgressBody(done=progress.done, total=progress.total, unit=progress.unit)
        if progress
        else None,
        passages=status.passages,
        version=document.content.version,
        versions=document.revision,
        media_type=document.content.media_type,
        size_bytes=document.content.size_bytes,
        sha256=document.content.sha256,
        access=list(document.access),
        created_at=document.created_at,
        updated_at=document.updated_at,
        since=status.since,
    )


def documents_body(page: StatusPage) -> DocumentsBody:
    """Return a page of the list."""
    return DocumentsBody(documents=[document_body(each) for each in page.statuses], next=page.next)


def text_body(status: DocumentStatus, reading: Reading, highlight: SpanBody | None) -> TextBody:
    """Return a document as text with `highlight` marked."""
    blocks = [
        BlockBody(
            kind=placed.block.kind,
            level=placed.block.level,
            page=placed.block.page,
            text=placed.block.text,
            start=placed.start,
            end=placed.end,
            table_header=placed.block.table_header,
        )
        for placed in reading.placed()
    ]
    document = status.document
    return TextBody(
        id=document.id,
        title=document.title,
        source=document.source,
        version=document.content.version,
        blocks=blocks,
        highlights=[highlight] if highlight else [],
        notes=list(reading.notes),
        begins=reading.begins,
        next=blocks[-1].end + 1 if reading.goes_on else None,
    )
