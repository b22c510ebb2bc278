"""The feed of visibility changes between replicas: small objects with numbers in a row.

`system/changes/{number:010d}.json` is an entry, create-only: a writer that finds the number taken
tries the next. A reader asks for the number after the last it knows, which costs one request that
finds nothing. Entries are deleted from the oldest on once they are of no more use; the newest
stays, because it shows where the row goes on.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from info_assistant.errors import NotFound
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.model.tenant import SYSTEM_TENANT
from info_assistant.model.visibility import ChangeBatch, ChangeKind, VisibilityChange
from info_assistant.observability.log import get_logger
from info_assistant.ports import Blobs, Clock

FOLDER = f"{SYSTEM_TENANT}/changes"

_TOGETHER = 32
"""Entries read at once by a replica that has some catching up to do."""

_NAME = re.compile(rf"{FOLDER}/(\d{{10,}})\.json")

_log = get_logger("changes")


class BlobChangeFeed:
    """The feed (`ports.ChangeFeed`) in object storage."""

    def __init__(
        self, blobs: Blobs, clock: Clock, on_publish: Callable[[], None] = lambda: None
    ) -> None:
        """Begin before the first entry; nothing is read yet. `on_publish` follows each entry."""
        self._on_publish = on_publish
        self._blobs = blobs
        self._clock = clock
        self._read_up_to = 0
        self._written_up_to = 0
        self._oldest = 0

    @property
    def oldest(self) -> int:
        """The lowest number still kept when `catch_up` last looked; 0 where there was none."""
        return self._oldest

    async def publish(self, changes: Sequence[VisibilityChange]) -> None:
        """Write an entry; durable when this returns. Raises ObjectStorageUnavailable."""
        # Names of deleted entries are free again: what was written here before stays behind us.
        number = max(self._read_up_to, self._written_up_to) + 1
        while True:
            while not await self._append(number, changes):
                number += 1
            self._written_up_to = number
            self._on_publish()
            if await self._stored(number - 1) is not None:
                return
            # Nothing stands before it. Either it is the first, or this process slept while others
            # went on and deleted what it knew: then nobody would look at a number this low.
            newest = max(await self._numbers(), default=0)
            if newest <= number:
                return
            number = newest + 1

    async def news(self) -> AsyncIterator[ChangeBatch]:
        """Yield the entries after the last one read. Raises ObjectStorageUnavailable."""
        while (data := await self._stored(self._read_up_to + 1)) is not None:
            self._read_up_to += 1
            yield self._decoded(self._read_up_to, data)

    async def catch_up(self) -> AsyncIterator[ChangeBatch]:
        """Yield all kept entries after the last one read. Raises ObjectStorageUnavailable."""
        numbers = await self._numbers()
        unread = [number for number in numbers if number > self._read_up_to]
        for at in range(0, len(unread), _TOGETHER):
            group = unread[at : at + _TOGETHER]
            for number, data in zip(group, await self._all_of(group), strict=True):
                self._read_up_to = number
                if data is not None:
                    yield self._decoded(number, data)
        self._oldest = min(numbers, default=0)

    async def delete(self, number: int) -> None:
        """Delete an entry, unless it is the newest known. Raises ObjectStorageUnavailable."""
        if number < self._read_up_to:
            await self._blobs.delete(_key(number))

    async def _append(self, number: int, changes: Sequence[VisibilityChange]) -> bool:
        fields = {
            "at": self._clock.now().isoformat(),
            "changes": [_fields(each) for each in changes],
        }
        data = json.dumps(stamped(Stored.VISIBILITY_CHANGES, fields), ensure_ascii=False)
        return await self._blobs.put_new(_key(number), data.encode())

    async def _all_of(self, numbers: Sequence[int]) -> Sequence[bytes | None]:
        return await asyncio.gather(*(self._stored(number) for number in numbers))

    async def _stored(self, number: int) -> bytes | None:
        try:
            return await self._blobs.get(_key(number))
        except NotFound:
            return None

    async def _numbers(self) -> list[int]:
        found = [_NAME.fullmatch(key) async for key in self._blobs.keys(FOLDER)]
        return sorted(int(each[1]) for each in found if each)

    def _decoded(self, number: int, data: bytes) -> ChangeBatch:
        try:
            fields = json.loads(data)
            # Of kinds that a later version knows, this one need not know more than that.
            known = (each for each in fields["changes"] if each["kind"] in set(ChangeKind))
            changes = tuple(_change(each) for each in known)
            return ChangeBatch(number, moment_from(fields["at"]), changes)
        except MALFORMED as exc:
            # What it tells takes effect once the index is compared with the catalogue.
            _log.error("Visibility change unreadable", key=_key(number), error=type(exc).__name__)
            return ChangeBatch(number, self._clock.now(), ())


def _key(number: int) -> str:
    return f"{FOLDER}/{number:010d}.json"


def _fields(change: VisibilityChange) -> dict[str, Any]:
    return {
        "tenant": change.tenant,
        "document_id": change.document_id,
        "kind": change.kind.value,
        "revision": change.revision,
        "access": list(change.access),
        "listed": list(change.listed),
    }


def _change(fields: dict[str, Any]) -> VisibilityChange:
    return VisibilityChange(
        tenant=str(fields["tenant"]),
        document_id=str(fields["document_id"]),
        kind=ChangeKind(fields["kind"]),
        revision=int(fields["revision"]),
        access=tuple(str(group) for group in fields["access"]),
        # Before documents could be held back, these were the same.
        listed=tuple(str(group) for group in fields.get("listed", fields["access"])),
    )
