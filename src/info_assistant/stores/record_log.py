"""Append-only records: durable on this machine at once, in object storage within seconds.

What is appended goes to this process's journal and from there, every few seconds or megabyte, to
segments. While object storage is down it waits; nothing is lost and nobody waits for it. Journals
that dead processes left on this machine are adopted and shipped too.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from info_assistant.errors import (
    InfoAssistantError,
    InvalidRequest,
    ObjectStorageUnavailable,
    RecordsUnavailable,
)
from info_assistant.model.ids import first_id_at
from info_assistant.observability.log import get_logger
from info_assistant.ports import FolderBlobs
from info_assistant.stores.claims import claim
from info_assistant.stores.journal import MOST_PENDING_BYTES, Journal
from info_assistant.stores.journal_file import SEGMENT_BYTES, Endings, Record
from info_assistant.stores.segments import Fields, Found, SegmentReader, Wanted, parsed_lines
from info_assistant.stores.writers import WriterMarks

SHIP_S = 4.0
"""The longest that a record waits before it is shipped."""

_ADOPT_S = 30.0
_AT_THE_END_S = 3.0
_SCANNED_AT_ONCE = 500

_log = get_logger("records")


@dataclass(frozen=True, slots=True)
class _Written:
    """What was handed over to a journal, to be awaited or not."""

    journal: Journal
    begun: "asyncio.Future[tuple[int, int]]"
    then: Callable[[], None]

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until it survives a killed process. Raises RecordsUnavailable."""
        yield from self.journal.written(self.begun).__await__()
        self.then()


