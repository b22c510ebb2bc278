"""The folder of one local server: its lock, its collections and their other names.

    LOCK                       held by the one process that may write here
    catalogue.json             collection → folder, alias → collection; replaced as a whole
    collections/<folder>/      config.json and shard/
    snapshots/<collection>/    see snapshots.py

Each change of the catalogue is one fsynced rename, and it is what makes a collection exist. A
folder that no catalogue names is what a crash left behind, and is swept at the next start.
"""

import asyncio
import fcntl
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Self
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from info_assistant.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    Misconfigured,
    NotFound,
    StoredDataInvalid,
)
from info_assistant.local_qdrant.collection import Collection
from info_assistant.local_qdrant.durable import sync, write_durably
from info_assistant.local_qdrant.engine import Shard
from info_assistant.local_qdrant.schema import Schema

_LONGEST_WAIT_S = 30.0
_LONGEST_NAME = 255
_FORBIDDEN = frozenset('<>:"/\\|?*') | {chr(code) for code in range(32)}


class Catalogue(BaseModel):
    """What `catalogue.json` holds."""

    format: int = 1
    collections: dict[str, str] = {}
    aliases: dict[str, str] = {}


class Directory:
    """Everything one local server stores."""

    def __init__(self, root: Path, lock: IO[str], shard: type[Shard]) -> None:
        """Take over a locked folder; use `open`."""
        self.root = root
        self._lock = lock
        self._shard = shard
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._catalogue = self._read_catalogue()
        self._open: dict[str, Collection] = {}
        self._sweep()

    @classmethod
    def open(cls, root: Path, shard: type[Shard] = Shard) -> Self:
        """Lock and read a folder, making it if need be. Raises Misconfigured, StoredDataInvalid."""
        for folder in (root / "collections", root / "snapshots"):
            folder.mkdir(parents=True, exist_ok=True)
        sync(root)
        return cls(root, _locked(root), shard)

    @property
    def names(self) -> list[str]:
        """The names of all collections."""
        return sorted(self._catalogue.collections)

    @property
    def aliases(self) -> dict[str, str]:
        """The collection behind each alias."""
        return dict(self._catalogue.aliases)

    @property
    def loose(self) -> list[str]:
        """The names of open collections that are better opened anew now; see `repacking`."""
        return [name for name, collection in self._open.items() if collection.is_loose]

    def resolve(self, name: str) -> str:
        """Return the collection's own name for a name or an alias. Raises NotFound."""
        own = self._catalogue.aliases.get(name, name)
        if own not in self._catalogue.collections:
            raise NotFound(f"Not found: Collection `{name}` doesn't exist!")
        return own

    def collection(self, name: str) -> Collection:
        """Return a collection by name or alias. Raises NotFound, StoredDataInvalid."""
        own = self.resolve(name)
        if own not in self._open:
            folder = self.root / "collections" / self._catalogue.collections[own]
            self._open[own] = Collection.find(folder, self._shard)
        return self._open[own]

    @asynccontextmanager
    async def changing(self, name: str, timeout_s: float | None = None) -> AsyncIterator[str]:
        """Hold the right to change a collection; yields its own name.

        Raises NotFound, and DeadlineExceeded if other changes take longer than `timeout_s`.
        """
        while True:
            own = self.resolve(name)
            async with self._held(own, timeout_s):
                # An alias may have moved, or the collection may have gone, while this waited.
                if self.resolve(name) == own:
                    yield own
                    return

    async def create(self, name: str, schema: Schema) -> None:
        """Make a collection; it exists on disk when this returns. Raises Conflict."""
        _check_name(name)
        async with self._held(name, None):
            self._refuse_taken(name)
            folder = self.new_folder()
            try:
                made = Collection.create(folder, name, schema, self._shard)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._commit_collection(name, made)

    async def delete(self, name: str) -> bool:
        """Remove a collection and its aliases; False if there is none of this name."""
        async with self._held(name, None):
            changed = self._catalogue.model_copy(deep=True)
            folder = changed.collections.pop(name, None)
            if folder is None:
                return False
            changed.aliases = {k: v for k, v in changed.aliases.items() if v != name}
            self._commit(changed)
            gone = self._open.pop(name, None)
            if gone is not None:
                gone.close()
            await asyncio.to_thread(shutil.rmtree, self.root / "collections" / folder)
            return True

    def new_folder(self) -> Path:
        """Return a path for a collection that does not exist yet."""
        return self.root / "collections" / uuid4().hex

    async def replace(self, name: str, folder: Path) -> None:
        """Let `folder` be the collection from now on; for recovery, the caller holds the lock."""
        found = Collection.find(folder, self._shard)
        found.points_count()
        old = self._catalogue.collections.get(name)
        previous = self.collection(name) if old is not None else None
        self._commit_collection(name, found)
        if previous is not None:
            previous.close()
            await asyncio.to_thread(shutil.rmtree, previous.folder)

    @asynccontextmanager
    async def replacing(self, name: str) -> AsyncIterator[None]:
        """Hold the right to replace a collection that may not exist yet. Raises InvalidRequest."""
        _check_name(name)
        if name in self._catalogue.aliases:
            raise InvalidRequest(f"Wrong input: `{name}` is an alias; name the collection itself")
        async with self._held(name, None):
            yield

    def set_aliases(self, aliases: dict[str, str]) -> None:
        """Replace all aliases in one step, on disk when this returns.

        Raises NotFound, Conflict, InvalidRequest; then nothing has changed.
        """
        for alias, name in aliases.items():
            _check_name(alias)
            if name not in self._catalogue.collections:
                raise NotFound(f"Not found: Collection `{name}` doesn't exist!")
            if alias in self._catalogue.collections:
                raise Conflict(f"Wrong input: Collection `{alias}` already exists!")
        self._commit(self._catalogue.model_copy(update={"aliases": dict(aliases)}))

    def close(self) -> None:
        """Bring everything to disk and let another process have the folder."""
        for collection in self._open.values():
            collection.close()
        self._open.clear()
        self._lock.close()

    @asynccontextmanager
    async def _held(self, name: str, timeout_s: float | None) -> AsyncIterator[None]:
        lock = self._locks[name]
        try:
            async with asyncio.timeout(timeout_s or _LONGEST_WAIT_S):
                await lock.acquire()
        except TimeoutError as exc:
            raise DeadlineExceeded(
                f"Timeout: other changes of collection `{name}` have not ended in time; try again"
            ) from exc
        try:
            yield
        finally:
            lock.release()

    def _refuse_taken(self, name: str) -> None:
        if name in self._catalogue.collections:
            raise Conflict(f"Wrong input: Collection `{name}` already exists!")
        if name in self._catalogue.aliases:
            raise Conflict(f"Wrong input: Alias `{name}` already exists!")

    def _commit_collection(self, name: str, collection: Collection) -> None:
        changed = self._catalogue.model_copy(deep=True)
        changed.collections[name] = collection.folder.name
        self._commit(changed)
        self._open[name] = collection

    def _commit(self, changed: Catalogue) -> None:
        write_durably(self.root / "catalogue.json", changed.model_dump_json(indent=1).encode())
        self._catalogue = changed

    def _read_catalogue(self) -> Catalogue:
        path = self.root / "catalogue.json"
        if not path.exists():
            return Catalogue()
        try:
            return Catalogue.model_validate_json(path.read_bytes())
        except ValidationError as exc:
            raise StoredDataInvalid(
                f"The list of collections, {path}, cannot be read ({exc}). What is stored here is "
                f"derived data: delete {self.root} and run `info-assistant rebuild qdrant`."
            ) from exc

    def _sweep(self) -> None:
        known = set(self._catalogue.collections.values())
        for left in (self.root / "collections").iterdir():
            if left.is_dir() and left.name not in known:
                shutil.rmtree(left, ignore_errors=True)
            elif not left.is_dir():
                left.unlink()


def _locked(root: Path) -> IO[str]:
    path = root / "LOCK"
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise Misconfigured(
            f"The folder {root} is in use by another local-qdrant (process {holder}). Only one may "
            "write to it: stop the other one, or set DATA_DIR to another folder."
        ) from exc
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _check_name(name: str) -> None:
    if (
        not 1 <= len(name) <= _LONGEST_NAME
        or name in {".", ".."}
        or not _FORBIDDEN.isdisjoint(name)
    ):
        raise InvalidRequest(
            f"Validation error: `{name}` cannot be a collection's name: 1 to {_LONGEST_NAME} "
            'characters, none of < > : " / \\ | ? * and no control characters'
        )
