"""Writes the objects of a backup back, so that whoever reads meanwhile sees nothing by half.

Every object is written under a name not yet taken: what is there, and so perhaps newer, stays. The
deletions go first, then originals and all else, and the catalogue last, of each document the newest
revision before older ones: a document appears with all that it needs, and as it was last. Killed
anywhere, it is done again and skips what is there.

What was deleted after the backup was made stays deleted: of documents that a later tombstone
covers nothing is written, neither their revisions nor bytes that no other document needs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from info_assistant.errors import NotFound
from info_assistant.ingestion.originals import original_key, readings_folder
from info_assistant.stores.backup.copying import (
    Catalogued,
    Key,
    Progress,
    buried_in,
    catalogued,
)
from info_assistant.stores.backup.manifest import StoredObject
from info_assistant.stores.backup.packs import PackReader
from info_assistant.stores.blobs import ObjectBlobs

_AT_ONCE = 16
_FIRST = frozenset({"tombstones", "retired", "purges"})


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore of objects came to: written, already there, left out because deleted."""

    written: int
    there: int
    deleted: int


class ObjectRestorer:
    """Writes a backup's objects into an installation's object storage."""

    def __init__(self, packs: PackReader, target: ObjectBlobs) -> None:
        """Write from `packs` to `target`."""
        self._packs = packs
        self._target = target

    async def replay(self, tombstones: ObjectBlobs) -> int:
        """Carry over the deletions known elsewhere, durably; return how many were new."""
        carried = 0
        for tenant in await tombstones.folders(""):
            for folder in ("purges", "tombstones"):
                async for key in tombstones.keys(f"{tenant}/{folder}"):
                    try:
                        carried += await self._target.put_new(key, await tombstones.get(key))
                    except NotFound:
                        continue  # An order that was carried out meanwhile.
        return carried

    async def restore(self, objects: Sequence[StoredObject], on_progress: Progress) -> Restored:
        """Write what is missing. Raises StoredDataInvalid, ObjectStorageUnavailable."""
        there = {each.key: each.size async for each in self._target.entries("")}
        dead = await self._dead(objects, there)
        wanted = [each for each in objects if each.key not in there and each.key not in dead]
        done = 0
        for group in in_order(wanted):
            batch: list[tuple[StoredObject, bytes]] = []
            size = 0
            async for pair in self._packs.each(group):
                batch.append(pair)
                size += pair[0].size
                if len(batch) == _AT_ONCE or size > _BATCH_BYTES:
                    done += await self._write(batch)
                    batch, size = [], 0
                    on_progress("objects", done, len(wanted))
            done += await self._write(batch)
            on_progress("objects", done, len(wanted))
        return Restored(done, len(there.keys() & {each.key for each in objects}), len(dead))

    async def _write(self, batch: Sequence[tuple[StoredObject, bytes]]) -> int:
        await asyncio.gather(*(self._target.put_new(each.key, data) for each, data in batch))
        return len(batch)

    async def _dead(self, objects: Sequence[StoredObject], there: Mapping[str, int]) -> set[str]:
        """Return the names of what belongs to documents that were deleted since the backup."""
        catalogue = await catalogued(self._packs, objects)
        buried = buried_in(there)
        if all(catalogue.buried.get(name, 0) >= revision for name, revision in buried.items()):
            return set()
        return dead_keys(objects, catalogue, buried)


_BATCH_BYTES = 32 * 1024 * 1024


def dead_keys(
    objects: Sequence[StoredObject], catalogue: Catalogued, buried: Mapping[tuple[str, str], int]
) -> set[str]:
    """Return the names of objects that only documents need which `buried` covers."""
    needed: set[str] = set()
    gone: set[str] = set()
    for document in catalogue.documents:
        folders = {original_key(document), readings_folder(document)}
        dies = document.content.version <= buried.get((document.tenant, document.id), 0)
        (gone if dies else needed).update(folders)
    gone -= needed
    dead: set[str] = set()
    for each in objects:
        key = Key.of(each.key)
        match key.folder:
            case "documents":
                dies = key.revision <= buried.get((key.tenant, key.rest[0]), 0)
            case "references":
                _, document_id, version = key.rest[-1].split(".")
                dies = int(version) <= buried.get((key.tenant, document_id), 0)
            case "originals":
                dies = each.key in gone
            case "readings":
                dies = any(each.key.startswith(f"{folder}/") for folder in _parents(each.key, gone))
            case _:
                dies = False
        if dies:
            dead.add(each.key)
    return dead


def _parents(key: str, folders: set[str]) -> set[str]:
    """Return which of the folders may hold `key`, looked up by its own parents."""
    parts = key.split("/")
    return {"/".join(parts[:length]) for length in range(3, len(parts))} & folders


def in_order(objects: Sequence[StoredObject]) -> Sequence[Sequence[StoredObject]]:
    """Return objects in groups that are to be written one after the other."""
    newest: dict[tuple[str, str], int] = {}
    groups: list[list[StoredObject]] = [[], [], [], []]
    for each in objects:
        key = Key.of(each.key)
        if key.folder == "documents":
            name = (key.tenant, key.rest[0])
            newest[name] = max(newest.get(name, 0), key.revision)
    for each in objects:
        key = Key.of(each.key)
        if key.folder in _FIRST:
            groups[0].append(each)
        elif key.folder != "documents":
            groups[1].append(each)
        else:
            last = key.revision == newest[key.tenant, key.rest[0]]
            groups[2 if last else 3].append(each)
    return groups
