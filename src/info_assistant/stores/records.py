"""Documents as JSON, alike in the catalogue and on the board; unknown fields are ignored."""

from typing import Any

from info_assistant.model.document import Content, Document
from info_assistant.model.schema import moment_from


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
    )
