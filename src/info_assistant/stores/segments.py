"""Append-only records in object storage: JSON lines in segments that never change.

A segment is `{tenant}/segments/{kind}/{day}/{first}-{last}-{writer}-{number}.jsonl`: records of one
day, with ids made from `first` to `last`, in milliseconds since 1970. Compaction writes merged
segments beside those they replace and deletes these a while later. So a record may be in two
segments for a while, and a name may vanish between the listing and the reading; both are dealt with
here.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from info_assistant.errors import NotFound, ObjectStorageUnavailable
from info_assistant.model.ids import LAST_ID, first_id_at, milliseconds_of
from info_assistant.model.schema import MALFORMED
from info_assistant.observability.log import get_logger
from info_assistant.ports import FolderBlobs

_NAME = re.compile(
    r"(?P<first>\d{13})-(?P<last>\d{13})-(?P<writer>[a-z0-9.]+)-(?P<number>\d+)\.jsonl"
)
_END_OF_TIME = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp()) * 1000
_MOST_READ = 100
_ATTEMPTS = 5
_DAY = timedelta(days=1)
_log = get_logger("segments")
T = TypeVar("T")

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's name, and what it says."""

    key: str
    first: int
    last: int
    writer: str
    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records to list: those of a tenant with ids below `before` that `matches` accepts.

    None with an id below `since` is among them.
    """

    kind: str
    tenant: str
    limit: int
    before: str = LAST_ID
    matches: Callable[[Fields], bool] = field(default=lambda _fields: True)
    since: str = ""

    def accepts(self, fields: Fields) -> bool:
        """Whether a record is wanted."""
        within = self.since <= str(fields.get("id", LAST_ID)) < self.before
        return within and self.matches(fields)


@dataclass(frozen=True, slots=True)
class Found:
    """Records, newest first; `next`, given as `before`, continues where this ends.

    With a `next` there may be fewer than were asked for: the search went as far as it may at once.
    """

    records: Sequence[Fields]
    next: str | None


def merged(limit: int, *pages: Found) -> Found:
    """Return pages of several kinds, which begin at the same place, as one of `limit` records."""
    # Below the place where the shortest search ended, others' records are not known.
    end = max((page.next for page in pages if page.next is not None), default="")
    together = sorted(
        (each for page in pages for each in page.records if str(each["id"]) >= end),
        key=lambda fields: str(fields["id"]),
        reverse=True,
    )
    if len(together) > limit:
        return Found(together[:limit], str(together[limit - 1]["id"]))
    return Found(together, end or None)


def segment_of(key: str) -> Segment | None:
    """Return what a name says, or None for a name that is none of ours."""
    found = _NAME.fullmatch(key.rsplit("/", 1)[-1])
    if found is None:
        return None
    first, last, number = int(found["first"]), int(found["last"]), int(found["number"])
    return Segment(key, first, last, found["writer"], number)


def day_at(milliseconds: int) -> date:
    """Return the day, in UTC, of a moment in milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()


def folder_of(tenant: str, kind: str) -> str:
    """Return the folder of a tenant's segments of one kind."""
    return f"{tenant}/segments/{kind}"


def parsed_lines(data: bytes, key: str) -> Iterator[tuple[bytes, Fields]]:
    """Yield each line that is a record, with its fields; others are logged and passed over."""
    for line in data.splitlines():
        try:
            fields = json.loads(line)
            milliseconds_of(fields["id"])
        except MALFORMED as error:
            _log.warning("Record unreadable", key=key, error=type(error).__name__)
        else:
            yield line, fields


