"""The first step of a document's way: check an upload, store it, commit it to the catalogue."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO, Literal

import structlog

from info_assistant.errors import (
    Conflict,
    DocumentLimitReached,
    PayloadTooLarge,
    Unreadable,
    VectorStoreUnavailable,
)
from info_assistant.ingestion.access import checked_access
from info_assistant.ingestion.entries import (
    LONGEST_SOURCE,
    LONGEST_TITLE,
    checked_metadata,
    checked_text,
    require_order,
)
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.originals import MEDIA_TYPES
from info_assistant.ingestion.references import keep_original, let_go
from info_assistant.ingestion.visibility import VisibilityOverlay, access_change
from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    Standing,
    default_title,
    document_id,
)
from info_assistant.model.identity import EVERYONE, Caller
from info_assistant.model.metadata import Metadata
from info_assistant.observability.steps import Step, step
from info_assistant.ports import Clock, Payload

MEGABYTE = 1024 * 1024
_ATTEMPTS = 3

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrives; a large one as an open file, so that it is never in memory.

    `source` is the path or identifier under which its owner knows it ("" means the file name): the
    same source again is a new version of the same document. `title` and `media_type` are
    worked out from the file where they are None. `access` names the groups that may see it; where
    it is empty a new document is open to everyone, and a known one stays as it is. `metadata` adds
    to what is known of the document.
    """

    data: Payload
    filename: str
    source: str = ""
    title: str | None = None
    media_type: str | None = None
    access: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=Metadata)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an upload; `unchanged` means that these very bytes are already known."""

    status: DocumentStatus
    outcome: Literal["accepted", "unchanged"]


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What an upload may be: `max_bytes` in size, ending in one of `extensions`.

    `documents` says how many documents a tenant may keep, None for any number. Uploads that come at
    the same moment may exceed it by their number.
    """

    max_bytes: int = 250 * MEGABYTE
    extensions: frozenset[str] = frozenset(MEDIA_TYPES)
    documents: Callable[[str], int | None] = lambda _tenant: None


@dataclass(frozen=True, slots=True)
class _Measured:
    """What is known of bytes once they have been looked through."""

    sha256: str
    size_bytes: int


async def _measured(data: Payload) -> _Measured:
    if isinstance(data, bytes):
        return _Measured(hashlib.sha256(data).hexdigest(), len(data))
    return await asyncio.to_thread(_measured_file, data)


def _measured_file(data: BinaryIO) -> _Measured:
    data.seek(0)
    digest = hashlib.sha256()
    while piece := data.read(MEGABYTE):
        digest.update(piece)
    return _Measured(digest.hexdigest(), data.tell())


def _nobody() -> None:
    """Wake nobody."""


