"""Compares what is stored: originals, texts and catalogue in object storage, states and passages.

Made for `doctor`, beside a running system: what is young is left alone, as it may be on its way,
and before anything is mended it is looked at again. In memory are names and hashes, some hundred
bytes a document.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from info_assistant.errors import StoredDataInvalid
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.originals import original_key, readings_folder
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.ports import Clock

_GRACE = timedelta(hours=1)
"""What is younger may belong to an upload that is not committed yet."""
_SETTLING = timedelta(minutes=1)
"""How long a projection may be behind the catalogue."""
_STALE = timedelta(minutes=15)
"""A worker that has a document in hand reports more often than this."""
_AT_ONCE = 16
_EXAMPLES = 5
_IN_HAND = frozenset({DocumentState.READING, DocumentState.INDEXING})


class Fault(StrEnum):
    """What can be wrong between the stores."""

    UNREADABLE_ENTRY = "unreadable_entry"
    MISSING_ORIGINAL = "missing_original"
    MISSING_STATE = "missing_state"
    OLD_STATE = "old_state"
    STALE_LEASE = "stale_lease"
    MISSING_PASSAGES = "missing_passages"
    SURPLUS_PASSAGES = "surplus_passages"
    ORPHANED_BYTES = "orphaned_bytes"
    ORPHANED_TEXT = "orphaned_text"
    ORPHANED_REFERENCE = "orphaned_reference"
    ORPHANED_PASSAGES = "orphaned_passages"
    ORPHANED_STATE = "orphaned_state"
    ORPHANED_INDEX = "orphaned_index"
    UNSWEPT = "unswept"


@dataclass(slots=True)
class Group:
    """All that is wrong in one way: how much, `mended` of it now right, with a few examples."""

    count: int = 0
    mended: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Inspected:
    """How many documents, originals and passages were compared, and what is wrong."""

    documents: int
    originals: int
    passages: int
    faults: Mapping[Fault, Group]


class Entry(Protocol):
    """A stored object in a listing."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def modified(self) -> datetime:
        """When it was written last."""


