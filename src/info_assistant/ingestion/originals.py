"""Where a document's bytes and the text read from them lie in object storage."""

import json
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

import structlog

from info_assistant.errors import NotFound
from info_assistant.model.document import Document
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.model.schema import Stored, stamped
from info_assistant.ports import Blobs

READER_VERSION = 2
"""Raised whenever a reader makes something else of the same bytes."""

MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".eml": "message/rfc822",
    ".zip": "application/zip",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".mdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
}
"""The media type by file name ending of everything that a reader exists for."""

_ENDINGS = {media_type: ending for ending, media_type in reversed(MEDIA_TYPES.items())}
_LOG = structlog.get_logger(__name__)


def original_key(document: Document) -> str:
    """Return the name of a document's bytes; documents of a tenant may share it."""
    content = document.content
    copy = f"{content.copy}/" if content.copy else ""
    return f"{document.tenant}/originals/{content.sha256[:2]}/{copy}{content.sha256}"


def readings_folder(document: Document) -> str:
    """Return the folder of what was read from a document's bytes; it goes when these go."""
    content = document.content
    copy = f"{content.copy}/" if content.copy else ""
    return f"{document.tenant}/readings/{copy}{content.sha256}"


class Original:
    """A document's bytes as they were handed in, to be fetched piece by piece."""

    def __init__(self, blobs: Blobs, document: Document) -> None:
        """Nothing is fetched yet."""
        self._blobs = blobs
        self._key = original_key(document)
        self.size_bytes = document.content.size_bytes

    async def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes [start, end), all by default.

        Raises NotFound, ObjectStorageUnavailable.
        """
        end = self.size_bytes if end is None else min(end, self.size_bytes)
        if (start, end) == (0, self.size_bytes):
            # Some servers answer a range that is all there is like a request without one.
            return await self._blobs.get(self._key)
        return await self._blobs.get_range(self._key, start, end)


def reading_key(document: Document) -> str:
    """Return the name of the text read from a document's present bytes.

    The kind of file is part of it: the same bytes read differently as Markdown and as plain text.
    """
    kind = _ending(document).lstrip(".") or "unknown"
    return f"{readings_folder(document)}/{READER_VERSION}.{kind}.json"


def file_name(document: Document) -> str:
    """Return a file name whose ending tells a reader what kind of file the document is."""
    path = PurePosixPath(document.source)
    return f"{path.stem}{_ending(document) or path.suffix}"


async def load_reading(blobs: Blobs, document: Document) -> Reading | None:
    """Return the stored text of a document, or None where it must be read anew."""
    key = reading_key(document)
    try:
        return _decoded(await blobs.get(key))
    except NotFound:
        return None
    except (KeyError, TypeError, ValueError) as exc:
        _LOG.warning("stored reading unusable", key=key, error=str(exc))
        return None


async def save_reading(blobs: Blobs, document: Document, reading: Reading) -> None:
    """Keep the text of a document, so that showing it takes no reader."""
    await blobs.put(reading_key(document), _encoded(reading))


def _ending(document: Document) -> str:
    return _ENDINGS.get(document.content.media_type, "")


def _encoded(reading: Reading) -> bytes:
    return json.dumps(stamped(Stored.READING, asdict(reading)), ensure_ascii=False).encode()


def _decoded(data: bytes) -> Reading:
    fields: dict[str, Any] = json.loads(data)
    return Reading(
        blocks=tuple(
            Block(
                kind=BlockKind(block["kind"]),
                text=str(block["text"]),
                page=block["page"],
                level=int(block["level"]),
                table_header=str(block["table_header"]),
            )
            for block in fields["blocks"]
        ),
        title=fields["title"],
        pages=fields["pages"],
        notes=tuple(fields["notes"]),
    )
