"""The truth about documents: small JSON objects, one for each revision, never overwritten.

`{tenant}/documents/{id}/{revision:08d}.json` is a revision; the same under `tombstones` is the word
that every revision up to that one is dead, and under `purges` that their quotes are to go out of
old answers too. Whoever creates the next name wins.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import structlog

from info_assistant.errors import NotFound, StoredDataInvalid
from info_assistant.model.document import Document, Standing, Tombstone
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.ports import FolderBlobs
from info_assistant.stores.document_json import document_fields, document_from

_NAME = re.compile(r"[^/]+/(documents|tombstones)/(?P<id>[^/]+)/(?P<revision>\d{8,})\.json")

_LOG = structlog.get_logger(__name__)
_T = TypeVar("_T")


@dataclass(slots=True)
class _Revisions:
    """What a listing says of one document: its revisions and its tombstones."""

    written: list[int] = field(default_factory=list)
    buried: int = 0

    @property
    def living(self) -> int | None:
        newest = max(self.written, default=0)
        return newest if newest > self.buried else None


class BlobCatalogue:
    """The catalogue of documents (`ports.Catalogue`) in object storage."""

    def __init__(self, blobs: FolderBlobs) -> None:
        """Keep the catalogue in `blobs`."""
        self._blobs = blobs

    async def latest(self, tenant: str, document_id: str) -> Document | None:
        """Return the newest living revision, or None. Raises StoredDataInvalid."""
        return (await self.standing(tenant, document_id)).document

    async def standing(self, tenant: str, document_id: str) -> Standing:
        """Return where a document stands, by one look at its names. Raises StoredDataInvalid."""
        revisions = await self._revisions_of(tenant, document_id)
        return Standing(
            document=await self._living(tenant, document_id, revisions),
            newest=max([revisions.buried, *revisions.written]),
            buried=revisions.buried,
        )

    async def revision(self, tenant: str, document_id: str, revision: int) -> Document | None:
        """Return one revision, dead or alive, or None. Raises StoredDataInvalid."""
        key = _document_key(tenant, document_id, revision)
        try:
            data = await self._blobs.get(key)
        except NotFound:
            return None
        return _decoded(key, data, document_from)

    async def commit(self, document: Document) -> bool:
        """Write the revision; this is the moment a document is accepted. False if another won.

        Its name is free again where another took it, was buried and swept away meanwhile. What is
        written there is dead, so the tombstones are looked at afterwards.
        """
        key = _document_key(document.tenant, document.id, document.revision)
        if not await self._blobs.put_new(key, _encoded(document)):
            return False
        folder = f"{document.tenant}/tombstones/{document.id}"
        buried = [revision async for _, revision in self._names(folder)]
        return max(buried, default=0) < document.revision

    async def bury(self, tombstone: Tombstone) -> None:
        """Write the tombstone; durable when this returns. Burying twice changes nothing."""
        key = _tombstone_key(tombstone.tenant, tombstone.document_id, tombstone.revision)
        await self._blobs.put_new(key, _encoded(tombstone))

    async def order_purge(self, order: Tombstone) -> None:
        """Write the word that quotes of these revisions are to go out of old answers; durable.

        It counts once a tombstone covers the revision, so it is written before that.
        """
        key = f"{order.tenant}/purges/{order.document_id}/{order.revision:08d}.json"
        data = json.dumps(stamped(Stored.QUOTE_PURGE, asdict(order)), default=datetime.isoformat)
        await self._blobs.put_new(key, data.encode())

    async def purges(self, tenant: str) -> tuple[Tombstone, ...]:
        """Return a tenant's orders that count. Raises StoredDataInvalid."""
        found: list[Tombstone] = []
        async for key in self._blobs.keys(f"{tenant}/purges"):
            order = _decoded(key, await self._blobs.get(key), _tombstone)
            buried = (await self._revisions_of(tenant, order.document_id)).buried
            if order.revision <= buried:
                found.append(order)
        return tuple(found)

    async def forget_purge(self, order: Tombstone) -> None:
        """Delete an order that has been carried out for long enough."""
        key = f"{order.tenant}/purges/{order.document_id}/{order.revision:08d}.json"
        await self._blobs.delete(key)

    async def tombstone(self, tenant: str, document_id: str, revision: int) -> Tombstone | None:
        """Return the tombstone at this revision, or None. Raises StoredDataInvalid."""
        key = _tombstone_key(tenant, document_id, revision)
        try:
            return _decoded(key, await self._blobs.get(key), _tombstone)
        except NotFound:
            return None

    async def tombstones(self) -> AsyncIterator[Tombstone]:
        """Yield every tombstone of every tenant. Raises StoredDataInvalid."""
        for tenant in await self._blobs.folders(""):
            async for key in self._blobs.keys(f"{tenant}/tombstones"):
                yield _decoded(key, await self._blobs.get(key), _tombstone)

    async def documents(self) -> AsyncIterator[Document]:
        """Yield the newest living revision of every document of every tenant.

        One listing a tenant and kind, then one read a document. Raises StoredDataInvalid.
        """
        for tenant in await self._blobs.folders(""):
            for document_id, revisions in (await self._listing(tenant)).items():
                document = await self._living(tenant, document_id, revisions)
                if document is not None:
                    yield document

    async def living(self) -> AsyncIterator[tuple[str, str, int]]:
        """Yield (tenant, document id, newest revision) of what lives, from names alone.

        A revision that cannot be understood is here too: its document is not gone.
        """
        for tenant in await self._blobs.folders(""):
            for document_id, revisions in (await self._listing(tenant)).items():
                if revisions.living is not None:
                    yield tenant, document_id, revisions.living

    async def unswept(self) -> AsyncIterator[tuple[str, str, int]]:
        """Yield (tenant, document id, tombstone's revision) where dead revisions still lie."""
        for tenant in await self._blobs.folders(""):
            for document_id, revisions in (await self._listing(tenant)).items():
                if min(revisions.written, default=revisions.buried + 1) <= revisions.buried:
                    yield tenant, document_id, revisions.buried

    async def versions(self, latest: Document, before: int, limit: int) -> tuple[Document, ...]:
        """Return up to `limit` revisions below `before` that brought bytes, the newest first.

        `latest` is the document's newest revision. Each revision names the version whose bytes it
        has, so two reads lead from one to the one before. Raises StoredDataInvalid.
        """
        buried = (await self._revisions_of(latest.tenant, latest.id)).buried
        found: list[Document] = []
        at = min(latest.revision, before - 1)
        while at > buried and len(found) < limit:
            revision = await self.revision(latest.tenant, latest.id, at)
            version = revision and revision.content.version
            if revision is not None and version != at:
                revision = await self.revision(latest.tenant, latest.id, version or 0)
            if revision is not None and revision.content.version > buried:
                found.append(revision)
            at = (version or at) - 1
        return tuple(found)

    async def dead_revisions(
        self, tenant: str, document_id: str, up_to: int
    ) -> tuple[Document, ...]:
        """Return the revisions up to and including `up_to` that can be understood."""
        found: list[Document] = []
        for revision in sorted((await self._revisions_of(tenant, document_id)).written):
            if revision <= up_to:
                try:
                    document = await self.revision(tenant, document_id, revision)
                except StoredDataInvalid as exc:
                    _LOG.warning("dead revision unreadable", error=exc.message)
                    continue
                found.extend([document] if document else [])
        return tuple(found)

    async def sweep(self, tenant: str, document_id: str, up_to: int) -> None:
        """Delete the revisions up to and including `up_to`; the tombstone stays."""
        for revision in (await self._revisions_of(tenant, document_id)).written:
            if revision <= up_to:
                await self._blobs.delete(_document_key(tenant, document_id, revision))

    async def _living(
        self, tenant: str, document_id: str, revisions: _Revisions
    ) -> Document | None:
        newest = revisions.living
        document = None if newest is None else await self.revision(tenant, document_id, newest)
        if document is not None and document.content.version <= revisions.buried:
            # A change that a removal overtook: it brought no bytes of its own to live on.
            return None
        return document

    async def _revisions_of(self, tenant: str, document_id: str) -> _Revisions:
        return (await self._listing(tenant, document_id)).get(document_id, _Revisions())

    async def _listing(self, tenant: str, document_id: str = "") -> dict[str, _Revisions]:
        below = f"/{document_id}" if document_id else ""
        found: dict[str, _Revisions] = {}
        # Tombstones last: whatever was committed before one of them is then in the first listing.
        async for name, revision in self._names(f"{tenant}/documents{below}"):
            found.setdefault(name, _Revisions()).written.append(revision)
        async for name, revision in self._names(f"{tenant}/tombstones{below}"):
            entry = found.setdefault(name, _Revisions())
            entry.buried = max(entry.buried, revision)
        return found

    async def _names(self, folder: str) -> AsyncIterator[tuple[str, int]]:
        async for key in self._blobs.keys(folder):
            name = _parsed(key)
            if name is not None:
                yield name


