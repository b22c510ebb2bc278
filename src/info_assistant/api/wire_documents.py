"""Documents as they travel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import Field

from info_assistant.api.wire import Wire
from info_assistant.ingestion.intake import Receipt
from info_assistant.model.document import (
    Document,
    DocumentState,
    DocumentStatus,
    HoldKind,
)
from info_assistant.model.language import language_of
from info_assistant.model.passage import Passage
from info_assistant.model.reading import BlockKind, PlacedBlock, Reading
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


class HoldBody(Wire):
    """Why a document is held back from answers, and since when."""

    kind: HoldKind
    reason: str
    actor: str
    since: datetime


class DocumentBody(Wire):
    """A document and how far it has come. `version` names its bytes, `versions` counts changes.

    `hold` is null unless the document is held back from answers, and `state` is then `withdrawn`.
    """

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
    source_url: str | None
    language: str | None
    effective: date | None
    superseded: date | None
    review_by: date | None
    marking: str | None
    tags: list[str]
    hold: HoldBody | None


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
    """A document as text, with the parts that were asked for marked.

    Of a very long text `blocks` holds a stretch, from the character `begins`. `length` is how many
    characters the whole text has. `next`, given as `offset`, continues it.
    """

    id: str
    title: str
    source: str
    version: int
    blocks: list[BlockBody]
    highlights: list[SpanBody]
    notes: list[str]
    begins: int
    length: int
    next: int | None
    effective: date | None
    superseded: date | None
    marking: str | None
    hold: HoldBody | None
    language: str | None = Field(default=None, description="As BCP 47 names it, if it is known.")


class VersionBody(Wire):
    """One version of a document's bytes: what `version` names at `/text` and `/original`."""

    version: int
    title: str
    media_type: str
    size_bytes: int
    sha256: str
    at: datetime


class VersionsBody(Wire):
    """Versions, newest first; `next`, given as `before`, continues them."""

    versions: list[VersionBody]
    next: int | None


class PassageBody(Wire):
    """A passage as it is searched and quoted; `start` and `end` are its place in the text."""

    number: int
    page: int | None
    heading_path: list[str]
    table_header: str
    text: str
    start: int
    end: int


class PassagesBody(Wire):
    """Some of a document's passages; `next`, given as `first`, continues them."""

    version: int
    total: int
    passages: list[PassageBody]
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
        source_url=document.metadata.source_url,
        language=document.metadata.language,
        effective=document.metadata.effective,
        superseded=document.metadata.superseded,
        review_by=document.metadata.review_by,
        marking=document.metadata.marking,
        tags=list(document.metadata.tags),
        hold=_hold_body(document),
    )


def _hold_body(document: Document) -> HoldBody | None:
    hold = document.hold
    if hold is None:
        return None
    return HoldBody(kind=hold.kind, reason=hold.reason, actor=hold.actor, since=hold.at)


def versions_body(versions: Sequence[Document], limit: int) -> VersionsBody:
    """Return versions; fewer than were asked for are the last ones."""
    return VersionsBody(
        versions=[
            VersionBody(
                version=each.content.version,
                title=each.title,
                media_type=each.content.media_type,
                size_bytes=each.content.size_bytes,
                sha256=each.content.sha256,
                at=each.updated_at,
            )
            for each in versions
        ],
        next=versions[-1].content.version if len(versions) == limit else None,
    )


def passages_body(
    status: DocumentStatus, passages: Sequence[Passage], first: int, limit: int
) -> PassagesBody:
    """Return passages from number `first` on."""
    return PassagesBody(
        version=status.document.content.version,
        total=status.passages,
        passages=[
            PassageBody(
                number=each.ordinal,
                page=each.page,
                heading_path=list(each.heading_path),
                table_header=each.table_header,
                text=each.text,
                start=each.start,
                end=each.end,
            )
            for each in passages
        ],
        next=first + limit if len(passages) == limit else None,
    )


def documents_body(page: StatusPage) -> DocumentsBody:
    """Return a page of the list."""
    return DocumentsBody(documents=[document_body(each) for each in page.statuses], next=page.next)


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a text is wanted: what touches [offset, offset + length), or one page."""

    offset: int = 0
    length: int | None = None
    page: int | None = None


def text_body(
    status: DocumentStatus, reading: Reading, highlights: Sequence[SpanBody], window: Window
) -> TextBody:
    """Return a document, or a window of it, as text with `highlights` marked."""
    placed = list(reading.placed())
    last = placed[-1].end if placed else 0
    length = last if reading.whole_length is None else reading.whole_length
    end = last if window.length is None else window.offset + window.length
    shown = [
        each
        for each in placed
        if each.start < end
        and (each.end > window.offset or not window.offset)
        and window.page in {None, each.block.page}
    ]
    rest = (each.start for each in placed if each.start >= end)
    beyond = last + 1 if reading.goes_on else None
    following = next(rest, beyond) if window.page is None else None
    document = status.document
    return TextBody(
        id=document.id,
        title=document.title,
        source=document.source,
        version=document.content.version,
        blocks=[_block_body(each) for each in shown],
        highlights=list(highlights),
        notes=list(reading.notes),
        begins=shown[0].start if shown else window.offset,
        length=length,
        next=following,
        effective=document.metadata.effective,
        superseded=document.metadata.superseded,
        marking=document.metadata.marking,
        hold=_hold_body(document),
        language=document.metadata.language or reading.language or language_of(_said(shown)),
    )


def _said(shown: Sequence[PlacedBlock]) -> str:
    return "\n".join(each.block.text for each in shown)


def _block_body(placed: PlacedBlock) -> BlockBody:
    block = placed.block
    return BlockBody(
        kind=block.kind,
        level=block.level,
        page=block.page,
        text=block.text,
        start=placed.start,
        end=placed.end,
        table_header=block.table_header,
    )
