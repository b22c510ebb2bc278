"""Copying the newest good backup to where the second region finds it.

What a backup shares with others goes first, its manifest and its verification last: at every moment
what is there either counts as a backup and is whole, or does not count.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from info_assistant.errors import NotFound, StoredDataInvalid
from info_assistant.ports import FolderBlobs
from info_assistant.regions.loss import MANIFEST, VERIFIED, newest_backup

_PACKS = "packs"


@dataclass(frozen=True, slots=True)
class Shipped:
    """What was copied: the backup, and how many files and bytes of it were not there yet."""

    id: str
    files: int = 0
    bytes: int = 0


async def ship(source: FolderBlobs, target: FolderBlobs) -> Shipped:
    """Copy the newest good backup, as far as it is not there; interrupted, run it again.

    Raises NotFound where there is none, StoredDataInvalid where a file is not what its name says,
    ObjectStorageUnavailable.
    """
    newest = await newest_backup(source)
    if newest is None:
        raise NotFound(
            "There is no backup that was verified and found good, so nothing was shipped. Make "
            "one: info-assistant backup create"
        )
    last = [f"{newest.id}/{name}" for name in (MANIFEST, VERIFIED)]
    there = {key async for key in target.keys(newest.id)}
    if there.issuperset(last):
        return Shipped(newest.id)
    there |= {key async for key in target.keys(_PACKS)}
    packs = json.loads(await source.get(last[0]))["packs"]
    wanted = [f"{_PACKS}/{name[:2]}/{name}" for name in packs]
    wanted += sorted([key async for key in source.keys(newest.id) if key not in last])
    missing = [key for key in [*wanted, *last] if key not in there]
    sizes = [await _copy(source, target, key) for key in missing]
    return Shipped(newest.id, len(sizes), sum(sizes))


async def _copy(source: FolderBlobs, target: FolderBlobs, key: str) -> int:
    """Copy one file; a pack only if its bytes are those that its name says. Return its size."""
    async with _local(source, key) as path:
        name = key.rsplit("/", 1)[-1]
        if key.startswith(f"{_PACKS}/") and await asyncio.to_thread(_sha256, path) != name:
            raise StoredDataInvalid(
                f"The file {key} of the backup is damaged, so the backup was not shipped. Make a "
                "new one: info-assistant backup create"
            )
        with path.open("rb") as file:
            await target.put_new(key, file)
        return path.stat().st_size


@asynccontextmanager
async def _local(source: FolderBlobs, key: str) -> AsyncIterator[Path]:
    try:
        async with source.file(key) as path:
            yield path
    except NotFound as error:
        raise StoredDataInvalid(
            f"The file {key} of the backup is missing: it was deleted meanwhile, or never came. "
            "Try again, or make a new one: info-assistant backup create"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
