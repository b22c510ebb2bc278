"""Where backups lie: `{id}/…` for each, and the packs that they share.

`{id}/begun.json` says that somebody is making it, `{id}/manifest.json`, written last, that it is
complete, `{id}/verified.json` what came of its verification. Who makes a backup first says so and
then looks whether somebody is deleting; who deletes first says so and then looks whether somebody
makes one: at least one of the two sees the other and gives way.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from info_assistant.errors import Conflict, InvalidRequest, NotFound, StoredDataInvalid
from info_assistant.model.ids import new_id
from info_assistant.ports import Clock
from info_assistant.stores.backup.manifest import (
    Manifest,
    StoredFile,
    StoredObject,
    Verification,
    decoded_objects,
)
from info_assistant.stores.backup.packs import FOLDER, PackReader, pack_key
from info_assistant.stores.blobs import ObjectBlobs

LONGEST = timedelta(days=1)
"""A backup that was begun this long ago and is not complete never will be."""

_PRUNING = "pruning.json"
_LONGEST_PRUNE = timedelta(hours=1)
_BEGUN, _MANIFEST, _VERIFIED = "begun.json", "manifest.json", "verified.json"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as far as it can be read; `fault` says in words why it cannot be used.

    Without a `manifest` it is not complete. It is good once a verification has said so.
    """

    id: str
    manifest: Manifest | None = None
    verification: Verification | None = None
    fault: str = ""

    @property
    def good(self) -> bool:
        """Whether it was verified and found whole."""
        return not self.fault and self.verification is not None and self.verification.good

    @property
    def state(self) -> str:
        """One word: good, bad, unverified or incomplete."""
        if self.fault or (self.verification and not self.verification.good):
            return "bad"
        if self.manifest is None:
            return "incomplete"
        return "good" if self.verification else "unverified"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted: backups by id, and the bytes of packs that no other needed."""

    backups: Sequence[str]
    freed_bytes: int


class Shelf:
    """The backups at a place. Methods raise ObjectStorageUnavailable."""

    def __init__(self, blobs: ObjectBlobs, clock: Clock) -> None:
        """Keep backups in `blobs`."""
        self.blobs = blobs
        self._clock = clock
        self.packs = PackReader(blobs)

    async def all(self) -> Sequence[Backup]:
        """Return every backup, the newest first."""
        return [await self.look(name) for name in await self.names()]

    async def names(self) -> Sequence[str]:
        """Return the ids of all backups, complete or not, the newest first."""
        return sorted(set(await self.blobs.folders("")) - {FOLDER}, reverse=True)

    async def look(self, backup_id: str) -> Backup:
        """Return what can be read of a backup."""
        try:
            manifest = Manifest.decoded(await self.blobs.get(f"{backup_id}/{_MANIFEST}"))
        except NotFound:
            return Backup(backup_id)
        except StoredDataInvalid as exc:
            return Backup(backup_id, fault=exc.message)
        try:
            data = await self.blobs.get(f"{backup_id}/{_VERIFIED}")
            return Backup(backup_id, manifest, Verification.decoded(data))
        except NotFound:
            return Backup(backup_id, manifest)
        except StoredDataInvalid as exc:
            return Backup(backup_id, manifest, fault=exc.message)

    async def chosen(self, backup_id: str | None, *, even_bad: bool = False) -> Manifest:
        """Return the manifest of a backup, by default of the newest good one.

        Where none was verified, of the newest complete one. Raises NotFound, StoredDataInvalid.
        """
        if backup_id is None:
            complete = [each for each in await self.all() if each.state in {"good", "unverified"}]
            best = next((each for each in complete if each.good), next(iter(complete), None))
            if best is None or best.manifest is None:
                raise NotFound(
                    "There is no backup that could be used. `info-assistant backup list` shows "
                    "what there is; BACKUP_URL says where to look."
                )
            return best.manifest
        found = await self.look(backup_id)
        if found.manifest is None and not found.fault:
            raise NotFound(
                f"There is no complete backup {backup_id!r}. `info-assistant backup list` shows "
                "those that there are."
            )
        if found.manifest is None or (found.state == "bad" and not even_bad):
            findings = found.verification.findings if found.verification else ()
            raise StoredDataInvalid(
                f"Backup {backup_id} is bad: {found.fault or ' '.join(findings)} Use another one."
            )
        return found.manifest

    async def objects(self, manifest: Manifest) -> list[StoredObject]:
        """Return the list of a backup's objects. Raises StoredDataInvalid."""
        return decoded_objects(await self.read(manifest.objects))

    async def read(self, file: StoredFile) -> bytes:
        """Return the bytes of a small file of a backup. Raises StoredDataInvalid."""
        try:
            data = await self.blobs.get(file.key)
        except NotFound as exc:
            raise StoredDataInvalid(f"{file.key} is missing. Use another backup.") from exc
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise StoredDataInvalid(
                f"{file.key} is damaged: its checksum does not fit. Use another backup."
            )
        return data

    async def write(self, key: str, data: bytes) -> StoredFile:
        """Store a small file of a backup that is being made."""
        await self.blobs.put_new(key, data)
        return StoredFile(key, hashlib.sha256(data).hexdigest(), len(data))

    async def begin(self) -> str:
        """Say that a backup is being made and return its id. Raises Conflict during a deletion."""
        now = self._clock.now().astimezone(UTC)
        backup_id = f"{now:%Y%m%dT%H%M%SZ}-{new_id()[-6:]}"
        await self.blobs.put_new(f"{backup_id}/{_BEGUN}", _mark(now))
        if await self._age(_PRUNING) < _LONGEST_PRUNE:
            await self.blobs.delete(f"{backup_id}/{_BEGUN}")
            raise Conflict("Old backups are being deleted at this moment. Try again in a minute.")
        return backup_id

    async def complete(self, manifest: Manifest) -> None:
        """Make a backup one: from here on it is complete. Raises StoredDataInvalid."""
        there = {key.rsplit("/", 1)[-1] async for key in self.blobs.keys(FOLDER)}
        if missing := manifest.packs.keys() - there:
            raise StoredDataInvalid(
                f"{len(missing)} packs vanished while the backup was made, so it was given up. "
                "Make another one."
            )
        await self.blobs.put_new(f"{manifest.id}/{_MANIFEST}", manifest.encoded())
        await self.blobs.delete(f"{manifest.id}/{_BEGUN}")

    async def record(self, backup_id: str, verification: Verification) -> None:
        """Keep what came of a verification beside the manifest."""
        await self.blobs.put(f"{backup_id}/{_VERIFIED}", verification.encoded())

    async def prune(self, keep: int) -> Pruned:
        """Delete all but the `keep` newest complete backups, and packs that none needs.

        The newest good one always stays. Raises Conflict while a backup is being made.
        """
        if keep < 1:
            raise InvalidRequest("At least one backup is to be kept.")
        await self.blobs.put(_PRUNING, _mark(self._clock.now()))
        try:
            return await self._prune(keep)
        finally:
            await self.blobs.delete(_PRUNING)

    async def _prune(self, keep: int) -> Pruned:
        found = await self.all()
        ages = {
            each.id: await self._age(f"{each.id}/{_BEGUN}")
            for each in found
            if each.manifest is None
        }
        if any(age < LONGEST for age in ages.values()):
            raise Conflict(
                "A backup is being made at this moment, so nothing was deleted. Try again later; "
                f"one that was interrupted is in the way for {LONGEST.days} day."
            )
        complete = [each for each in found if each.manifest is not None]
        stay = {each.id for each in complete[:keep]}
        stay |= {each.id for each in [each for each in complete if each.good][:1]}
        needed = {
            pack
            for each in complete
            if each.id in stay and each.manifest
            for pack in each.manifest.packs
        }
        # One whose manifest is damaged may need any pack, and is kept for people to look at.
        gone = [each.id for each in found if each.id not in stay and not _is_damaged(each)]
        for name in gone:
            # The manifest first: what is deleted by half is no backup any more.
            await self.blobs.delete(f"{name}/{_MANIFEST}")
            async for key in self.blobs.keys(name):
                await self.blobs.delete(key)
        return Pruned(gone, await self._collect(needed))

    async def _collect(self, needed: set[str]) -> int:
        freed = 0
        async for entry in self.blobs.entries(FOLDER):
            if entry.key.rsplit("/", 1)[-1] not in needed:
                await self.blobs.delete(entry.key)
                freed += entry.size
        return freed

    async def _age(self, key: str) -> timedelta:
        """Return how long ago a mark was written; the longest time where there is none."""
        try:
            fields = json.loads(await self.blobs.get(key))
        except NotFound:
            return timedelta.max
        except ValueError:
            return timedelta.max
        return self._clock.now() - datetime.fromisoformat(fields["at"])


def usable(found: Sequence[Backup]) -> Mapping[str, Backup]:
    """Return the complete backups that nobody has found bad, by id, the newest first."""
    return {each.id: each for each in found if each.state in {"good", "unverified"}}


def _is_damaged(backup: Backup) -> bool:
    return backup.manifest is None and bool(backup.fault)


def _mark(at: datetime) -> bytes:
    return json.dumps({"at": at.isoformat()}).encode()


__all__ = ["LONGEST", "Backup", "Pruned", "Shelf", "pack_key", "usable"]
