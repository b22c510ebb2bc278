"""What keeps records few and no older than they may be: merged segments, and an end for old days.

Any number of replicas may do this at once. A merged segment is named after its content, so two that
merge the same make the same; a segment is deleted only after all its records are durable in
another; and readers take each record once, however many segments it is in.
"""

import asyncio
import hashlib
import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

from info_assistant.errors import NotFound, ObjectStorageUnavailable
from info_assistant.model.ids import milliseconds_of
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, FolderBlobs
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.segments import Segment, SegmentReader, folder_of, parsed_lines

MERGED_BYTES = 4 * 1024 * 1024
"""The size that a merged segment does not exceed by more than one record."""

MANY = 100
"""The number of segments of the present day that are merged before the day is over."""

_MERGED = "merged"
_SETTLED = timedelta(minutes=10)
_GRACE_S = 60.0
_AT_ONCE = 200
_PASS_S = 3600.0
_RETRY_S = 300.0
_FIRST_PASS_S = (5.0, 60.0)
_DAY = timedelta(days=1)

_log = get_logger("compaction")


class Upkeep:
    """The job that compacts and expires: shortly after the start, each hour, and wholly each day.

    `keep` says for each kind of records how long they are kept.
    """

    def __init__(
        self,
        blobs: FolderBlobs,
        keep: Mapping[str, timedelta],
        objects: SharedObjects,
        clock: Clock,
        *,
        grace_s: float = _GRACE_S,
    ) -> None:
        """Look after the records in `blobs`; what was merged is deleted `grace_s` later."""
        self._blobs = blobs
        self._reader = SegmentReader(blobs)
        self._keep = dict(keep)
        self._objects = objects
        self._clock = clock
        self._grace_s = grace_s

    async def run(self) -> None:
        """Work until cancelled; what an outage prevents is tried again soon."""
        await asyncio.sleep(random.uniform(*_FIRST_PASS_S))  # noqa: S311  Replicas spread out.
        finished = date.min
        while True:
            try:
                finished = await self._pass(finished)
            except ObjectStorageUnavailable as error:
                _log.warning("Upkeep of records put off", error=error.code)
                await asyncio.sleep(_RETRY_S)
            else:
                await asyncio.sleep(_PASS_S)

    async def _pass(self, finished: date) -> date:
        """Do what is due; return the day that was last done wholly."""
        today = self._clock.now().date()
        if finished == today:
            await self.compact(today - _DAY)
            return finished
        await self.expire()
        await self.compact(date.min)
        await self._objects.compact()
        return today

    async def expire(self) -> None:
        """Delete every day that is older than its kind is kept."""
        now = self._clock.now()
        for tenant in await self._blobs.folders(""):
            for kind, age in self._keep.items():
                for day in await self._reader.days(kind, tenant):
                    if day < (now - age).date():
                        await self._delete_day(tenant, kind, day)

    async def compact(self, since: date) -> None:
        """Merge small segments of the days from `since` on."""
        replaced: list[str] = []
        for tenant in await self._blobs.folders(""):
            for kind in self._keep:
                for day in await self._reader.days(kind, tenant):
                    if day >= since:
                        replaced += await self._compact_day(tenant, kind, day)
        if replaced:
            # Whoever has listed the old names without the new ones finishes reading meanwhile.
            await asyncio.sleep(self._grace_s)
            for key in replaced:
                await self._blobs.delete(key)
            _log.info("Segments merged", replaced=len(replaced))

    async def _delete_day(self, tenant: str, kind: str, day: date) -> None:
        count = 0
        async for key in self._blobs.keys(f"{folder_of(tenant, kind)}/{day.isoformat()}"):
            await self._blobs.delete(key)
            count += 1
        if count:
            _log.info("Records expired", tenant=tenant, kind=kind, day=day.isoformat())

    async def _compact_day(self, tenant: str, kind: str, day: date) -> list[str]:
        """Merge what is small; return the names that are no longer needed."""
        now = self._clock.now()
        settled = int((now - _SETTLED).timestamp() * 1000)
        segments = await self._reader.segments(kind, tenant, day)
        small = [each for each in reversed(segments) if each.last < settled and _is_small(each)]
        if day >= now.date():
            small = [each for each in small if each.writer != _MERGED]
            if len(small) < MANY:
                return []
        folder = f"{folder_of(tenant, kind)}/{day.isoformat()}"
        replaced: list[str] = []
        for at in range(0, len(small), _AT_ONCE):
            replaced += await self._merge(folder, small[at : at + _AT_ONCE])
        return replaced

    async def _merge(self, folder: str, segments: Sequence[Segment]) -> list[str]:
        """Write the records of `segments` anew; return the names that are no longer needed."""
        if len(segments) < 2:  # noqa: PLR2004  One alone is merged already.
            return []
        try:
            data = {each.key: await self._blobs.get(each.key) for each in segments}
        except NotFound:
            return []  # Another replica is at it, or these days have expired.
        merged, replaced = await asyncio.to_thread(_merged, folder, data)
        for key, content in merged.items():
            await self._blobs.put_new(key, content)
        return [key for key in replaced if key not in merged]


def _is_small(segment: Segment) -> bool:
    """Whether a segment is worth merging. The number of a merged one is its size in bytes."""
    return segment.writer != _MERGED or segment.number < MERGED_BYTES // 2


def _merged(folder: str, segments: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """Return names and contents of segments with the same records, and what they replace.

    Each record is there once. Lines are kept as they are, with what a newer version of the product
    has put into them; a segment with lines that cannot be understood stays as it is.
    """
    lines: dict[str, bytes] = {}
    replaced: list[str] = []
    for key, data in segments.items():
        found = {str(fields["id"]): line for line, fields in parsed_lines(data, key)}
        if len(found) == len(set(data.splitlines())):
            lines |= found
            replaced.append(key)
    merged: dict[str, bytes] = {}
    for ids in _parts(sorted(lines), lines):
        content = b"".join(lines[each] + b"\n" for each in ids)
        name = f"{milliseconds_of(ids[0]):013d}-{milliseconds_of(ids[-1]):013d}"
        digest = hashlib.sha256(content).hexdigest()[:12]
        merged[f"{folder}/{name}-{_MERGED}.{digest}-{len(content)}.jsonl"] = content
    return merged, replaced


def _parts(ids: Sequence[str], lines: Mapping[str, bytes]) -> list[Sequence[str]]:
    """Return runs of ids whose lines come to a merged segment's size each."""
    starts, size = [0], 0
    for at, each in enumerate(ids):
        if size > MERGED_BYTES:
            starts.append(at)
            size = 0
        size += len(lines[each]) + 1
    return [ids[start:end] for start, end in pairwise([*starts, len(ids)])] if ids else []
