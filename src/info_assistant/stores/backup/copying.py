"""Copies object storage into packs while it is being written to.

The order makes a copy in which nothing is by half. The catalogue goes first, then originals and
all else, tombstones last: whatever original a catalogue object needs was stored before it, and if
it has gone meanwhile, its document was deleted, which a tombstone says that is copied later. What
vanishes under our hands because records were merged is found under its new name by looking again.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from info_assistant.errors import NotFound, ObjectStorageUnavailable
from info_assistant.ingestion.originals import original_key
from info_assistant.model.document import Document
from info_assistant.model.schema import MALFORMED
from info_assistant.model.tenant import SYSTEM_TENANT
from info_assistant.stores.backup.manifest import StoredObject
from info_assistant.stores.backup.packs import PackReader, PackWriter, sha256_of
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.blobs import StoredObject as Listed
from info_assistant.stores.document_json import document_from

LEFT_OUT = (f"{SYSTEM_TENANT}/restore/",)
"""What is about this installation and not in it: whether a restore is under way."""

_LOOKS = 5

Progress = Callable[[str, int, int], None]
"""Told a stage in words, and how many of how many are done."""


@dataclass(frozen=True, slots=True)
class Key:
    """What the name of an object says."""

    tenant: str
    folder: str
    rest: tuple[str, ...]

    @classmethod
    def of(cls, key: str) -> "Key":
        """Read a name."""
        tenant, _, below = key.partition("/")
        folder, _, rest = below.partition("/")
        return cls(tenant, folder, tuple(rest.split("/")))

    @property
    def revision(self) -> int:
        """The revision in the name of a catalogue object, tombstone or purge; else 0."""
        number = self.rest[-1].partition(".")[0]
        return int(number) if number.isdecimal() else 0


_CATALOGUE, _LAST = "documents", frozenset({"tombstones", "retired", "purges"})


class Copier:
    """Copies objects into packs, those that an earlier backup has not got."""

    def __init__(
        self, source: ObjectBlobs, writer: PackWriter, known: Iterable[StoredObject]
    ) -> None:
        """Copy from `source`; what is in `known` is in a pack already."""
        self._source = source
        self._writer = writer
        known = list(known)
        self._by_name = {(each.key, each.size, each.modified_ms): each for each in known}
        self._by_content = {(each.sha256, each.size): each for each in known}
        self._taken: dict[str, StoredObject | None] = {}

    async def copy(self, on_progress: Progress) -> list[StoredObject]:
        """Return all objects, each durable in a pack. Raises ObjectStorageUnavailable."""
        for stage, wanted in (
            ("catalogue", lambda key: key.folder == _CATALOGUE),
            ("originals and records", lambda key: key.folder not in {_CATALOGUE, *_LAST}),
            ("deletions", lambda key: key.folder in _LAST),
        ):
            await self._stage(stage, wanted, on_progress)
        await self._writer.flush()
        found = {each.key: each for each in self._writer.objects}
        found |= {key: each for key, each in self._taken.items() if each is not None}
        return sorted(found.values(), key=lambda each: each.key)

    async def _stage(
        self, stage: str, wanted: Callable[[Key], bool], on_progress: Progress
    ) -> None:
        for _ in range(_LOOKS):
            listed = [
                each
                async for each in self._source.entries("")
                if each.key not in self._taken
                and not each.key.startswith(LEFT_OUT)
                and wanted(Key.of(each.key))
            ]
            vanished = 0
            for number, each in enumerate(listed, 1):
                vanished += not await self._take(each)
                on_progress(stage, number, len(listed))
            if not vanished:
                return
        raise ObjectStorageUnavailable(
            "Stored records keep moving while they are copied, so no backup was made. Try again."
        )

    async def _take(self, listed: Listed) -> bool:
        """Take one object; False if it has gone meanwhile."""
        modified = int(listed.modified.timestamp() * 1000)
        known = self._by_name.get((listed.key, listed.size, modified))
        if known is not None:
            self._taken[listed.key] = known
            return True
        try:
            async with self._source.file(listed.key) as path:
                content = (sha256_of(path), path.stat().st_size)
                if known := self._by_content.get(content):
                    self._taken[listed.key] = replace(known, key=listed.key, modified_ms=modified)
                else:
                    await self._writer.add(path, listed.key, modified)
                    self._taken[listed.key] = None
        except (NotFound, FileNotFoundError):
            return False
        return True


@dataclass(slots=True)
class Catalogued:
    """The catalogue inside a backup: `living` by tenant and id, and the newest tombstones."""

    documents: list[Document]
    buried: dict[tuple[str, str], int]
    unreadable: int = 0

    @property
    def living(self) -> Mapping[tuple[str, str], Document]:
        """The newest living revision of each document."""
        newest: dict[tuple[str, str], Document] = {}
        for each in self.documents:
            name = (each.tenant, each.id)
            before = newest.get(name)
            if before is None or before.revision < each.revision:
                newest[name] = each
        return {
            name: each
            for name, each in newest.items()
            if min(each.revision, each.content.version) > self.buried.get(name, 0)
        }


async def catalogued(packs: PackReader, objects: Sequence[StoredObject]) -> Catalogued:
    """Read the catalogue out of a backup's packs. Raises StoredDataInvalid."""
    found = Catalogued([], buried_in(each.key for each in objects))
    wanted = [each for each in objects if Key.of(each.key).folder == _CATALOGUE]
    async for _, data in packs.each(wanted):
        try:
            found.documents.append(document_from(json.loads(data)))
        except MALFORMED:
            found.unreadable += 1
    return found


def buried_in(keys: Iterable[str]) -> dict[tuple[str, str], int]:
    """Return the newest tombstone of each document, from the names of objects."""
    buried: dict[tuple[str, str], int] = {}
    for key in map(Key.of, keys):
        if key.folder == "tombstones":
            name = (key.tenant, key.rest[0])
            buried[name] = max(buried.get(name, 0), key.revision)
    return buried


def require_whole(catalogue: Catalogued, keys: Collection[str]) -> list[str]:
    """Return which documents live in a backup without their original, by tenant and source."""
    there = set(keys)
    return [
        f"{each.tenant}: {each.source}"
        for each in catalogue.living.values()
        if original_key(each) not in there
    ]


def counts_of(catalogue: Catalogued, keys: Iterable[str]) -> Mapping[str, int]:
    """Return what is in a backup, by words that a reader of the list understands."""
    folders = Counter(key.folder for key in map(Key.of, keys))
    names = ("originals", "readings", "segments", "tombstones", "conversations")
    return {
        "tenants": len({tenant for tenant, _ in catalogue.living}),
        "documents": len(catalogue.living),
        **{name: folders[name] for name in names},
    }


__all__ = [
    "Catalogued",
    "Copier",
    "Key",
    "Progress",
    "buried_in",
    "catalogued",
    "counts_of",
    "require_whole",
]
