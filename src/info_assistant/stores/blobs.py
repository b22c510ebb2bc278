"""Named bytes on a local directory or in S3, through obstore.

A local directory gets its writes from us and not from obstore, whose local store never calls fsync:
an upload that we acknowledged would be gone after a loss of power. Reading, listing and deleting go
through obstore for both.
"""

import asyncio
import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TypeVar, cast
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, S3Store

from info_assistant.errors import (
    InvalidRequest,
    Misconfigured,
    NotFound,
    ObjectStorageUnavailable,
)
from info_assistant.ports import Payload

_KEY_LIMIT = 900
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=-]{0,199}")
_DIRECTORIES_REMEMBERED = 10_000
_PIECE = 1024 * 1024
_S3_PART = 8 * 1024 * 1024
_S3_PARTS_AT_ONCE = 2
_S3_TIMEOUT = timedelta(seconds=2)
# obstore raises some faults of the file system as Python's own.
_FAULTS = (BaseError, OSError, TimeoutError)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A name that a listing shows, with its size in bytes and when it was written last."""

    key: str
    size: int
    modified: datetime


def check_key(key: str) -> str:
    """Return `key` if it can name an object everywhere. Raises InvalidRequest.

    Segments between slashes start with a letter or digit, so `..`, a leading slash, hidden files
    and the names of our own temporary files are out.
    """
    if len(key) <= _KEY_LIMIT and all(_SEGMENT.fullmatch(part) for part in key.split("/")):
        return key
    raise InvalidRequest(
        f"{key[:80]!r} cannot name a stored object: use letters, digits and ._@+=- between slashes."
    )


class ObjectBlobs:
    """Durable named bytes (`ports.Blobs`, `ports.Probe`) at a URL.

    `url` is a directory (a plain path or `file:///…`) or `s3://bucket/prefix`. `s3` holds obstore's
    S3 settings (`endpoint`, `region`, `access_key_id`, `secret_access_key`); those left out
    come from the environment as the AWS tools read it. Nothing is opened until first use.
    """

    def __init__(
        self, url: str, s3: Mapping[str, str] | None = None, variable: str = "BLOB_URL"
    ) -> None:
        """Remember where the objects are. Raises Misconfigured for a URL of another kind."""
        self._url = url
        self._s3 = dict(s3 or {})
        self._root = _local_root(url, variable)
        self._store: ObjectStore | None = None
        self._check: asyncio.Future[None] | None = None
        self._files = _DurableFiles(self._root) if self._root is not None else None

    async def put_new(self, key: str, data: Payload) -> bool:
        """Store `data` under a name not yet taken; False, changing nothing, if it is."""
        check_key(key)
        with _translated("written"):
            if self._files is not None:
                return await asyncio.to_thread(self._files.write, key, data, replace=False)
            if not isinstance(data, bytes):
                return await self._put_file(key, data)
            try:
                await self._ask(lambda store: obstore.put_async(store, key, data, mode="create"))
            except AlreadyExistsError:
                return False
            return True

    async def _put_file(self, key: str, file: IO[bytes]) -> bool:
        """Send a file to S3 in parts, which has no create-only form: names there say the bytes."""
        try:
            await self._ask(lambda store: obstore.head_async(store, key))
        except (NotFoundError, FileNotFoundError):
            await asyncio.to_thread(file.seek, 0)
            await self._ask(
                lambda store: obstore.put_async(
                    store,
                    key,
                    _pieces(file),
                    chunk_size=_S3_PART,
                    max_concurrency=_S3_PARTS_AT_ONCE,
                )
            )
            return True
        return False

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, replacing what was there; for derived data only."""
        check_key(key)
        with _translated("written"):
            if self._files is not None:
                await asyncio.to_thread(self._files.write, key, data, replace=True)
            else:
                await self._ask(lambda store: obstore.put_async(store, key, data))

    async def get(self, key: str) -> bytes:
        """Return the bytes under `key`. Raises NotFound, ObjectStorageUnavailable."""
        check_key(key)
        with _translated("read"):
            result = await self._ask(lambda store: obstore.get_async(store, key))
            return bytes(await result.bytes_async())

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes [start, end). Raises NotFound, ObjectStorageUnavailable."""
        check_key(key)
        with _translated("read"):
            found = await self._ask(
                lambda store: obstore.get_range_async(store, key, start=start, end=end)
            )
            return bytes(found)

    @asynccontextmanager
    async def file(self, key: str) -> AsyncIterator[Path]:
        """Give the bytes under `key` as a file to read. Raises NotFound, ObjectStorageUnavailable.

        In a local directory that is the stored file itself: it must not be changed.
        """
        check_key(key)
        if self._root is not None:
            path = self._root / key
            with _translated("read"):
                await asyncio.to_thread(path.stat)
            yield path
            return
        with tempfile.NamedTemporaryFile(prefix="info-assistant-") as copy:
            with _translated("read"):
                result = await self._ask(lambda store: obstore.get_async(store, key))
                async for piece in result.stream(min_chunk_size=_PIECE):
                    await asyncio.to_thread(copy.write, piece)
                await asyncio.to_thread(copy.flush)
            yield Path(copy.name)

    async def delete(self, key: str) -> None:
        """Remove `key`; nothing happens if it is not there."""
        check_key(key)
        with _translated("changed"):
            if self._files is not None:
                await asyncio.to_thread(self._files.delete, key)
            else:
                await self._ask(lambda store: obstore.delete_async(store, key))

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield every name that starts with the folder `prefix` ("" is all of them)."""
        async for entry in self.entries(prefix):
            yield entry.key

    async def entries(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield the same with size and time of writing."""
        if prefix:
            check_key(prefix)
        with _translated("listed"):
            async for batch in obstore.list(await self._open(), prefix=prefix or None):
                for entry in batch:
                    yield StoredObject(entry["path"], entry["size"], entry["last_modified"])

    async def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders directly in the folder `prefix` ("" is the top)."""
        if prefix:
            check_key(prefix)
        with _translated("listed"):
            found = await self._ask(
                lambda store: obstore.list_with_delimiter_async(store, prefix=prefix or None)
            )
            return [path.rsplit("/", 1)[-1] for path in found["common_prefixes"]]

    async def ping(self) -> None:
        """Return if objects can be listed (locally: written). Raises ObjectStorageUnavailable."""
        with _translated("reached"):
            if self._files is not None:
                await self._checked(self._files)
            else:
                # A folder that stays empty: one small request, which a missing bucket refuses.
                await self._ask(
                    lambda store: obstore.list_with_delimiter_async(store, prefix="ping")
                )

    async def _checked(self, files: "_DurableFiles") -> None:
        """Look at the folder; a look that hangs is waited for again, as each one takes a thread."""
        if self._check is None or self._check.done():
            self._check = asyncio.get_running_loop().run_in_executor(None, files.check)
            # Whoever waited may have left before it failed.
            self._check.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._check)

    async def _ask(self, request: Callable[[ObjectStore], Awaitable[_T]]) -> _T:
        return await request(await self._open())

    async def _open(self) -> ObjectStore:
        if self._store is None:
            self._store = await asyncio.to_thread(self._connect)
        return self._store

    def _connect(self) -> ObjectStore:
        if self._root is not None:
            return LocalStore(self._root, mkdir=True)
        plain = self._s3.get("endpoint", "").startswith("http://")
        return S3Store.from_url(
            self._url,
            config=cast("obstore.store.S3Config", self._s3),
            client_options={
                "connect_timeout": _S3_TIMEOUT,
                # Without bytes for this long the store counts as down; a large object that keeps
                # flowing may take longer.
                "read_timeout": _S3_TIMEOUT,
                "allow_http": plain,
            },
            retry_config={
                "max_retries": 2,
                "retry_timeout": _S3_TIMEOUT,
                "backoff": {
                    "init_backoff": timedelta(milliseconds=50),
                    "max_backoff": timedelta(milliseconds=200),
                    "base": 2,
                },
            },
        )