class Intake:
    """Accepts uploads; what it has accepted is never lost."""

    def __init__(
        self,
        stores: Stores,
        visibility: VisibilityOverlay,
        clock: Clock,
        limits: IntakeLimits | None = None,
        on_accepted: Callable[[], None] = _nobody,
    ) -> None:
        """Use these stores; `on_accepted` is called after each commit, to wake the worker.

        `visibility` is told of uploads that open a document to other groups.
        """
        self._stores = stores
        self._visibility = visibility
        self._clock = clock
        self._limits = limits or IntakeLimits()
        self._on_accepted = on_accepted

    async def accept(self, caller: Caller, upload: Upload) -> Receipt:
        """Store an upload for the caller's tenant; durable when this returns.

        Raises:
            InvalidRequest: the source, title, file name, groups or metadata cannot be used.
            Forbidden: the caller is in none of the groups named.
            DocumentLimitReached: the tenant keeps as many documents as it may.
            PayloadTooLarge: the file is over the limit.
            Unreadable: the file is empty or of a kind that cannot be read.
            Conflict: others keep changing the document, or it is not open to the caller.
            VectorStoreUnavailable, ObjectStorageUnavailable: nothing was committed.
        """
        measured = await _measured(upload.data)
        upload = self._checked(caller, upload, measured.size_bytes)
        identity = document_id(caller.scope.tenant, upload.source)
        # Asked before anything is stored: while Qdrant is down uploads fail and commit nothing.
        shown = await self._stores.board.get(caller.scope, identity)
        for _ in range(_ATTEMPTS):
            standing = await self._stores.catalogue.standing(caller.scope.tenant, identity)
            before = standing.document
            _require_open(caller, before)
            if before and shown and _unchanged(before, shown, upload, measured):
                return Receipt(shown, "unchanged")
            if before is None:
                await self._require_place(caller.scope.tenant)
            next_revision = self._next_revision(caller, upload, measured, standing)
            require_order(next_revision.metadata)
            document = await self._commit(next_revision, upload.data)
            if document is not None:
                if before and before.access != document.access:
                    # The old version is shown until the new one is ready.
                    await self._visibility.announce(access_change(document))
                return Receipt(await self._announced(document), "accepted")
        raise Conflict(
            f"{upload.source!r} is being changed by others at this moment, so your upload was not "
            "stored. Try again in a moment.",
            retry_after_s=1,
        )

    async def _require_place(self, tenant: str) -> None:
        """Return if the tenant may keep one more document. Raises DocumentLimitReached."""
        most = self._limits.documents(tenant)
        if most is not None and sum((await self._stores.board.counts(tenant)).values()) >= most:
            raise DocumentLimitReached(
                f"Your organisation may keep {most:,} documents here and does so already. Delete "
                "some, or ask the people who run this service for more."
            )

    def _next_revision(
        self, caller: Caller, upload: Upload, measured: "_Measured", standing: Standing
    ) -> Document:
        tenant = caller.scope.tenant
        before, revision = standing.document, standing.newest + 1
        now = self._clock.now()
        known = before.metadata if before else Metadata()
        return Document(
            id=document_id(tenant, upload.source),
            tenant=tenant,
            source=upload.source,
            title=upload.title or (before.title if before else default_title(upload.source)),
            revision=revision,
            content=Content(
                version=revision,
                sha256=measured.sha256,
                size_bytes=measured.size_bytes,
                media_type=upload.media_type or "application/octet-stream",
            ),
            access=upload.access or (before.access if before else (EVERYONE,)),
            created_at=before.created_at if before else now,
            updated_at=now,
            metadata=known.updated(upload.metadata),
            hold=before.hold if before else None,
        )

    async def _commit(self, document: Document, data: Payload) -> Document | None:
        """Store the bytes, then the catalogue's entry; None if another was committed before."""
        stores = self._stores

        async def put(key: str) -> None:
            with step(Step.OBJECT_PUT, document_id=document.id):
                await stores.blobs.put_new(key, data)

        document = await keep_original(stores.blobs, document, put)
        with step(Step.CATALOGUE_PUT, document_id=document.id):
            committed = await stores.catalogue.commit(document)
        if committed:
            return document
        await let_go(stores, document)
        return None

    async def _announced(self, document: Document) -> DocumentStatus:
        status = DocumentStatus(document, DocumentState.ACCEPTED, self._clock.now())
        try:
            await self._stores.board.announce([status])
        except VectorStoreUnavailable:
            # The upload is committed; the worker finds it in the catalogue.
            _LOG.warning("document accepted but not yet shown", document_id=document.id)
        self._on_accepted()
        return status

    def _checked(self, caller: Caller, upload: Upload, size: int) -> Upload:
        name = _clean_name(upload.filename)
        source = checked_text("source", upload.source or name, LONGEST_SOURCE)
        title = checked_text("title", upload.title, LONGEST_TITLE) if upload.title else None
        metadata = checked_metadata(upload.metadata)
        if not size:
            raise Unreadable("empty", f"{name} is empty. Upload the file again.")
        if size > self._limits.max_bytes:
            raise PayloadTooLarge(
                f"{name} has {size / MEGABYTE:.1f} MB; up to "
                f"{self._limits.max_bytes / MEGABYTE:g} MB can be taken in. Split the file."
            )
        extension = PurePosixPath(name).suffix.lower()
        if extension not in self._limits.extensions:
            known = ", ".join(sorted(self._limits.extensions))
            raise Unreadable(
                "unsupported",
                f"{name} is of a kind that cannot be read. Convert it to one of: {known}.",
            )
        media_type = MEDIA_TYPES.get(extension, upload.media_type)
        access = checked_access(caller, upload.access) if upload.access else ()
        if access:
            self._visibility.require_room()
        return Upload(upload.data, name, source, title, media_type, access, metadata)


def _unchanged(
    before: Document, shown: DocumentStatus, upload: Upload, measured: "_Measured"
) -> bool:
    # A failed document is tried again: the fault may have been ours.
    return (
        shown.state is not DocumentState.FAILED
        and before.content.sha256 == measured.sha256
        and upload.title in {None, before.title}
        and upload.access in {(), before.access}
        and before.metadata.updated(upload.metadata) == before.metadata
    )


def _require_open(caller: Caller, before: Document | None) -> None:
    if before and not caller.scope.may_see(before.tenant, before.access):
        raise Conflict(
            "A document that is not open to you has this source already. Choose another `source`."
        )


def _clean_name(filename: str) -> str:
    name = PurePosixPath(filename.replace("\\", "/")).name
    return checked_text("file name", name, LONGEST_SOURCE)
