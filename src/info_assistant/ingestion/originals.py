"""Where a document's bytes lie in object storage, and what kind of file they are."""

from pathlib import PurePosixPath

from info_assistant.errors import NotFound, StoredDataInvalid
from info_assistant.ingestion.needs import Stores
from info_assistant.model.document import Document

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


def original_key(tenant: str, sha256: str) -> str:
    """Return the name of an original; documents of a tenant with the same bytes share it."""
    return f"{tenant}/originals/{sha256[:2]}/{sha256}"


def readings_folder(document: Document) -> str:
    """Return the folder of what was read from a document's bytes; it goes when these go."""
    return f"{document.tenant}/readings/{document.content.sha256}"


def file_name(document: Document) -> str:
    """Return a file name whose ending tells a reader what kind of file the document is."""
    path = PurePosixPath(document.source)
    return f"{path.stem}{_ending(document) or path.suffix}"


async def delete_unshared(stores: Stores, gone: Document) -> None:
    """Delete the bytes and readings of `gone` unless another document of the tenant has them.

    An upload of the same bytes may commit in the meantime. Therefore the catalogue is asked again
    afterwards and the bytes are put back if they are wanted; the upload looks from its side.
    """
    if await _wanted(stores, gone):
        return
    key = original_key(gone.tenant, gone.content.sha256)
    try:
        data = await stores.blobs.get(key)
    except NotFound:
        data = None
    await stores.blobs.delete(key)
    async for reading in stores.blobs.keys(f"{gone.tenant}/readings/{gone.content.sha256}"):
        await stores.blobs.delete(reading)
    if data is not None and await _wanted(stores, gone):
        await stores.blobs.put_new(key, data)


async def _wanted(stores: Stores, gone: Document) -> bool:
    """Whether a living revision of another document has the bytes of `gone`."""
    async for tenant, document_id, revision in stores.catalogue.living():
        if tenant != gone.tenant:
            continue
        try:
            other = await stores.catalogue.revision(tenant, document_id, revision)
        except StoredDataInvalid:
            # It may be the one: bytes too many can be deleted later, bytes too few not mended.
            return True
        if other is not None and other.content.sha256 == gone.content.sha256:
            return True
    return False


def kind_of(document: Document) -> str:
    """Return a word for the kind of file that a document is."""
    return _ending(document).lstrip(".") or "unknown"


def _ending(document: Document) -> str:
    return _ENDINGS.get(document.content.media_type, "")
