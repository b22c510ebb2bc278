"""Small JSON objects that all replicas share: switches, keys, tenants, incidents.

`system/{name}/{version:08d}.json` is a version, create-only: whoever creates the next name wins. A
replica asks for the next version of each object every second, which costs one request that finds
nothing. It lists the versions where it may have missed many: at its start, before it writes, and
after a time without an answer. The newest version is also kept on the local disk, for a replica
that starts while object storage is down.
"""

import asyncio
import json
import os
import random
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from info_assistant.errors import (
    Conflict,
    NotFound,
    ObjectStorageUnavailable,
    StoredDataInvalid,
)
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.model.tenant import SYSTEM_TENANT
from info_assistant.observability.log import get_logger
from info_assistant.ports import Blobs, Clock, SharedState
from info_assistant.resilience.wake_ups import Topic, WakeUps

POLL_S = 1.0
"""The time between two looks at each object."""

KEPT_VERSIONS = 50
KEPT_FOR = timedelta(days=1)
"""Versions beyond the newest 50 are deleted once they are a day old, and not before: a writer that
slept for a while must not be able to create an old number anew."""

_GAP_S = 5.0
_PATIENCE_S = 2.0
_ATTEMPTS = 30
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_VERSION = re.compile(r"\d{8,}\.json")
_RESERVED = frozenset({"segments", "changes"})

_log = get_logger("objects")

Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class SharedObjects:
    """All shared objects of an installation; `run` keeps them fresh."""

    def __init__(
        self, blobs: Blobs, folder: Path, clock: Clock, wake_ups: WakeUps | None = None
    ) -> None:
        """Keep the objects in `blobs`, and the last good copy of each in the local `folder`."""
        self._wake_ups = wake_ups or WakeUps()
        self._blobs = blobs
        self._folder = folder
        self._clock = clock
        self._objects: dict[str, BlobSharedObject] = {}
        self._unread: set[str] = set()

    def open(self, name: str) -> "BlobSharedObject":
        """Return the object `name` with its last good copy; the same one for the same name."""
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise ValueError(f"{name!r} cannot name a shared object")
        if name not in self._objects:
            last_good = _LastGood(self._folder / f"{name}.json")
            shared = BlobSharedObject(self._blobs, name, last_good, self._clock)
            shared.on_write = partial(self._wake_ups.tell, Topic.OBJECTS)
            self._objects[name] = shared
        return self._objects[name]

    async def refresh(self) -> None:
        """Look at every object now; returns within 2 s and raises nothing if that fails."""
        await asyncio.gather(*(self._refresh(each) for each in self._objects.values()))

    async def run(self) -> None:
        """Look at every object each second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self.refresh()
            left_s = max(0.0, began + POLL_S - loop.time())
            await self._wake_ups.pause(Topic.OBJECTS, left_s)

    async def compact(self) -> None:
        """Delete versions that nobody needs any more. Raises ObjectStorageUnavailable."""
        for each in list(self._objects.values()):
            try:
                await each.compact()
            except StoredDataInvalid as error:
                _log.warning("Old versions are kept", object=each.name, error=error.message)

    async def _refresh(self, each: "BlobSharedObject") -> None:
        """Look at one object; log when it can no longer be read, and when it can again."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await each.refresh()
        except (TimeoutError, ObjectStorageUnavailable) as error:
            if each.name not in self._unread:
                _log.warning("Shared object cannot be read", object=each.name, error=str(error))
            self._unread.add(each.name)
        else:
            if each.name in self._unread:
                _log.info("Shared object is read again", object=each.name)
            self._unread.discard(each.name)


