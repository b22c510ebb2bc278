"""Where a document's bytes lie in object storage, and what kind of file they are."""

from pathlib import PurePosixPath

from info_assistant.model.document import Document
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
        return await self._blobs.get_range(self._key, start, end)


def file_name(document: Document) -> str:
    """Return a file name whose ending tells a reader what kind of file the document is."""
    path = PurePosixPath(document.source)
    return f"{path.stem}{_ending(document) or path.suffix}"


def kind_of(document: Document) -> str:
    """Return a word for the kind of file that a document is."""
    return _ending(document).lstrip(".") or "unknown"


def _ending(document: Document) -> str:
    return _ENDINGS.get(document.content.media_type, "")
