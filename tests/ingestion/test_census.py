"""What the metrics say of documents on their way in."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from info_assistant.errors import VectorStoreUnavailable
from info_assistant.ingestion.census import DocumentCensus
from info_assistant.ingestion.intake import Upload
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place


async def test_documents_are_counted_by_state_and_timed(place: "Place") -> None:
    """All tenants together; ready and failed ones are timed once each, from the beginning."""
    seconds: list[float] = []
    place.worker.on_settled(seconds.append)
    receipts = [
        await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), name))
        for name, text in (("a.txt", "Rule one."), ("b.txt", "Rule two."), ("c.txt", "\n\n"))
    ]
    assert (await place.stores.board.counts())[DocumentState.ACCEPTED] == 3
    async with place.working():
        for receipt in receipts[:2]:
            await place.until(receipt.status.document.id, DocumentState.READY)
        await place.until(receipts[2].status.document.id, DocumentState.FAILED)
    counts = await place.stores.board.counts()
    assert set(counts) == set(DocumentState)
    assert (counts[DocumentState.READY], counts[DocumentState.FAILED]) == (2, 1)
    assert sum(counts.values()) == 3
    assert len(seconds) == 3
    assert all(0 <= each < 30 for each in seconds)


async def test_the_census_goes_on_after_an_outage(place: "Place") -> None:
    """While the board is away the last count stands; afterwards it is counted again."""
    shown: asyncio.Queue[Mapping[DocumentState, int]] = asyncio.Queue()
    asked = 0

    class Flaky:
        async def counts(self) -> Mapping[DocumentState, int]:
            nonlocal asked
            asked += 1
            if asked == 2:
                raise VectorStoreUnavailable("It does not answer.")
            return await place.stores.board.counts()

    census = DocumentCensus(Flaky(), shown.put_nowait, period_s=0.01)  # type: ignore[arg-type]
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        counting = tasks.create_task(census.run())
        for _ in range(2):
            assert sum((await shown.get()).values()) == 0
        counting.cancel()
    assert asked >= 3
