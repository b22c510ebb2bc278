"""Builds the Qdrant projections anew from object storage."""

import asyncio
from collections.abc import Callable

import structlog

from info_assistant.errors import InfoAssistantError
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.worker import IngestionWorker
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.ports import Clock

_GROUP = 256
_LOOK_S = 0.25
_LOG = structlog.get_logger(__name__)


async def rebuild_qdrant(
    stores: Stores,
    clock: Clock,
    worker: IngestionWorker | None,
    on_progress: Callable[[int, int], None],
) -> int:
    """Drop both projections, show every living document again and index it; return how many.

    `worker` must not be running yet: it runs here until every document is settled. With None the
    worker of a running backend does the indexing. `on_progress` is told (settled, total). Doing
    it again, also after an interruption, gives the same result. Raises VectorStoreUnavailable,
    ObjectStorageUnavailable, StoredDataInvalid.
    """
    await stores.passages.drop()
    await stores.board.drop()
    total = await _show_all(stores, clock)
    on_progress(0, total)
    if worker is None:
        await _until_settled(stores, total, on_progress)
        return total
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        await _until_settled(stores, total, on_progress)
        running.cancel()
    return total


async def _show_all(stores: Stores, clock: Clock) -> int:
    total = 0
    group: list[DocumentStatus] = []
    async for document in stores.catalogue.documents():
        group.append(DocumentStatus(document, DocumentState.ACCEPTED, clock.now()))
        total += 1
        if len(group) == _GROUP:
            await stores.board.put_all(group)
            group = []
    await stores.board.put_all(group)
    return total


async def _until_settled(
    stores: Stores, total: int, on_progress: Callable[[int, int], None]
) -> None:
    before = 0
    while True:
        try:
            settled = sum([each.state.settled async for each in stores.board.every()])
        except InfoAssistantError as exc:
            _LOG.warning("rebuild waits", error=exc.code)
            settled = before
        if settled != before:
            on_progress(min(settled, total), total)
            before = settled
        if settled >= total:
            return
        await asyncio.sleep(_LOOK_S)
