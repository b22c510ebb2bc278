"""What the command line runs: backend, worker, rebuilds, and a comparison of the stores."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, timedelta
from typing import Any

from info_assistant.api.addresses import address_of
from info_assistant.api.app import create_app
from info_assistant.api.worker_app import WorkerServices, create_worker_app
from info_assistant.errors import Misconfigured
from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.inspection import Inspected, Inspector
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.rebuild import rebuild_qdrant
from info_assistant.ingestion.reindex import Reindexer
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.ingestion.worker import Tools
from info_assistant.observability.log import configure_logging
from info_assistant.observability.tracing import tracing_of
from info_assistant.resilience.clock import SystemClock
from info_assistant.serving import Ending, Place, listen, serve
from info_assistant.settings import Settings
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.conversation_lists import list_again
from info_assistant.stores.conversations import BlobConversations
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.redis import RedisConnection, SpendTotals
from info_assistant.stores.redis.summing import sum_again
from info_assistant.wiring.application import build
from info_assistant.wiring.documents import document_parts
from info_assistant.wiring.foundation import foundation
from info_assistant.wiring.records import record_log


def run_backend(settings: Settings) -> None:
    """Serve the backend until SIGTERM or Ctrl-C.

    Raises:
        Misconfigured: the port is taken, or the model is missing or altered.
    """
    configure_logging(settings.log_level)
    place = Place(settings.bind_host, settings.backend_port, "backend", "BACKEND_PORT")
    with listen(place) as listener:
        ending = Ending(settings.drain_delay_s, settings.drain_grace_s)
        tracing = tracing_of(settings.otlp_endpoint, "backend")
        services = build(settings, tracing).services
        app = create_app(services)
        served = app if tracing is None else tracing.around(app, _route_of)
        serve(served, listener, ending, services.lifecycle.drain)


def _route_of(scope: Mapping[str, Any]) -> str:
    address, _target = address_of(scope["method"], scope["path"])
    return "unknown" if address is None else address.path


def run_worker(settings: Settings) -> None:
    """Take documents in until SIGTERM or Ctrl-C, which gives up the leases of those under way.

    Raises:
        Misconfigured: the port is taken, or the model is missing or altered.
    """
    configure_logging(settings.log_level)
    place = Place(settings.bind_host, settings.worker_port, "worker", "WORKER_PORT")
    with listen(place) as listener:
        base = foundation(settings)
        tenants = Tenants(base.objects.open("tenants"), base.clock)
        # Started for this alone, so a 0 meant for the backends beside it does not count.
        documents = document_parts(base, tenants, workers=max(settings.ingestion_workers, 1))
        tracing = tracing_of(settings.otlp_endpoint, "worker")
        services = WorkerServices(
            base.metrics,
            {"shared objects": base.objects.run, **documents.tasks},
            (*documents.closers, *base.closers, *([] if tracing is None else [tracing.close])),
        )
        ending = Ending(settings.drain_delay_s, settings.drain_grace_s)
        serve(create_worker_app(services), listener, ending, services.lifecycle.drain)


def run_reindex(
    settings: Settings, on_progress: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    """Build the search index anew beside the one in use and swap; return the number of documents.

    `on_progress` is told how many of how many documents are done. Raises VectorStoreUnavailable,
    ObjectStorageUnavailable, EmbedderUnavailable.
    """
    configure_logging(settings.log_level)

    async def reindex() -> int:
        base, reader = foundation(settings), SubprocessReader()
        tools = Tools(reader, base.embedder, base.embedder)
        try:
            return await Reindexer(base.stores, tools, on_progress).run()
        finally:
            await reader.close()
            for close in base.closers:
                await close()

    return asyncio.run(reindex())


async def inspect(settings: Settings, *, repair: bool) -> Inspected:
    """Compare the stores with each other and, with `repair`, mend what can be mended.

    Raises VectorStoreUnavailable, ObjectStorageUnavailable, Misconfigured.
    """
    # What goes wrong is a finding; the same as a log line beside it would only confuse.
    configure_logging("ERROR")
    base = foundation(settings)
    visibility = VisibilityOverlay(BlobChangeFeed(base.blobs, base.clock), base.clock)
    sweep = Library(base.stores, visibility, base.clock).sweep
    try:
        inspector = Inspector(base.stores, base.blobs, base.clock, sweep if repair else None)
        return await inspector.inspect()
    finally:
        for close in base.closers:
            await close()


def run_rebuild(
    settings: Settings, on_progress: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    """Build Qdrant's projections anew from object storage; return the number of documents.

    `on_progress` is told how many of how many documents are done. Raises VectorStoreUnavailable,
    ObjectStorageUnavailable, StoredDataInvalid.
    """
    configure_logging(settings.log_level)

    async def rebuild() -> int:
        application = build(settings)
        try:
            return await rebuild_qdrant(
                application.stores, SystemClock(), application.worker, on_progress
            )
        finally:
            await application.close()

    return asyncio.run(rebuild())


def run_conversation_lists(settings: Settings) -> int:
    """Enter what is missing in the lists of conversations; return how many questions that were.

    Raises ObjectStorageUnavailable.
    """
    configure_logging(settings.log_level)
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    kept = timedelta(days=settings.answer_retention_days)
    return asyncio.run(list_again(blobs, BlobConversations(blobs, SystemClock(), kept)))


def run_redis_rebuild(settings: Settings) -> Mapping[str, int]:
    """Sum this month's totals of tenants with budgets anew; return them in micro-dollars.

    Raises Misconfigured where no Redis is used, RedisUnavailable, ObjectStorageUnavailable.
    """
    configure_logging(settings.log_level)

    async def rebuild() -> Mapping[str, int]:
        clock = SystemClock()
        blobs = ObjectBlobs(settings.blob_url, settings.s3)
        stored = SharedObjects(blobs, settings.data_dir / "last-good", clock).open("tenants")
        await stored.refresh(whole=True)
        log, redis = record_log(settings, blobs), RedisConnection(settings.redis_urls)
        totals, today = SpendTotals(redis, "rebuild"), clock.now().astimezone(UTC).date()
        try:
            await redis.ping()
            tenants = Tenants(stored, clock).with_budget()
            return {each: await sum_again(totals, log, each, today) for each in tenants}
        finally:
            await redis.close()
            await log.close()

    if not settings.redis_urls:
        raise Misconfigured(
            "No Redis is used here, so there is nothing to rebuild. Set REDIS_URL to the Redis "
            "that the backends use."
        )
    return asyncio.run(rebuild())