class Listing(Protocol):
    """Object storage that says how old things are. Raises ObjectStorageUnavailable."""

    def entries(self, prefix: str) -> AsyncIterator[Entry]:
        """Yield every object in a folder."""

    async def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder `prefix`."""


Sweep = Callable[[str, str, int], Awaitable[None]]
"""Deletes what is left of the revisions of a document (tenant, id) up to one that is dead."""


class Inspector:
    """Compares all stores once; with `sweep`, mends what can be mended."""

    def __init__(
        self, stores: Stores, listing: Listing, clock: Clock, sweep: Sweep | None = None
    ) -> None:
        """Compare `stores`, whose objects `listing` lists."""
        self._stores = stores
        self._listing = listing
        self._clock = clock
        self._sweep = sweep
        self._faults: dict[Fault, Group] = {}
        self._living: dict[str, tuple[str, int]] = {}
        self._originals: set[str] = set()
        self._texts: set[str] = set()

    async def inspect(self) -> Inspected:
        """Return what is wrong.

        Raises ObjectStorageUnavailable, VectorStoreUnavailable, Misconfigured.
        """
        # The index before the catalogue: what is in the first and not in the second is gone.
        counts = await self._stores.passages.counts()
        await self._look_at_catalogue()
        originals = await self._look_at_objects()
        await self._look_at_board(counts)
        await self._look_at_index(counts)
        return Inspected(len(self._living), originals, sum(counts.values()), self._faults)

    async def _found(
        self, fault: Fault, example: str, mend: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        group = self._faults.setdefault(fault, Group())
        group.count += 1
        if len(group.examples) < _EXAMPLES:
            group.examples.append(example)
        if mend is not None and self._sweep is not None and await mend():
            group.mended += 1

    async def _look_at_catalogue(self) -> None:
        catalogue = self._stores.catalogue
        async for tenant, document_id, up_to in catalogue.unswept():

            async def swept(key: tuple[str, str, int] = (tenant, document_id, up_to)) -> bool:
                if self._sweep is not None:
                    await self._sweep(*key)
                return True

            await self._found(Fault.UNSWEPT, document_id, swept)
        batch: list[tuple[str, str, int]] = []
        async for each in catalogue.living():
            batch.append(each)
            if len(batch) == _AT_ONCE:
                await asyncio.gather(*(self._look_at_document(*every) for every in batch))
                batch = []
        await asyncio.gather(*(self._look_at_document(*every) for every in batch))

    async def _look_at_document(self, tenant: str, document_id: str, newest: int) -> None:
        """Note which bytes and texts the living revisions of a document want."""
        self._living[document_id] = tenant, newest
        for revision in range(newest, 0, -1):
            try:
                document = await self._stores.catalogue.revision(tenant, document_id, revision)
            except StoredDataInvalid:
                await self._found(Fault.UNREADABLE_ENTRY, f"{document_id}, revision {revision}")
                continue
            if document is not None:
                self._originals.add(original_key(document))
                self._texts.add(readings_folder(document))

    async def _look_at_objects(self) -> int:
        """Look for objects that nobody owns; return how many originals are there."""
        there = 0
        missing = set(self._originals)
        # Whatever the catalogue holds that cannot be read may own any of them.
        certain = Fault.UNREADABLE_ENTRY not in self._faults
        for tenant in await self._listing.folders(""):
            # References first: bytes go only where none is left.
            async for each in self._listing.entries(f"{tenant}/references"):
                if self._is_lost_reference(each.key) and self._is_old(each):
                    await self._found(Fault.ORPHANED_REFERENCE, each.key, self._removing(each.key))
            async for each in self._listing.entries(f"{tenant}/originals"):
                there += 1
                missing.discard(each.key)
                if certain and each.key not in self._originals and self._is_old(each):
                    await self._found(Fault.ORPHANED_BYTES, each.key, self._deleting(each.key))
            async for each in self._listing.entries(f"{tenant}/readings"):
                owned = any(each.key.startswith(f"{text}/") for text in self._texts_of(each.key))
                if certain and not owned and self._is_old(each):
                    await self._found(Fault.ORPHANED_TEXT, each.key, self._removing(each.key))
        for key in sorted(missing):
            await self._found(Fault.MISSING_ORIGINAL, key)
        return there

    def _texts_of(self, key: str) -> Sequence[str]:
        """Return the owned folders that an object may lie in."""
        parts = key.split("/")
        return [
            folder
            for length in range(3, len(parts))
            if (folder := "/".join(parts[:length])) in self._texts
        ]

    def _is_old(self, entry: Entry) -> bool:
        return self._clock.now() - entry.modified > _GRACE

    def _is_lost_reference(self, key: str) -> bool:
        document_id = key.rsplit("/", 1)[-1].split(".")[1:2]
        return bool(document_id) and document_id[0] not in self._living

    def _removing(self, key: str) -> Callable[[], Awaitable[bool]]:
        async def remove() -> bool:
            await self._stores.blobs.delete(key)
            return True

        return remove

    def _deleting(self, key: str) -> Callable[[], Awaitable[bool]]:
        """Return how to delete bytes that nobody rests on, by the protocol of deletions.

        First the copy is retired, then references to it are looked for: an upload refers first and
        then looks whether it is retired, so one of the two sees the other.
        """

        async def delete() -> bool:
            tenant, _, _, *copy, sha256 = key.split("/")
            references = f"{tenant}/references/{sha256}"
            number = copy[0] if copy else "0"
            await self._stores.blobs.put_new(f"{tenant}/retired/{sha256}/{number}", b"")
            async for each in self._stores.blobs.keys(references):
                if each.rsplit("/", 1)[-1].startswith(f"{number}."):
                    return False
            await self._stores.blobs.delete(key)
            return True

        return delete

    async def _look_at_board(self, counts: Mapping[str, int]) -> None:
        missing = set(self._living)
        async for status in self._stores.board.every():
            key = status.document.id
            missing.discard(key)
            if key not in self._living:
                await self._look_at_stray(status)
            elif status.document.revision < self._living[key][1]:
                await self._look_at_late(Fault.OLD_STATE, key)
            elif status.state in _IN_HAND and self._clock.now() - _last_sign(status) > _STALE:
                await self._found(Fault.STALE_LEASE, _named(status), self._beginning(key))
            elif status.state is DocumentState.READY:
                await self._look_at_ready(status, counts.get(key, 0))
        for key in sorted(missing):
            await self._look_at_late(Fault.MISSING_STATE, key)

    async def _look_at_stray(self, status: DocumentStatus) -> None:
        tenant, key = status.document.tenant, status.document.id

        async def remove() -> bool:
            await self._stores.board.remove(tenant, key, up_to=status.document.revision)
            return True

        if await self._latest(tenant, key) is None:
            await self._found(Fault.ORPHANED_STATE, _named(status), remove)

    async def _look_at_late(self, fault: Fault, key: str) -> None:
        """Look whether a document whose state is behind had the time to be shown."""
        document = await self._latest(self._living[key][0], key)
        if document is not None and self._clock.now() - document.updated_at > _SETTLING:
            await self._found(fault, document.source, self._beginning(key))

    async def _look_at_ready(self, status: DocumentStatus, counted: int) -> None:
        """Compare the passages of a ready document with what its state says."""
        if counted == status.passages:
            return
        document, passages = status.document, self._stores.passages
        version = document.content.version
        there = await passages.count(document.tenant, document.id, version)
        if there < status.passages:
            words = f"{document.source} ({there} of {status.passages})"
            await self._found(Fault.MISSING_PASSAGES, words, self._beginning(document.id))
            return
        # Counted again: it may have been deleted or replaced since the first count.
        total = (await passages.counts()).get(document.id, 0)
        if total <= status.passages:
            return

        async def take_away() -> bool:
            await passages.remove_versions(document.tenant, document.id, up_to=version - 1)
            if there > status.passages:
                await passages.remove_document(document.id)
                await self._beginning(document.id)()
            return True

        words = f"{document.source} ({total} instead of {status.passages})"
        await self._found(Fault.SURPLUS_PASSAGES, words, take_away)

    async def _look_at_index(self, counts: Mapping[str, int]) -> None:
        for key in sorted(counts.keys() - self._living.keys()):

            async def remove(key: str = key) -> bool:
                await self._stores.passages.remove_document(key)
                return True

            await self._found(Fault.ORPHANED_PASSAGES, key, remove)
        for name in await self._stores.passages.leftovers():

            async def delete() -> bool:
                await self._stores.passages.delete_leftovers()
                return True

            await self._found(Fault.ORPHANED_INDEX, name, delete)

    def _beginning(self, key: str) -> Callable[[], Awaitable[bool]]:
        """Return how to let a worker take a document in again."""

        async def begin() -> bool:
            document = await self._latest(self._living[key][0], key)
            if document is None:
                return False
            now = self._clock.now()
            accepted = DocumentStatus(document, DocumentState.ACCEPTED, now)
            await self._stores.board.put_all([accepted])
            return True

        return begin

    async def _latest(self, tenant: str, key: str) -> Document | None:
        try:
            return await self._stores.catalogue.latest(tenant, key)
        except StoredDataInvalid:
            return None


def _last_sign(status: DocumentStatus) -> datetime:
    """Return when whoever has a document in hand was last heard of."""
    return status.lease.renewed_at if status.lease else status.since


def _named(status: DocumentStatus) -> str:
    return f"{status.document.source} ({status.state.value} since {status.since:%Y-%m-%d %H:%M})"
