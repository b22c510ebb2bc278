"""Packs: files of a few megabytes with many objects one after the other, named by their SHA-256.

A file for each object would cost a backup of a hundred thousand small objects minutes of waiting
for the disk. Packs are shared: an object that an earlier backup holds is not stored again.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast

from info_assistant.errors import NotFound, StoredDataInvalid
from info_assistant.stores.backup.manifest import StoredObject
from info_assistant.stores.blobs import ObjectBlobs

FOLDER = "packs"
PACK_BYTES = 16 * 1024 * 1024
"""A pack is closed once it is this large; a larger object is a pack of its own."""

_PIECE = 1024 * 1024


def pack_key(sha256: str) -> str:
    """Return where a pack lies."""
    return f"{FOLDER}/{sha256[:2]}/{sha256}"


@dataclass(slots=True)
class _Open:
    """The pack that is being filled."""

    file: BinaryIO
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size: int = 0
    objects: list[StoredObject] = field(default_factory=list)


class PackWriter:
    """Fills packs and stores them; `objects` are those that are durable in one."""

    def __init__(self, blobs: ObjectBlobs, scratch: Path) -> None:
        """Store packs in `blobs`; the one that is being filled lies in the folder `scratch`."""
        self._blobs = blobs
        self._scratch = scratch
        self._open: _Open | None = None
        self.objects: list[StoredObject] = []
        self.added_bytes = 0

    async def add(self, path: Path, key: str, modified_ms: int) -> str:
        """Add the bytes of a file under the object's name; return their SHA-256."""
        if self._open is None:
            self._open = _Open(cast("BinaryIO", tempfile.TemporaryFile(dir=self._scratch)))  # noqa: SIM115  Closed below.
        added = await asyncio.to_thread(_append, self._open, path)
        added = replace(added, key=key, modified_ms=modified_ms)
        self._open.objects.append(added)
        if self._open.size >= PACK_BYTES:
            await self.flush()
        return added.sha256

    async def flush(self) -> None:
        """Store the pack that is being filled. Raises ObjectStorageUnavailable."""
        pack, self._open = self._open, None
        if pack is None:
            return
        with pack.file as file:
            name = pack.digest.hexdigest()
            if await self._blobs.put_new(pack_key(name), file):
                self.added_bytes += pack.size
        self.objects += [replace(each, pack=name) for each in pack.objects]


class PackReader:
    """Reads objects out of packs, and takes nothing that is not what was stored."""

    def __init__(self, blobs: ObjectBlobs) -> None:
        """Read packs in `blobs`."""
        self._blobs = blobs

    async def each(
        self, objects: Sequence[StoredObject]
    ) -> AsyncIterator[tuple[StoredObject, bytes]]:
        """Yield each object with its bytes, pack by pack.

        Raises StoredDataInvalid where bytes are missing or others, ObjectStorageUnavailable.
        """
        ordered = sorted(objects, key=lambda each: (each.pack, each.offset))
        for pack, group in groupby(ordered, key=lambda each: each.pack):
            async with self._file(pack) as path:
                for wanted in group:
                    yield wanted, await asyncio.to_thread(_slice, path, wanted)

    async def check(self, pack: str, size: int) -> str:
        """Return what is wrong with a pack, in words; "" where it is whole."""
        try:
            async with self._blobs.file(pack_key(pack)) as path:
                found = await asyncio.to_thread(sha256_of, path)
                there = path.stat().st_size
        except NotFound:
            return f"Pack {pack[:12]} is missing."
        if found != pack or there != size:
            return f"Pack {pack[:12]} is damaged: it is not what was stored."
        return ""

    @asynccontextmanager
    async def _file(self, pack: str) -> AsyncIterator[Path]:
        try:
            async with self._blobs.file(pack_key(pack)) as path:
                yield path
        except NotFound as exc:
            raise StoredDataInvalid(
                f"Pack {pack[:12]} of the backup is missing. Use another backup."
            ) from exc


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _append(pack: _Open, path: Path) -> StoredObject:
    own, begin = hashlib.sha256(), pack.size
    with path.open("rb") as source:
        while piece := source.read(_PIECE):
            pack.file.write(piece)
            own.update(piece)
            pack.digest.update(piece)
            pack.size += len(piece)
    return StoredObject("", own.hexdigest(), pack.size - begin, 0, "", begin)


def _slice(path: Path, wanted: StoredObject) -> bytes:
    with path.open("rb") as file:
        file.seek(wanted.offset)
        data = file.read(wanted.size)
    if hashlib.sha256(data).hexdigest() != wanted.sha256:
        raise StoredDataInvalid(
            f"{wanted.key} is damaged in the backup: its checksum does not fit. Use another backup."
        )
    return data
