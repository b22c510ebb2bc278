"""Snapshots of a collection: one compressed archive of its folder.

They are read back by this server only. To move points to a real Qdrant server, scroll and upsert
them, or rebuild from object storage.
"""

import asyncio
import hashlib
import shutil
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

from info_assistant.errors import InvalidRequest, NotFound
from info_assistant.local_qdrant.collection import StoredConfig
from info_assistant.local_qdrant.directory import Directory
from info_assistant.local_qdrant.durable import sync, sync_tree, write_durably
from info_assistant.local_qdrant.subset import unsupported

_UNFINISHED = "tmp-"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A finished snapshot. `size` is in bytes, `checksum` SHA-256 in hexadecimal."""

    name: str
    creation_time: str
    size: int
    checksum: str


class Snapshots:
    """Makes, lists and reads back snapshots. Methods raise NotFound and InvalidRequest."""

    def __init__(self, directory: Directory) -> None:
        """Keep snapshots in the directory's own folder."""
        self._directory = directory

    async def create(self, name: str) -> Snapshot:
        """Write a snapshot; nothing in the collection changes meanwhile, searches go on."""
        async with self._directory.changing(name) as own:
            collection = self._directory.collection(own)
            collection.flush()
            moment = datetime.now(UTC).strftime("%Y-%m-%d-%H-%M-%S")
            path = self._folder(own) / f"{own}-{moment}-{uuid4().hex[:8]}.snapshot"
            path.parent.mkdir(exist_ok=True)
            sync(path.parent.parent)
            checksum = await asyncio.to_thread(_pack, collection.folder, path)
        write_durably(_checksum_path(path), checksum.encode())
        return _described(path)

    def list(self, name: str) -> list[Snapshot]:
        """Return the snapshots of a collection."""
        folder = self._folder(self._directory.resolve(name))
        if not folder.exists():
            return []
        # A snapshot without a checksum was being written when the process died.
        return [
            _described(path)
            for path in sorted(folder.glob("*.snapshot"))
            if _checksum_path(path).exists()
        ]

    def path(self, name: str, snapshot: str) -> Path:
        """Return where a snapshot lies."""
        if all(each.name != snapshot for each in self.list(name)):
            raise NotFound(f"Not found: Snapshot {snapshot} not found")
        return self._folder(self._directory.resolve(name)) / snapshot

    def delete(self, name: str, snapshot: str) -> None:
        """Remove a snapshot."""
        path = self.path(name, snapshot)
        path.unlink()
        _checksum_path(path).unlink()
        sync(path.parent)

    async def recover_from(self, name: str, location: str, checksum: str | None) -> None:
        """Replace a collection by a snapshot of this server, given as file:// address."""
        parts = urlsplit(location)
        if parts.scheme != "file":
            raise unsupported(f"snapshot location {parts.scheme}://; upload the file instead")
        await self._recover(name, self._own(Path(unquote(parts.path))), checksum)

    async def recover_upload(self, name: str, upload: IO[bytes], checksum: str | None) -> None:
        """Replace a collection, or make it, from a file that a client sends."""
        archive = self._directory.new_folder().with_suffix(".upload")
        try:
            await asyncio.to_thread(_keep, upload, archive)
            await self._recover(name, archive, checksum)
        finally:
            archive.unlink(missing_ok=True)

    async def _recover(self, name: str, archive: Path, checksum: str | None) -> None:
        async with self._directory.replacing(name):
            folder = self._directory.new_folder()
            try:
                await asyncio.to_thread(_unpack, archive, folder, name, checksum)
                await self._directory.replace(name, folder)
            except BaseException:
                if not self._is_in_use(name, folder):
                    shutil.rmtree(folder, ignore_errors=True)
                raise

    def _own(self, path: Path) -> Path:
        found = path.resolve()
        if not found.is_relative_to((self._directory.root / "snapshots").resolve()):
            raise InvalidRequest(
                f"Wrong input: {found} is not in this server's folder of snapshots; upload it"
            )
        if not found.is_file():
            raise NotFound(f"Not found: Snapshot {found} not found")
        return found

    def _is_in_use(self, name: str, folder: Path) -> bool:
        try:
            return self._directory.collection(name).folder == folder
        except NotFound:
            return False

    def _folder(self, own: str) -> Path:
        return self._directory.root / "snapshots" / quote(own, safe="")


def _keep(upload: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)


def _pack(folder: Path, path: Path) -> str:
    temporary = path.with_suffix(".partial")
    # Level 1: payload hardly compresses, but the engine's files are full of holes.
    with tarfile.open(temporary, "w:gz", compresslevel=1) as archive:
        archive.add(folder / "config.json", "config.json")
        _add_tree(archive, folder / "shard")
    sync(temporary)
    temporary.rename(path)
    sync(path.parent)
    return _sha256(path)


def _add_tree(archive: tarfile.TarFile, root: Path) -> None:
    archive.add(root, root.name, recursive=False)
    for path in sorted(root.rglob("*")):
        # A thread of the engine makes the next part of the log under this name and then renames
        # it, at any moment; opening a collection does without it.
        if not path.name.startswith(_UNFINISHED):
            archive.add(path, str(path.relative_to(root.parent)), recursive=False)


def _unpack(archive: Path, folder: Path, name: str, checksum: str | None) -> None:
    if checksum is not None and checksum != _sha256(archive):
        raise InvalidRequest("Wrong input: the snapshot does not match its checksum")
    folder.mkdir()
    try:
        with tarfile.open(archive, "r:gz") as packed:
            _extract(packed, folder)
    except (tarfile.TarError, OSError, EOFError) as exc:
        raise InvalidRequest(
            f"Wrong input: this is not a snapshot of local-qdrant ({exc}). Snapshots of a real "
            "Qdrant server are not read here; run `info-assistant rebuild qdrant` instead."
        ) from exc
    path = folder / "config.json"
    if not path.is_file() or not (folder / "shard").is_dir():
        raise InvalidRequest("Wrong input: the archive lacks a collection's files")
    config = StoredConfig.model_validate_json(path.read_bytes()).model_copy(update={"name": name})
    write_durably(path, config.model_dump_json(exclude_none=True).encode())
    sync_tree(folder)


def _extract(packed: tarfile.TarFile, folder: Path) -> None:
    """Write the archive's files and folders into `folder`, and nothing elsewhere.

    Raises TarError. The standard library's filter for this came with Python 3.11.4, and Debian 12
    has 3.11.2.
    """
    root = folder.resolve()
    for member in packed:
        path = (root / member.name).resolve()
        if not path.is_relative_to(root):
            raise tarfile.TarError(f"{member.name!r} leads out of the collection's folder")
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        content = packed.extractfile(member) if member.isfile() else None
        if content is None:
            raise tarfile.TarError(f"{member.name!r} is neither a file nor a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("xb") as file:
            shutil.copyfileobj(content, file)


def _described(path: Path) -> Snapshot:
    stat = path.stat()
    return Snapshot(
        name=path.name,
        creation_time=datetime.fromtimestamp(stat.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        size=stat.st_size,
        checksum=_checksum_path(path).read_text(encoding="ascii"),
    )


def _checksum_path(path: Path) -> Path:
    return path.with_name(path.name + ".checksum")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