class _DurableFiles:
    """Writes files that survive a loss of power. Every method blocks: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable: set[Path] = set()

    def write(self, key: str, data: Payload, *, replace: bool) -> bool:
        path = self._root / key
        self._make_directory(path.parent)
        # obstore's listings pass over names that end in `#` and digits.
        temporary = path.with_name(f"{path.name}#{secrets.randbits(63)}")
        try:
            _write_synced(temporary, data)
            written = _publish(temporary, path, replace=replace)
        finally:
            temporary.unlink(missing_ok=True)
        # Also where the name was taken: whoever took it may not have come this far yet.
        _sync_directory(path.parent)
        return written

    def delete(self, key: str) -> None:
        path = self._root / key
        try:
            path.unlink()
        except FileNotFoundError:
            return
        _sync_directory(path.parent)

    def check(self) -> None:
        self._make_directory(self._root)
        if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"{self._root} cannot be written")

    def _make_directory(self, directory: Path) -> None:
        if not directory.is_dir():
            # Somebody may have removed directories that we knew.
            self._durable.clear()
            directory.mkdir(parents=True, exist_ok=True)
        if directory in self._durable:
            return
        # A directory made by another process a moment ago may not be durable yet, so each process
        # sees to the whole chain once, whoever made it.
        chain = [directory, *directory.parents]
        for parent in chain[1 : chain.index(self._root) + 2]:
            _sync_directory(parent)
        if len(self._durable) >= _DIRECTORIES_REMEMBERED:
            self._durable.clear()
        self._durable.add(directory)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def _write_synced(path: Path, data: Payload) -> None:
    with path.open("xb") as file:
        if isinstance(data, bytes):
            file.write(data)
        else:
            data.seek(0)
            shutil.copyfileobj(data, file, _PIECE)
        file.flush()
        os.fsync(file.fileno())


def _publish(temporary: Path, path: Path, *, replace: bool) -> bool:
    if replace:
        temporary.replace(path)
        return True
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _local_root(url: str, variable: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme in {"s3", "s3a"}:
        return None
    if parts.scheme == "file":
        return Path(unquote(parts.path)).absolute()
    if "://" not in url and url:
        return Path(url).absolute()
    raise Misconfigured(
        f"{variable}={url!r} is neither a directory nor s3://bucket/prefix. "
        "Name a directory (a path or file:///…) or a bucket."
    )


@contextmanager
def _translated(done: str) -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as exc:
        raise NotFound("There is no stored object of that name.") from exc
    except _FAULTS as exc:
        if getattr(exc, "errno", None) in _FULL:
            raise ObjectStorageUnavailable(
                "Object storage is full, so nothing was stored. Questions are still answered. Tell "
                "the people who run this service to make room; then send it again.",
                retry_after_s=30,
            ) from exc
        raise ObjectStorageUnavailable(
            f"Object storage could not be {done} ({type(exc).__name__}). Questions are still "
            "answered; changes wait. Try again in a moment, or see /health.",
            retry_after_s=5,
        ) from exc