class BlobSharedObject:
    """One shared object (`ports.SharedObject`)."""

    def __init__(self, blobs: Blobs, name: str, last_good: "_LastGood", clock: Clock) -> None:
        """Begin with the last good copy, if there is one."""
        self._blobs = blobs
        self._folder = f"{SYSTEM_TENANT}/{name}"
        self.name = name
        self._last_good = last_good
        self._clock = clock
        self._current = last_good.load()
        self._read_at: float | None = None
        self._changing = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        self._subscribers: list[Callable[[SharedState], None]] = []
        self.on_write: Callable[[], None] = lambda: None
        """Called after each version that is written here."""

    @property
    def current(self) -> SharedState:
        """The newest version known here."""
        return self._current

    @property
    def confirmed(self) -> bool:
        """Whether it could be read since this process began; else something may be missing here."""
        return self._read_at is not None

    @property
    def age_s(self) -> float:
        """Seconds since object storage last confirmed `current`; infinite if it never has."""
        if self._read_at is None:
            return float("inf")
        return asyncio.get_running_loop().time() - self._read_at

    def on_change(self, callback: Callable[[SharedState], None]) -> None:
        """Call `callback` with each new version, in the event loop, before anybody reads it."""
        self._subscribers.append(callback)

    async def refresh(self, *, whole: bool = False) -> None:
        """Take over what is new; `whole` looks at every version.

        Raises ObjectStorageUnavailable.
        """
        async with self._refreshing:
            if whole or self.age_s > _GAP_S:
                await self._jump()
            began = asyncio.get_running_loop().time()
            while (data := await self._stored(self._current.version + 1)) is not None:
                await self._take(self._current.version + 1, data)
            self._read_at = began

    async def change(self, edit: Edit) -> SharedState:
        """Write the next version, made from the newest by `edit`; in force here when this returns.

        Raises Conflict, ObjectStorageUnavailable, StoredDataInvalid, and what `edit` raises.
        """
        async with self._changing:
            for _ in range(_ATTEMPTS):
                # Not only the next name: what we know may be older than what is kept.
                await self.refresh(whole=True)
                state = await self._write_next(edit)
                if state is not None:
                    self.on_write()
                    return state
                await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311  Spreads writers.
        raise Conflict(
            f"Others keep changing the {self.name} at the same time, so this change was not made. "
            "Please try again in a moment."
        )

    async def compact(self) -> None:
        """Delete versions beyond the newest 50 that are a day old.

        Raises ObjectStorageUnavailable, StoredDataInvalid.
        """
        spare = (await self._versions())[:-KEPT_VERSIONS]
        newest = await self._stored(spare[-1]) if spare else None
        if newest is None or self._clock.now() - _written_at(newest) < KEPT_FOR:
            return
        for version in spare:
            await self._blobs.delete(self._key(version))

    async def _write_next(self, edit: Edit) -> SharedState | None:
        """Return the version written, or None if another writer was first."""
        version = self._current.version + 1
        data = _encoded(version, edit(self._current.fields), self._clock.now())
        if not await self._blobs.put_new(self._key(version), data):
            return None
        async with self._refreshing:
            # The poll may have found it meanwhile, and even a later one.
            if self._current.version < version:
                await self._take(version, data)
        return SharedState(version, _decoded(data))

    async def _jump(self) -> None:
        """Go to the newest version, however many were missed."""
        newest = max(await self._versions(), default=0)
        if newest > self._current.version:
            data = await self._stored(newest)
            if data is not None:
                await self._take(newest, data)

    async def _take(self, version: int, data: bytes) -> None:
        try:
            fields = _decoded(data)
        except StoredDataInvalid as error:
            # Whoever wrote this takes part no more; the next version can still be made.
            _log.error("Shared object unreadable", key=self._key(version), error=error.message)
            fields = self._current.fields
        self._current = SharedState(version, fields)
        for tell in self._subscribers:
            tell(self._current)
        await asyncio.to_thread(self._last_good.save, self._current, self._clock.now())

    async def _stored(self, version: int) -> bytes | None:
        try:
            return await self._blobs.get(self._key(version))
        except NotFound:
            return None

    async def _versions(self) -> list[int]:
        names = [key.rsplit("/", 1)[-1] async for key in self._blobs.keys(self._folder)]
        return sorted(int(name.partition(".")[0]) for name in names if _VERSION.fullmatch(name))

    def _key(self, version: int) -> str:
        return f"{self._folder}/{version:08d}.json"


class _LastGood:
    """The newest version known, on the local disk; losing it is harmless."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> SharedState:
        try:
            data = self._path.read_bytes()
            return SharedState(int(json.loads(data)["version"]), _decoded(data))
        except FileNotFoundError:
            return SharedState(0, MappingProxyType({}))
        except (OSError, StoredDataInvalid, *MALFORMED) as error:
            _log.warning("Last good copy unreadable", path=str(self._path), error=str(error))
            return SharedState(0, MappingProxyType({}))

    def save(self, state: SharedState, at: datetime) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            if self.load().version > state.version:
                return  # Another process of this machine was further.
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encoded(state.version, state.fields, at))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            _log.warning("Last good copy not written", path=str(self._path), error=str(error))
        finally:
            temporary.unlink(missing_ok=True)


def _encoded(version: int, fields: Mapping[str, Any], at: datetime) -> bytes:
    state = {"version": version, "at": at.isoformat(), "fields": dict(fields)}
    return json.dumps(stamped(Stored.SHARED_OBJECT, state), ensure_ascii=False).encode()


def _decoded(data: bytes) -> Mapping[str, Any]:
    """Return the fields of a version. Raises StoredDataInvalid."""
    try:
        return MappingProxyType(dict(json.loads(data)["fields"]))
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"A shared object cannot be understood ({type(exc).__name__}). The version before it "
            "stays in force; write the object anew to mend it."
        ) from exc


def _written_at(data: bytes) -> datetime:
    """Return when a version was written. Raises StoredDataInvalid."""
    try:
        return moment_from(json.loads(data)["at"])
    except MALFORMED as exc:
        raise StoredDataInvalid(f"A shared object has no date ({type(exc).__name__}).") from exc