class SegmentReader:
    """Reads records in object storage. Methods raise ObjectStorageUnavailable."""

    def __init__(self, blobs: FolderBlobs) -> None:
        """Read from `blobs`."""
        self._blobs = blobs

    async def find(self, kind: str, tenant: str, record_id: str) -> Fields | None:
        """Return the record, or None. Raises ValueError for an id that does not sort by time."""
        moment = milliseconds_of(record_id)
        day = day_at(moment)

        async def look() -> Fields | None:
            for each in await self.segments(kind, tenant, day):
                if each.first <= moment <= each.last:
                    data = await self._blobs.get(each.key)
                    found = await asyncio.to_thread(_with_id, data, each.key, record_id)
                    if found is not None:
                        return found
            return None

        return await _again_if_moved(look)

    async def newest(self, wanted: Wanted, beside: Sequence[Fields] = ()) -> Found:
        """Return the newest records that are wanted, `beside` (not yet shipped) among them."""

        async def look() -> Found:
            return await self._newest(wanted, _Pool(wanted, beside))

        return await _again_if_moved(look)

    async def of_day(
        self, kind: str, tenant: str, day: date, seen: set[str], containing: bytes = b""
    ) -> AsyncIterator[Sequence[Fields]]:
        """Yield the records of each segment of a day that is not in `seen`, and add it there.

        A record may come more than once, from a segment and from one that this was merged into.
        Lines without `containing` are left out unread.
        """
        for _ in range(_ATTEMPTS):
            try:
                for each in reversed(await self.segments(kind, tenant, day)):
                    if each.key not in seen:
                        data = await self._blobs.get(each.key)
                        seen.add(each.key)
                        yield await asyncio.to_thread(_fields_in, data, each.key, containing)
            except NotFound:
                continue  # It was merged into another, which the next listing names.
            return
        raise _moving()

    async def days(self, kind: str, tenant: str) -> list[date]:
        """Return the days that a tenant has segments of."""
        found = []
        for name in await self._blobs.folders(folder_of(tenant, kind)):
            try:
                found.append(date.fromisoformat(name))
            except ValueError:
                _log.warning("Not a day of segments", tenant=tenant, kind=kind, name=name)
        return sorted(found)

    async def segments(self, kind: str, tenant: str, day: date) -> list[Segment]:
        """Return the segments of a day, the newest first."""
        keys = self._blobs.keys(f"{folder_of(tenant, kind)}/{day.isoformat()}")
        named = [segment_of(key) async for key in keys]
        return sorted((each for each in named if each), key=lambda each: each.last, reverse=True)

    async def _newest(self, wanted: Wanted, pool: "_Pool") -> Found:
        most, least = _before_ms(wanted), milliseconds_of(wanted.since) if wanted.since else 0
        read = 0
        for day in reversed(await self.days(wanted.kind, wanted.tenant)):
            if day > day_at(most):
                continue
            if day < day_at(least):
                break
            if pool.holds_all_after(_end_of(day)):
                return pool.page(more=True)
            for each in await self.segments(wanted.kind, wanted.tenant, day):
                if each.first > most or each.last < least:
                    continue
                if pool.holds_all_after(each.last):
                    return pool.page(more=True)
                if read == _MOST_READ:
                    return pool.page_after(each.last)
                data = await self._blobs.get(each.key)
                await asyncio.to_thread(pool.add, data, each.key)
                read += 1
        return pool.page(more=False)


class _Pool:
    """The wanted records seen so far, once each."""

    def __init__(self, wanted: Wanted, first: Sequence[Fields]) -> None:
        self._wanted = wanted
        self._records = {str(each["id"]): each for each in first if wanted.accepts(each)}

    def add(self, data: bytes, key: str) -> None:
        for _, fields in parsed_lines(data, key):
            if self._wanted.accepts(fields):
                self._records[str(fields["id"])] = fields

    def holds_all_after(self, milliseconds: int) -> bool:
        """Whether enough is newer than this, so that nothing older can be on the page."""
        bound = first_id_at(milliseconds + 1)
        return sum(each >= bound for each in self._records) >= self._wanted.limit

    def page(self, *, more: bool) -> Found:
        ids = sorted(self._records, reverse=True)
        shown = ids[: self._wanted.limit]
        following = shown[-1] if shown and (more or len(ids) > len(shown)) else None
        return Found([self._records[each] for each in shown], following)

    def page_after(self, milliseconds: int) -> Found:
        """Return what is newer than this, and go on from there."""
        bound = first_id_at(milliseconds + 1)
        ids = sorted((each for each in self._records if each >= bound), reverse=True)
        return Found([self._records[each] for each in ids], bound)


def _before_ms(wanted: Wanted) -> int:
    """Return the last millisecond of which records can be wanted. Raises ValueError."""
    return _END_OF_TIME if wanted.before == LAST_ID else milliseconds_of(wanted.before)


def _end_of(day: date) -> int:
    """Return the last millisecond of a day in UTC."""
    end = datetime.combine(day + _DAY, datetime.min.time(), UTC)
    return int(end.timestamp() * 1000) - 1


def _fields_in(data: bytes, key: str, containing: bytes) -> Sequence[Fields]:
    if containing:
        data = b"\n".join(line for line in data.splitlines() if containing in line)
    return [fields for _, fields in parsed_lines(data, key)]


def _with_id(data: bytes, key: str, record_id: str) -> Fields | None:
    needle = record_id.encode()
    for line in data.splitlines():
        if needle in line:
            for _, fields in parsed_lines(line, key):
                if fields["id"] == record_id:
                    return fields
    return None


async def _again_if_moved(look: Callable[[], Awaitable[T]]) -> T:
    """Return what `look` finds; it looks anew when a segment was replaced meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            return await look()
        except NotFound:
            continue
    raise _moving()


def _moving() -> ObjectStorageUnavailable:
    return ObjectStorageUnavailable(
        "Stored records keep moving while they are read. Please try again in a moment."
    )