def _document_key(tenant: str, document_id: str, revision: int) -> str:
    return f"{tenant}/documents/{document_id}/{revision:08d}.json"


def _tombstone_key(tenant: str, document_id: str, revision: int) -> str:
    return f"{tenant}/tombstones/{document_id}/{revision:08d}.json"


def _parsed(key: str) -> tuple[str, int] | None:
    found = _NAME.fullmatch(key)
    if found is None:
        # Somebody's stray file must not hide the documents beside it.
        _LOG.warning("not a catalogue object", key=key)
        return None
    return found["id"], int(found["revision"])


def _encoded(value: Document | Tombstone) -> bytes:
    if isinstance(value, Document):
        fields = stamped(Stored.DOCUMENT, document_fields(value))
    else:
        fields = stamped(Stored.TOMBSTONE, asdict(value))
    return json.dumps(fields, default=datetime.isoformat, ensure_ascii=False).encode()


def _decoded(key: str, data: bytes, make: Callable[[dict[str, Any]], _T]) -> _T:
    try:
        return make(json.loads(data))
    except MALFORMED as exc:
        raise _invalid(key, f"{type(exc).__name__}: {exc}") from exc


def _invalid(key: str, reason: str) -> StoredDataInvalid:
    return StoredDataInvalid(
        f"The catalogue object {key} cannot be understood ({reason}). Restore it from a backup, "
        "or delete the object to forget this revision."
    )


def _tombstone(fields: dict[str, Any]) -> Tombstone:
    return Tombstone(
        tenant=str(fields["tenant"]),
        document_id=str(fields["document_id"]),
        revision=int(fields["revision"]),
        at=moment_from(fields["at"]),
        actor=str(fields["actor"]),
    )
