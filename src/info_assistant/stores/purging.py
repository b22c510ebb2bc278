"""Takes the quotes of purged documents out of the segments of answer records.

Segments never change, so one with such quotes is written anew without them, beside the old one, and
the old one is deleted. Orders are carried out again and again while they are kept, because records
may come later: from the journal of a machine that could not ship, or from a merge that had read the
old segment already.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from info_assistant.errors import NotFound, ObjectStorageUnavailable, StoredDataInvalid
from info_assistant.model.document import Tombstone
from info_assistant.model.schema import MALFORMED
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, FolderBlobs
from info_assistant.stores.answer_records import KIND, without_quotes
from info_assistant.stores.segments import Segment, SegmentReader, parsed_lines

KEPT_FOR = timedelta(days=90)
"""How long an order is carried out again: longer than any machine waits to ship its records."""

_EVERY_S = 60.0
_log = get_logger("purging")


class PurgeOrders(Protocol):
    """Where orders lie."""

    async def purges(self, tenant: str) -> tuple[Tombstone, ...]:
        """Return a tenant's orders that count."""

    async def forget_purge(self, order: Tombstone) -> None:
        """Delete an order."""


class QuotePurging:
    """Carries out orders; any number of replicas may do so at once."""

    def __init__(self, blobs: FolderBlobs, orders: PurgeOrders, clock: Clock) -> None:
        """Look after the answer records in `blobs`."""
        self._blobs = blobs
        self._orders = orders
        self._clock = clock
        self._reader = SegmentReader(blobs)
        # A segment never changes, so one without such quotes need not be read for them again.
        self._clean: dict[str, tuple[Mapping[str, int], set[str]]] = {}

    async def run(self) -> None:
        """Work until cancelled; what an outage prevents is tried again."""
        while True:
            try:
                await self.carry_out()
            except (ObjectStorageUnavailable, StoredDataInvalid) as error:
                _log.warning("Quotes not purged yet", error=error.code)
            await asyncio.sleep(_EVERY_S)

    async def carry_out(self) -> int:
        """Carry out every order once; return how many segments were written anew.

        Raises ObjectStorageUnavailable, StoredDataInvalid.
        """
        written = 0
        for tenant in await self._blobs.folders(""):
            orders = await self._orders.purges(tenant)
            if orders:
                written += await self._purge(tenant, orders)
            for order in orders:
                if self._clock.now() - order.at > KEPT_FOR:
                    await self._orders.forget_purge(order)
        return written

    async def _purge(self, tenant: str, orders: tuple[Tombstone, ...]) -> int:
        purged: dict[str, int] = {}
        for order in orders:
            purged[order.document_id] = max(purged.get(order.document_id, 0), order.revision)
        known, clean = self._clean.get(tenant, ({}, set()))
        if known != purged:
            clean = set()
        self._clean[tenant] = (purged, clean)
        written, there = 0, set()
        for day in await self._reader.days(KIND, tenant):
            for segment in await self._reader.segments(KIND, tenant, day):
                there.add(segment.key)
                if segment.key not in clean:
                    written += await self._rewritten(segment, purged)
                    clean.add(segment.key)
        clean &= there
        return written

    async def _rewritten(self, segment: Segment, purged: Mapping[str, int]) -> int:
        """Write a segment anew if it holds quotes that must go; return how many were written."""
        try:
            data = await self._blobs.get(segment.key)
        except NotFound:
            return 0  # Merged or expired meanwhile.
        if not any(each.encode() in data for each in purged):
            return 0
        left = await asyncio.to_thread(_without_quotes, data, segment.key, purged)
        if left == data:
            return 0
        digest = hashlib.sha256(left).hexdigest()[:12]
        folder = segment.key.rsplit("/", 1)[0]
        name = f"{segment.first:013d}-{segment.last:013d}-merged.{digest}-{len(left)}.jsonl"
        await self._blobs.put_new(f"{folder}/{name}", left)
        await self._blobs.delete(segment.key)
        _log.info("Quotes purged from a segment", key=segment.key)
        return 1


def _without_quotes(data: bytes, key: str, purged: Mapping[str, int]) -> bytes:
    changed: dict[bytes, bytes] = {}
    for line, fields in parsed_lines(data, key):
        try:
            left = without_quotes(fields, purged)
        except MALFORMED as error:
            _log.warning("Record cannot be purged", key=key, error=type(error).__name__)
            continue
        if left is not None:
            changed[line] = json.dumps(left, ensure_ascii=False, separators=(",", ":")).encode()
    if not changed:
        return data
    return b"".join(changed.get(line, line) + b"\n" for line in data.splitlines())