class RecordLog:
    """The records of one process, and everybody's for reading."""

    def __init__(
        self,
        blobs: FolderBlobs,
        folder: Path,
        *,
        on_pending: Callable[[int], None] = lambda _count: None,
        most_bytes: int = MOST_PENDING_BYTES,
        endings: Endings | None = None,
        marks: WriterMarks | None = None,
    ) -> None:
        """Keep journals in `folder` and segments in `blobs`; nothing is opened yet.

        `on_pending` is told how many records wait to be shipped. `endings` ends what processes that
        are no more had begun. `marks` say that this writer lives, and how far it has shipped.
        """
        self._marks = marks
        self.shipped_until = float("-inf")
        """All that was kept before this moment of the event loop is in object storage."""
        self._endings = endings
        self._blobs = blobs
        self._folder = folder
        self._own = Journal(folder, most_bytes=most_bytes, endings=endings)
        self._adopted: list[Journal] = []
        self._reader = SegmentReader(blobs)
        self._on_pending = on_pending
        self._enough = asyncio.Event()
        self._shipping = asyncio.Lock()
        self._reachable = True

    async def open(self) -> None:
        """Claim a journal, so that the first record finds it ready. Raises nothing."""
        with suppress(RecordsUnavailable):
            await self._own.check()

    async def append(self, records: Sequence[Record]) -> None:
        """Keep records; they survive a killed process when this returns.

        Raises RecordsUnavailable.
        """
        await self._own.append(records)
        self._ship_what_is_enough()

    def put(self, records: Sequence[Record]) -> Awaitable[None]:
        """Hand records over; they survive a killed process once what is returned was awaited.

        They are kept also if nobody waits for that. Raises RecordsUnavailable, now or then.
        """
        return _Written(self._own, self._own.put(records), self._ship_what_is_enough)

    async def begin(self, record: Record) -> None:
        """Keep a record as `append` does, and that another will tell the end of what it began.

        If this process dies before, whoever finds the journal writes the end. Raises
        RecordsUnavailable.
        """
        await self._own.begin(record)
        self._ship_what_is_enough()

    async def end(self, record: Record, begun: str) -> None:
        """Keep a record that ends what `begun` began; there is always room for it.

        It is kept even if whoever waits for it is cancelled. Raises RecordsUnavailable.
        """
        await self._own.end(record, begun)
        self._ship_what_is_enough()

    def end_soon(self, record: Record, begun: str, kept: Callable[[], None]) -> None:
        """Ask for what `end` does, and do not wait; `kept` is called once it is done.

        What is appended after this is kept no earlier. A fault is not told: ask again.
        """
        self._own.end_soon(record, begun, kept)

    async def check(self) -> None:
        """Return if records can be kept now. Raises RecordsUnavailable."""
        await self._own.check()

    async def find(self, kind: str, tenant: str, record_id: str) -> Fields | None:
        """Return a record, or None.

        One that another replica wrote is found once it is shipped, within some seconds. Raises
        ObjectStorageUnavailable, and ValueError for an id that does not sort by time.
        """
        # This machine first: a record is in object storage before it leaves here.
        for journal in (self._own, *self._adopted):
            with suppress(RecordsUnavailable):
                body = await journal.find(kind, tenant, record_id)
                if body is not None:
                    return next((fields for _, fields in parsed_lines(body, "journal")), None)
        return await self._reader.find(kind, tenant, record_id)

    async def newest(self, wanted: Wanted) -> Found:
        """Return a page of records, newest first.

        Raises ObjectStorageUnavailable, and InvalidRequest for a `before` that is no id.
        """
        beside: list[Fields] = []
        try:
            for journal in (self._own, *self._adopted):
                with suppress(RecordsUnavailable):
                    beside += await _waiting(journal, wanted)
            return await self._reader.newest(wanted, beside)
        except ValueError as exc:
            raise InvalidRequest(
                f"`before` must be what the page before gave as `next`: {wanted.before!r}"
            ) from exc

    async def of_day(
        self, kind: str, tenant: str, day: date, seen: set[str], *, containing: bytes = b""
    ) -> AsyncIterator[Sequence[Fields]]:
        """Yield the records of a day (UTC): those that wait on this machine, then others'.

        A record may come more than once. `seen` holds the names of segments that are passed over;
        those read are added. Lines without `containing` are left out unread. Raises
        ObjectStorageUnavailable.
        """
        begin = datetime.combine(day, datetime.min.time(), UTC)
        first, end = (
            first_id_at(int(each.timestamp() * 1000)) for each in (begin, begin + timedelta(days=1))
        )
        # Journals first: what is shipped meanwhile is in object storage then.
        for journal in (self._own, *self._adopted):
            with suppress(RecordsUnavailable):
                records = await journal.between(kind, tenant, first, end)
                yield await asyncio.to_thread(_parsed, records, containing)
        async for page in self._reader.of_day(kind, tenant, day, seen, containing):
            yield page

    async def count(self, kind: str) -> int:
        """Return how many records of a kind wait here to be shipped. Raises RecordsUnavailable."""
        return sum([await each.count(kind) for each in (self._own, *self._adopted)])

    async def run(self) -> None:
        """Ship until cancelled, and adopt the journals of dead writers."""
        loop = asyncio.get_running_loop()
        adopted_at = float("-inf")
        while True:
            if loop.time() - adopted_at > _ADOPT_S:
                await self._adopt()
                adopted_at = loop.time()
            shipped = await self._try_to_ship()
            self._enough.clear()
            # What has come to a megabyte meanwhile only goes early if it can go at all.
            with suppress(TimeoutError):
                async with asyncio.timeout(SHIP_S):
                    await (self._enough if shipped else asyncio.Event()).wait()

    async def ship(self) -> None:
        """Ship all that waits. Raises ObjectStorageUnavailable, RecordsUnavailable."""
        async with self._shipping:
            began, at = asyncio.get_running_loop().time(), datetime.now(UTC)
            shipped = [await self._ship(journal) for journal in (self._own, *self._adopted)]
            self.shipped_until = began
            if self._marks is not None:
                await self._marks.renew(self._own.writer, at, news=shipped[0])
            for journal in [each for each in self._adopted if not each.pending]:
                if self._marks is not None:
                    await self._marks.close(journal.writer, at)
                await journal.retire()
                self._adopted.remove(journal)

    async def close(self) -> None:
        """Ship what can be shipped in a moment and let others have what is left."""
        if self._own.folder is not None:
            await self._ship_at_the_end()
        for journal in self._adopted:
            await journal.retire()
        self._adopted.clear()
        await self._own.close()

    async def _ship_at_the_end(self) -> None:
        try:
            async with asyncio.timeout(_AT_THE_END_S):
                await self.ship()
                if self._marks is not None:
                    await self._marks.close(self._own.writer, datetime.now(UTC))
        except (TimeoutError, InfoAssistantError) as error:
            _log.warning(
                "Records left on this machine for the next start",
                pending=self.pending,
                error=type(error).__name__,
            )

    def _ship_what_is_enough(self) -> None:
        if self._own.uncut_bytes >= SEGMENT_BYTES:
            self._enough.set()

    @property
    def pending(self) -> int:
        """How many records wait here to be shipped."""
        return sum(journal.pending for journal in (self._own, *self._adopted))

    async def _try_to_ship(self) -> bool:
        """Ship; log when that begins to fail and when it works again."""
        try:
            await self.ship()
        except (ObjectStorageUnavailable, RecordsUnavailable) as error:
            if self._reachable:
                _log.warning("Records wait to be shipped", pending=self.pending, error=error.code)
            self._reachable = False
        else:
            if not self._reachable:
                _log.info("Records are shipped again")
            self._reachable = True
        self._on_pending(self.pending)
        return self._reachable

    async def _ship(self, journal: Journal) -> bool:
        """Ship what waits in a journal; return whether there was anything."""
        shipped = await journal.is_cut()
        if shipped:
            await self._ship_cuts(journal)
        # What comes while this is shipped is for the next time.
        until = await journal.last_place()
        while await journal.cut(until):
            await self._ship_cuts(journal)
            shipped = True
        return shipped

    async def _ship_cuts(self, journal: Journal) -> None:
        for number, name in await journal.cuts():
            lines = await journal.lines(number)
            if lines:
                # False is success too: it was stored before, and not yet noted here.
                await self._blobs.put_new(name, lines)
            await journal.shipped(number)
        await journal.forget()

    async def _adopt(self) -> None:
        """Take over the journals of writers that are no more."""
        # Ours first: a dead writer's journal is then continued rather than one more begun.
        await self.open()
        try:
            found = await asyncio.to_thread(self._dead_journals)
        except OSError as error:
            _log.warning("Journals cannot be looked for", error=str(error))
            return
        for journal in found:
            _log.info("Adopted the journal of a process that is no more")
            with suppress(RecordsUnavailable):
                await journal.check()  # Opens it, so that what is in it counts.
            self._adopted.append(journal)

    def _dead_journals(self) -> list[Journal]:
        folders = [each for each in self._folder.iterdir() if each.is_dir()]
        claims = [claim(folder) for folder in sorted(folders)]
        return [
            Journal(self._folder, each, endings=self._endings)
            for each in claims
            if each is not None
        ]


async def _waiting(journal: Journal, wanted: Wanted) -> list[Fields]:
    """Return the newest wanted records of a journal, in steps that let others in between."""
    found: list[Fields] = []
    before = wanted.before
    while len(found) < wanted.limit:
        records = await journal.newest(wanted.kind, wanted.tenant, before, _SCANNED_AT_ONCE)
        # While object storage is down there may be many of them, and long ones.
        found += await asyncio.to_thread(_accepted, records, wanted)
        if len(records) < _SCANNED_AT_ONCE or records[-1].id < wanted.since:
            break
        before = records[-1].id
    return found


def _parsed(records: Sequence[Record], containing: bytes) -> list[Fields]:
    bodies = (each.body for each in records if containing in each.body)
    return [fields for body in bodies for _, fields in parsed_lines(body, "journal")]


def _accepted(records: Sequence[Record], wanted: Wanted) -> list[Fields]:
    lines = (line for each in records for line in parsed_lines(each.body, "journal"))
    return [fields for _, fields in lines if wanted.accepts(fields)]
