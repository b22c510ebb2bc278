"""Shared bytes: who rests on a stored original, and when it may go.

A document version that is about to be committed first leaves a reference to the copy of the bytes
that it will rest on, `{tenant}/references/{sha256}/{copy}.{document}.{version}`. Before a copy is
deleted it is retired, `{tenant}/retired/{sha256}/{copy}`, for ever. Uploads refer first and then
look whether the copy is retired; deletions retire first and then look whether it is referred to. So
at least one of the two sees the other, and since no upload ever rests on a retired copy again, a
deletion may be as late as it likes. docs/decisions/0012 has the whole argument.

Copy 0 is what was stored before there were references: nobody new comes to rest on it, and whether
it is still wanted is asked of the catalogue.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from info_assistant.errors import Conflict, StoredDataInvalid
from info_assistant.ingestion.needs import RevisionedCatalogue, Stores
from info_assistant.ingestion.originals import original_key, readings_folder
from info_assistant.model.document import Document
from info_assistant.ports import Blobs

_ATTEMPTS = 5


async def keep_original(
    blobs: Blobs, document: Document, put: Callable[[str], Awaitable[object]]
) -> Document:
    """Store a document's bytes and return it, resting on a copy that stays while it lives.

    `put` stores the bytes, durably, under a name not yet taken. To be called before the document
    is committed. Raises Conflict, ObjectStorageUnavailable.
    """
    tenant, sha256 = document.tenant, document.content.sha256
    copy = 1
    for _ in range(_ATTEMPTS):
        document = replace(document, content=replace(document.content, copy=copy))
        await blobs.put_new(_reference(document), b"")
        retired = await _retired(blobs, tenant, sha256)
        if copy not in retired:
            await put(original_key(document))
            return document
        await blobs.delete(_reference(document))
        copy = max(retired) + 1
    raise Conflict(
        "Copies of this file are being deleted at this moment, so your upload was not stored. Try "
        "again in a moment.",
        retry_after_s=1,
    )


async def let_go(stores: Stores, document: Document) -> None:
    """Delete what an upload stored before another was committed, unless others rest on it.

    The other may be of the same bytes under the same number: then all of it is its own. The bytes
    may have come after their copy was retired, so that nobody else would look for them.
    """
    if await _is_lost(stores.catalogue, document):
        await delete_unshared(stores, document)


async def delete_unshared(stores: Stores, gone: Document) -> None:
    """Delete the bytes and readings of a dead revision unless others rest on them.

    May be interrupted anywhere and repeated.
    """
    if gone.content.copy == 0:
        if not await _wanted(stores, gone):
            await _delete(stores.blobs, gone)
        return
    await stores.blobs.delete(_reference(gone))
    if await _referred_to(stores, gone):
        return
    await stores.blobs.put_new(_retirement(gone), b"")
    if await _referred_to(stores, gone):
        # Somebody has come to rest on it meanwhile. Whoever is the last of them deletes it.
        return
    await _delete(stores.blobs, gone)


async def _delete(blobs: Blobs, gone: Document) -> None:
    await blobs.delete(original_key(gone))
    async for reading in blobs.keys(readings_folder(gone)):
        await blobs.delete(reading)


async def _referred_to(stores: Stores, gone: Document) -> bool:
    """Whether anybody rests on the copy that `gone` rested on, or may be about to."""
    prefix = f"{gone.content.copy}."
    async for key in stores.blobs.keys(_references(gone.tenant, gone.content.sha256)):
        name = key.rsplit("/", 1)[-1]
        if not name.startswith(prefix):
            continue
        _, document_id, version = name.split(".")
        content = replace(gone.content, version=int(version))
        other = replace(gone, id=document_id, revision=int(version), content=content)
        if not await _is_lost(stores.catalogue, other):
            return True
        await stores.blobs.delete(key)
    return False


async def _is_lost(catalogue: RevisionedCatalogue, upload: Document) -> bool:
    """Whether an upload was not committed and never will be.

    So it is where its number was given to another: numbers are never given twice.
    """
    version = upload.content.version
    try:
        committed = await catalogue.revision(upload.tenant, upload.id, version)
        if committed is not None:
            same = (upload.content.sha256, upload.content.copy)
            return (committed.content.sha256, committed.content.copy) != same
        # Not there: swept away, or not committed yet.
        return (await catalogue.standing(upload.tenant, upload.id)).newest >= version
    except StoredDataInvalid:
        # It may be the one: bytes too many can be deleted later, bytes too few not mended.
        return False


async def _wanted(stores: Stores, gone: Document) -> bool:
    """Whether a revision of a living document has the bytes of `gone`, both of copy 0."""
    buried = (await stores.catalogue.standing(gone.tenant, gone.id)).buried
    async for tenant, document_id, newest in stores.catalogue.living():
        if tenant != gone.tenant:
            continue
        oldest = buried + 1 if document_id == gone.id else 1
        for revision in range(oldest, newest + 1):
            try:
                other = await stores.catalogue.revision(tenant, document_id, revision)
            except StoredDataInvalid:
                return True
            if other is not None and original_key(other) == original_key(gone):
                return True
    return False


async def _retired(blobs: Blobs, tenant: str, sha256: str) -> set[int]:
    return {int(key.rsplit("/", 1)[-1]) async for key in blobs.keys(f"{tenant}/retired/{sha256}")}


def _references(tenant: str, sha256: str) -> str:
    return f"{tenant}/references/{sha256}"


def _reference(document: Document) -> str:
    content = document.content
    name = f"{content.copy}.{document.id}.{content.version}"
    return f"{_references(document.tenant, content.sha256)}/{name}"


def _retirement(document: Document) -> str:
    content = document.content
    return f"{document.tenant}/retired/{content.sha256}/{content.copy}"
