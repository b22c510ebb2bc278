"""Making a backup of an installation, and bringing one back."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from info_assistant.errors import (
    InfoAssistantError,
    NotFound,
    StoredDataInvalid,
    Unavailable,
)
from info_assistant.ingestion.originals import original_key
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.restoring import NAME as RESTORE
from info_assistant.resilience.restoring import RestoreMark
from info_assistant.settings import Settings
from info_assistant.stores.backup.copying import (
    Catalogued,
    Copier,
    Progress,
    catalogued,
    counts_of,
    require_whole,
)
from info_assistant.stores.backup.golden import GoldenQuestion, encoded_questions
from info_assistant.stores.backup.manifest import (
    CollectionCopy,
    Manifest,
    StoredFile,
    StoredObject,
    encoded_objects,
)
from info_assistant.stores.backup.packs import FOLDER, PackWriter, sha256_of
from info_assistant.stores.backup.restoring import ObjectRestorer, Restored
from info_assistant.stores.backup.shelf import Shelf, usable
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.purging import QuotePurging
from info_assistant.stores.qdrant import QdrantCopies
from info_assistant.wiring.foundation import Foundation, foundation
from info_assistant.wiring.golden import chosen_questions
from info_assistant.wiring.restored_index import IndexRestorer

ALIASES = ("passages", "documents")
"""What is copied of Qdrant."""


_WITHOUT_INDEX = "Workers build the index anew once Qdrant is there; until then nothing is found."


@dataclass(frozen=True, slots=True)
class RestoreOrder:
    """What to restore: a backup by id, by default the newest good one.

    `tombstones_from` is where deletions are known that the target's object storage may lack;
    `settle_s` is how long running workers are given to notice that they have to wait. With
    `objects_only` Qdrant is not asked: workers build the index anew once it is there.
    """

    backup_id: str | None = None
    tombstones_from: str | None = None
    even_bad: bool = False
    settle_s: float = 3.0
    objects_only: bool = False


@dataclass(frozen=True, slots=True)
class RestoreOutcome:
    """What a restore came to; `notes` are in words."""

    backup_id: str
    objects: Restored
    points: Mapping[str, int]
    tombstones: int
    notes: Sequence[str]


def shelf_of(settings: Settings) -> Shelf:
    """Return the place where an installation keeps its backups."""
    blobs = ObjectBlobs(settings.backup.url, settings.s3, variable="BACKUP_URL")
    return Shelf(blobs, SystemClock())


@asynccontextmanager
async def grounded(settings: Settings) -> AsyncIterator[Foundation]:
    """Give the ground of an installation, without anything that runs on it."""
    base = foundation(settings)
    try:
        yield base
    finally:
        for close in base.closers:
            await close()


class BackupMaker:
    """Makes one backup."""

    def __init__(
        self, settings: Settings, base: Foundation, on_progress: Progress, *, keep: Path
    ) -> None:
        """Copy what `base` stands on; `keep` is a folder for files on their way."""
        self._settings = settings
        self._base = base
        self._tell = on_progress
        self._folder = keep
        self._shelf = shelf_of(settings)

    async def make(self, questions: Sequence[GoldenQuestion] = ()) -> Manifest:
        """Make a backup and return its manifest; `questions` go before those that we choose.

        While Qdrant does not answer the backup is made without it: it can be built anew. Raises
        ObjectStorageUnavailable, StoredDataInvalid, Conflict.
        """
        backup_id = await self._shelf.begin()
        try:
            return await self._make(backup_id, questions)
        except BaseException:
            with suppress(InfoAssistantError):
                await self._shelf.blobs.delete(f"{backup_id}/begun.json")
            raise

    async def _make(self, backup_id: str, questions: Sequence[GoldenQuestion]) -> Manifest:
        began = self._base.clock.now()
        writer = PackWriter(self._shelf.blobs, self._folder)
        copier = Copier(self._base.blobs, writer, await self._known())
        objects = await copier.copy(self._tell)
        catalogue = await catalogued(self._shelf.packs, objects)
        lost = await self._lost(catalogue, objects)
        collections = await self._collections(backup_id)
        if not questions and collections:
            questions = await chosen_questions(self._base)
        shelf, keys = self._shelf, [each.key for each in objects]
        table = await shelf.write(f"{backup_id}/qdrant/collections.tsv", _table(collections))
        manifest = Manifest(
            id=backup_id,
            began_at=began,
            finished_at=self._base.clock.now(),
            product=version("info-assistant"),
            objects=await shelf.write(f"{backup_id}/objects.jsonl", encoded_objects(objects)),
            golden=await shelf.write(f"{backup_id}/golden.jsonl", encoded_questions(questions)),
            object_count=len(objects),
            object_bytes=sum(each.size for each in objects),
            packs=await self._pack_sizes({each.pack for each in objects}),
            added_bytes=writer.added_bytes,
            counts={**counts_of(catalogue, keys), "originals_missing": lost},
            collections=collections,
            table=table,
        )
        await shelf.complete(manifest)
        return manifest

    async def _known(self) -> Sequence[StoredObject]:
        """Return what the newest backup that can be used has in packs that are there."""
        newest = next(iter(usable(await self._shelf.all()).values()), None)
        if newest is None or newest.manifest is None:
            return ()
        there = await self._pack_sizes(None)
        try:
            objects = await self._shelf.objects(newest.manifest)
        except StoredDataInvalid:
            return ()
        sizes = newest.manifest.packs
        return [each for each in objects if there.get(each.pack) == sizes.get(each.pack, -1)]

    async def _pack_sizes(self, wanted: set[str] | None) -> Mapping[str, int]:
        sizes = {
            entry.key.rsplit("/", 1)[-1]: entry.size
            async for entry in self._shelf.blobs.entries(FOLDER)
        }
        return sizes if wanted is None else {each: sizes.get(each, 0) for each in sorted(wanted)}

    async def _lost(self, catalogue: Catalogued, objects: Sequence[StoredObject]) -> int:
        """Return how many documents have lost their original already, in the installation itself.

        Raises StoredDataInvalid where it is only the copy that lacks one.
        """
        keys = {each.key for each in objects}
        lacking = [each for each in catalogue.living.values() if original_key(each) not in keys]
        for each in lacking:
            try:
                await self._base.blobs.get_range(original_key(each), 0, 1)
            except NotFound:
                continue
            raise StoredDataInvalid(
                f"{each.source} changed while it was copied, so the backup was given up. Make "
                "another one."
            )
        return len(require_whole(catalogue, keys))

    async def _collections(self, backup_id: str) -> Sequence[CollectionCopy]:
        found: list[CollectionCopy] = []
        settings = self._settings
        peers = settings.qdrant_peers or (settings.qdrant_url,)
        try:
            for peer in peers:
                copies = QdrantCopies(peer, settings.qdrant_api_key)
                engine = await copies.engine()
                portable = peer == peers[0] and not engine.startswith("local-qdrant")
                for form in ("snapshot", "points") if portable else ("snapshot",):
                    for alias in ALIASES:
                        found += await self._collection(backup_id, copies, (alias, form, engine))
        except Unavailable as exc:
            self._tell(f"Qdrant left out: {exc.message}", 1, 1)
            return ()
        return found

    async def _collection(
        self, backup_id: str, copies: QdrantCopies, what: tuple[str, str, str]
    ) -> Sequence[CollectionCopy]:
        alias, form, engine = what
        state = await copies.state(alias)
        if state is None:
            return ()
        self._tell(f"{form} of {alias}", 0, 1)
        path = self._folder / f"{alias}.{form}"
        if form == "snapshot":
            await copies.snapshot(state.name, path)
            points = state.points
        else:
            points = await copies.export_points(state.name, path)
        sha256 = await asyncio.to_thread(sha256_of, path)
        peer = copies.url.partition("://")[2].replace(":", "-").replace("/", "-")
        ending = "snapshot" if form == "snapshot" else "jsonl.gz"
        key = f"{backup_id}/qdrant/{state.name}.{peer}.{sha256[:12]}.{ending}"
        with path.open("rb") as file:
            await self._shelf.blobs.put_new(key, file)
        stored = StoredFile(key, sha256, path.stat().st_size)
        path.unlink()
        self._tell(f"{form} of {alias}", 1, 1)
        return [
            CollectionCopy(
                alias, state.name, form, engine, copies.url, points, state.metadata, stored
            )
        ]


async def restore_backup(
    settings: Settings, shelf: Shelf, order: RestoreOrder, on_progress: Progress
) -> RestoreOutcome:
    """Bring a backup back into an installation, empty or not; may be repeated at any time.

    Raises StoredDataInvalid where the backup is not whole, Unavailable, NotFound.
    """
    manifest = await shelf.chosen(order.backup_id, even_bad=order.even_bad)
    async with grounded(settings) as base:
        mark = RestoreMark(base.objects.open(RESTORE))
        await mark.begin(manifest.id, base.clock.now())
        await asyncio.sleep(order.settle_s)
        objects = await shelf.objects(manifest)
        restorer = ObjectRestorer(shelf.packs, base.blobs)
        replayed = 0
        if order.tombstones_from:
            replayed = await restorer.replay(ObjectBlobs(order.tombstones_from, settings.s3))
        restored = await restorer.restore(objects, on_progress)
        points: Mapping[str, int] = {}
        notes: Sequence[str] = (_WITHOUT_INDEX,)
        if not order.objects_only:
            copies = QdrantCopies(settings.qdrant_url, settings.qdrant_api_key)
            index = IndexRestorer(base, copies, shelf, manifest)
            points = await index.restore(await catalogued(shelf.packs, objects), on_progress)
            notes = index.notes
        await QuotePurging(base.blobs, BlobCatalogue(base.blobs), base.clock).carry_out()
        await mark.end(base.clock.now())
        return RestoreOutcome(manifest.id, restored, points, replayed, notes)


async def make_backup(
    settings: Settings, questions: Sequence[GoldenQuestion], on_progress: Progress
) -> Manifest:
    """Make a backup of an installation. Raises what `BackupMaker.make` raises."""
    with tempfile.TemporaryDirectory(prefix="info-assistant-backup-") as folder:
        async with grounded(settings) as base:
            return await BackupMaker(settings, base, on_progress, keep=Path(folder)).make(questions)


def _table(collections: Sequence[CollectionCopy]) -> bytes:
    """Return the snapshots as lines with tabs, for the script that has no reader of JSON."""
    rows = (
        (each.peer, each.alias, each.collection, str(each.points), each.file.sha256, each.file.key)
        for each in collections
        if each.form == "snapshot"
    )
    return "".join("\t".join(row) + "\n" for row in rows).encode()
