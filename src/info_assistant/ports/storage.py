"""Object storage as the core sees it: durable bytes, and small objects shared by replicas."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

Payload = bytes | BinaryIO
"""What is to be stored: bytes, or an open file, which is read in pieces from its beginning."""


class Blobs(Protocol):
    """Durable named bytes. All methods raise ObjectStorageUnavailable."""

    async def put_new(self, key: str, data: Payload) -> bool:
        """Store `data` under a name not yet taken; return False, changing nothing, if it is.

        When this returns, the bytes and their name survive a loss of power. The name of a file must
        say what is in it, as a hash does: of two writers at the same moment both may be told that
        they were first.
        """

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, replacing what was there; for derived data only."""

    async def get(self, key: str) -> bytes:
        """Return the bytes under `key`. Raises NotFound."""

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes [start, end) under `key`, which has them. Raises NotFound."""

    def file(self, key: str) -> AbstractAsyncContextManager[Path]:
        """Give the bytes under `key` as a file to read, never whole in memory. Raises NotFound."""

    async def delete(self, key: str) -> None:
        """Remove `key`; nothing happens if it is not there."""

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield every name that starts with the folder `prefix`, in no particular order."""


class FolderBlobs(Blobs, Protocol):
    """Blobs that can name their folders without listing what is in them."""

    async def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder `prefix` ("" is the top)."""


@dataclass(frozen=True, slots=True)
class SharedState:
    """One version of a shared object; version 0 with no fields where none was ever written."""

    version: int
    fields: Mapping[str, Any]


class SharedObject(Protocol):
    """A small JSON object that all replicas share: every version is kept, none overwritten.

    Reading costs nothing: the newest version known here is in memory, at most 2 s old while object
    storage answers, and the last good one while it does not, also after a restart.
    """

    @property
    def current(self) -> SharedState:
        """The newest version known here."""

    @property
    def confirmed(self) -> bool:
        """Whether it could be read since this process began; else something may be missing here."""

    async def change(self, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> SharedState:
        """Write the next version, made from the newest by `edit`; in force here when this returns.

        `edit` runs again when another writer was first, and may raise to give up. Raises Conflict,
        ObjectStorageUnavailable, and what `edit` raises.
        """
