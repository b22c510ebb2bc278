"""What the board is told of documents in hand, and when."""

import asyncio
from typing import TYPE_CHECKING

from info_assistant.ingestion.intake import Upload
from info_assistant.ingestion.leases import Claims, LeaseWatch
from info_assistant.ingestion.reporter import StatusReporter
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place

RARELY_S = 3600.0


async def test_the_last_end_is_told_at_once(place: "Place") -> None:
    """Progress waits for the next time to write; the end of all that is in hand does not."""
    for name in ("first.txt", "second.txt"):
        await place.intake.accept(LOCAL_OPERATOR, Upload(b"Text.", name))
    reporter = StatusReporter(place.stores.board, place.clock, RARELY_S)
    claims = Claims(place.stores.board, place.clock, LeaseWatch())
    documents = []
    for _ in range(2):
        (status,) = await claims.claim(reporter.held, 1)
        reporter.hold(status)
        documents.append(status.document)
    first, second = documents
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(reporter.run())
        reporter.report(first, DocumentState.READING)
        await place.until(first.id, DocumentState.READING)
        reporter.report(first, DocumentState.READY)
        reporter.report(second, DocumentState.READING)
        reporter.report(second, DocumentState.FAILED)
        await place.until(second.id, DocumentState.FAILED)
        await place.until(first.id, DocumentState.READY)
        running.cancel()
