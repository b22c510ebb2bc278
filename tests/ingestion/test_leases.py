"""Several workers, as in several processes: shared, taken over, fenced."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from info_assistant.errors import Conflict, ReaderBroken
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.ingestion.leases import LEASE_S, LeaseWatch
from info_assistant.ingestion.worker import IngestionWorker, Pace, Tools
from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    Progress,
)
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.lease import Lease
from info_assistant.model.reading import Block, BlockKind, ReadingFacts
from info_assistant.ports import BlockSink

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place

SCOPE = LOCAL_OPERATOR.scope
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PACE = Pace(
    poll_s=0.1,
    reconcile_s=0.5,
    first_retry_s=0.05,
    last_retry_s=0.2,
    look_s=0.1,
    lease_s=1.0,
    claims=4,
)


async def accept(place: "Place", name: str, text: str) -> Receipt:
    """Upload a text."""
    return await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), name))


class GatedReader:
    """Tells how far it is and waits to be let through; notes what it has read."""

    def __init__(self) -> None:
        """Begin closed."""
        self.gate = asyncio.Event()
        self.begun: list[str] = []
        self.broken = 0

    async def read_into(
        self,
        sink: BlockSink,
        data: bytes | Path,
        *,
        filename: str,
        media_type: str,
        on_progress: Callable[[int, int, str], None] | None = None,
    ) -> ReadingFacts:
        """Read, or break down as often as `broken` says."""
        del media_type
        self.begun.append(filename)
        if self.broken:
            self.broken -= 1
            raise ReaderBroken("corrupt", "It breaks the reader.")
        if on_progress is not None:
            on_progress(3, 9, "pages")
        await self.gate.wait()
        content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
        text = content.decode()
        sink.begin()
        await sink.add([Block(BlockKind.PARAGRAPH, text)])
        return ReadingFacts()


def worker_of(place: "Place", reader: GatedReader) -> IngestionWorker:
    """Return a worker as another process has one."""
    tools = Tools(reader, place.embedder, place.embedder)
    return IngestionWorker(place.stores, place.library, tools, place.clock, PACE)


def status(token: str, beat: int = 0, source: str = "a") -> DocumentStatus:
    """Return a document in somebody's hand."""
    content = Content(1, "ab" * 32, 1, "text/plain")
    document = Document(source, "default", source, "A", 1, content, ("everyone",), NOW, NOW)
    lease = Lease(token, "somebody", NOW + timedelta(days=beat))
    return DocumentStatus(document, DocumentState.READING, NOW, lease=lease)


def test_a_lease_expires_by_being_watched() -> None:
    """Only 30 s without a change make a document free, whatever its owner's clock says."""
    now = 0.0
    watch = LeaseWatch(now=lambda: now)
    assert watch.free([status("x", beat=-9)]) == []
    now = LEASE_S - 1
    assert watch.free([status("x", beat=-8)]) == []  # Renewed, by a clock that is days behind.
    now += LEASE_S - 1
    assert watch.free([status("x", beat=-8), status("y", source="b")]) == []
    now += 2
    assert watch.free([status("x", beat=-8)]) == [status("x", beat=-8)]
    assert watch.free([status("z", beat=-8)]) == []  # Somebody was faster.
    free = replace(status("x"), lease=None)
    assert watch.free([free]) == [free]


async def test_workers_share_what_there_is(place: "Place") -> None:
    """Two workers take in each document once, and both have some of them."""
    readers = [GatedReader(), GatedReader()]
    receipts = [await accept(place, f"{n}.txt", f"Word{n} here.") for n in range(24)]

    async def both_have_begun() -> bool | None:
        return all(reader.begun for reader in readers) or None

    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(worker_of(place, reader).run(), name="worker") for reader in readers
        ]
        # Neither is let through before both have some, however slowly one of them starts.
        await place.eventually(both_have_begun)
        for reader in readers:
            reader.gate.set()
        for receipt in receipts:
            await place.until(receipt.status.document.id, DocumentState.READY)
        for each in running:
            each.cancel()
    assert sorted(readers[0].begun + readers[1].begun) == sorted(f"{n}.txt" for n in range(24))


async def test_a_dead_worker_is_taken_over_and_cannot_come_back(
    place: "Place", another_process: "Place"
) -> None:
    """Its documents go on elsewhere once its lease has expired; what it says later is not heard."""
    reader, healthy = GatedReader(), GatedReader()
    healthy.gate.set()
    dead = worker_of(place, reader)
    document = (await accept(place, "a.txt", "Some words.")).status.document
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(dead.run())
        shown = await place.until(document.id, DocumentState.READING)

        async def progressed() -> bool | None:
            told = (await place.library.status(SCOPE, document.id)).progress
            return told == Progress(3, 9, "pages") or None

        await place.eventually(progressed)
        # As if it were stopped: it renews nothing, but has not ended.
        reporting = dead._reporter
        flush, reporting.flush = reporting.flush, asyncio.Event().wait  # type: ignore[assignment]
        other = tasks.create_task(worker_of(another_process, healthy).run())
        ready = await place.until(document.id, DocumentState.READY)
        assert ready.lease is None
        assert shown.lease is not None
        reporting.report(document, DocumentState.FAILED, detail="Too late.")
        await flush()
        assert document.id not in reporting.held
        assert (await place.library.status(SCOPE, document.id)).state is DocumentState.READY
        running.cancel()
        other.cancel()


async def test_attempts_count_what_the_document_does(place: "Place") -> None:
    """Two breakdowns are forgiven; a third fails it in words; `retry` begins anew."""
    reader = GatedReader()
    reader.gate.set()
    reader.broken = 2
    first = (await accept(place, "a.txt", "Good words.")).status.document
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker_of(place, reader).run())
        await place.until(first.id, DocumentState.READY)
        assert len(reader.begun) == 3
        with pytest.raises(Conflict):
            await place.library.retry(LOCAL_OPERATOR, first.id)
        reader.broken = 3
        second = (await accept(place, "b.txt", "Bad words.")).status.document
        failed = await place.until(second.id, DocumentState.FAILED)
        assert failed.detail == "It breaks the reader. It was tried 3 times."
        assert failed.attempts == 3
        again = await place.library.retry(LOCAL_OPERATOR, second.id)
        assert again.state is DocumentState.ACCEPTED
        await place.until(second.id, DocumentState.READY)
        running.cancel()


async def test_a_lost_board_costs_no_document(place: "Place") -> None:
    """Attempts and leases that are lost with Qdrant's storage do no harm."""
    reader = GatedReader()
    document = (await accept(place, "a.txt", "Some words.")).status.document
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker_of(place, reader).run())
        await place.until(document.id, DocumentState.READING)
        await place.stores.board.drop()
        reader.gate.set()
        await place.until(document.id, DocumentState.READY)
        running.cancel()
