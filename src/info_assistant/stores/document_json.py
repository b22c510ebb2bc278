"""Documents as JSON, alike in the catalogue and on the board; unknown fields are ignored."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from info_assistant.model.document import Content, Document, Hold, HoldKind
from info_assistant.model.metadata import Metadata
from info_assistant.model.schema import moment_from


def document_fields(document: Document) -> dict[str, Any]:
    """Return a document as JSON values."""
    return {
        "id": document.id,
        "tenant": document.tenant,
        "source": document.source,
        "title": document.title,
        "revision": document.revision,
        "content": asdict(document.content),
        "access": list(document.access),
        "created_at": document.created_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
        "metadata": metadata_fields(document.metadata),
        "hold": hold_fields(document.hold),
    }


def metadata_fields(metadata: Metadata) -> dict[str, Any]:
    """Return metadata as JSON values."""
    return {name: _json(value) for name, value in asdict(metadata).items()}


def hold_fields(hold: Hold | None) -> dict[str, Any] | None:
    """Return what holds a document back as JSON values, or None."""
    if hold is None:
        return None
    return {**asdict(hold), "kind": hold.kind.value, "at": hold.at.isoformat()}


def document_from(fields: dict[str, Any]) -> Document:
    """Return the document in `fields`. Raises KeyError, TypeError or ValueError."""
    content = fields["content"]
    return Document(
        id=str(fields["id"]),
        tenant=str(fields["tenant"]),
        source=str(fields["source"]),
        title=str(fields["title"]),
        revision=int(fields["revision"]),
        content=Content(
            version=int(content["version"]),
            sha256=str(content["sha256"]),
            size_bytes=int(content["size_bytes"]),
            media_type=str(content["media_type"]),
            copy=int(content.get("copy", 0)),
        ),
        access=tuple(str(group) for group in fields["access"]),
        created_at=moment_from(fields["created_at"]),
        updated_at=moment_from(fields["updated_at"]),
        metadata=_metadata(fields.get("metadata") or {}),
        hold=_hold(fields.get("hold")),
    )


def day_from(value: str | None) -> date | None:
    """Return a stored day, or None where there is none. Raises TypeError or ValueError."""
    return None if value is None else date.fromisoformat(value)


def _metadata(fields: Mapping[str, Any]) -> Metadata:
    return Metadata(
        source_url=_text(fields.get("source_url")),
        language=_text(fields.get("language")),
        effective=day_from(fields.get("effective")),
        superseded=day_from(fields.get("superseded")),
        review_by=day_from(fields.get("review_by")),
        marking=_text(fields.get("marking")),
        tags=tuple(str(tag) for tag in fields.get("tags") or ()),
    )


def _hold(fields: Mapping[str, Any] | None) -> Hold | None:
    if fields is None:
        return None
    return Hold(
        kind=_kind(str(fields["kind"])),
        reason=str(fields["reason"]),
        actor=str(fields["actor"]),
        at=moment_from(fields["at"]),
    )


def _kind(value: str) -> HoldKind:
    try:
        return HoldKind(value)
    except ValueError:
        # A newer version may hold back for more reasons; the stricter of ours is the safe one.
        return HoldKind.QUARANTINED


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _json(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
