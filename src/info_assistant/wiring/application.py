"""The backend, put together; nothing is contacted yet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.api.services import ApiServices
from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.intake import Intake
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.worker import IngestionWorker
from info_assistant.ports import Probe
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.resilience.health import HealthMonitor, Watched
from info_assistant.resilience.incidents import Incidents
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.load import LoadControl
from info_assistant.resilience.modes import Modes
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.settings import Settings
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.wiring.answers import answer_pipeline
from info_assistant.wiring.documents import document_parts
from info_assistant.wiring.foundation import Foundation, foundation
from info_assistant.wiring.models import model_parts
from info_assistant.wiring.records import record_parts
from info_assistant.wiring.sign_in import key_finder, sign_in_parts
from info_assistant.wiring.spend import spend_parts

Tasks = Mapping[str, Callable[[], Awaitable[None]]]
"""Background tasks by name."""

_NOT_USED_YET = ("redis",)


@dataclass(frozen=True, slots=True)
class Application:
    """The product, put together; nothing is contacted and no task runs yet."""

    qdrant: QdrantStore
    embedder: MiniLmEmbedder
    stores: Stores
    objects: SharedObjects
    worker: IngestionWorker
    intake: Intake
    library: Library
    pipeline: AnswerPipeline
    services: ApiServices

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the background tasks without a server; used where no request comes in."""
        await asyncio.gather(*(start() for start in self.services.starters))
        try:
            async with BackgroundTasks(self.services.tasks):
                yield
        finally:
            await self.close()

    async def close(self) -> None:
        """Release connections, threads and processes."""
        for close in self.services.closers:
            await close()


def _health(
    base: Foundation, more: Mapping[str, Probe | Watched], off: Sequence[str]
) -> HealthMonitor:
    """Return what looks after everything that the product depends on; `off` is not set up."""
    probes: dict[str, Probe | Watched] = {
        "qdrant": base.qdrant,
        "object_storage": base.blobs,
        "embedder": base.embedder,
        **more,
    }
    return HealthMonitor(probes, base.clock, off=(*_NOT_USED_YET, *off))


def _all_of(*parts: Tasks) -> Tasks:
    """Return the tasks of all parts."""
    return {name: run for tasks in parts for name, run in tasks.items()}


async def _one_after_the_other(*starters: Callable[[], Awaitable[None]]) -> None:
    """Run starters of which each needs what those before it have found."""
    for start in starters:
        await start()


def build(settings: Settings) -> Application:
    """Put the product together. Raises Misconfigured if the model is missing or altered."""
    base = foundation(settings)
    clock, metrics, objects = base.clock, base.metrics, base.objects
    records = record_parts(settings, base.blobs, objects, metrics)
    tenants = Tenants(objects.open("tenants"), clock)
    spend = spend_parts(settings, base, records.log, tenants)
    sign_in = sign_in_parts(settings, objects, tenants, clock)
    modes = Modes(settings.modes, objects.open("switches"), clock)
    documents = document_parts(base, tenants, workers=settings.ingestion_workers)
    load = LoadControl(metrics, base.embedder.warm_up)
    models = model_parts(settings, clock, metrics, modes, load.lag.usual_worst_s, spend.accounted)
    pipeline = answer_pipeline(base, records, documents.visibility, modes, settings.answering)
    health = _health(base, {**sign_in.probes, **models.probes}, models.off)
    own: Tasks = {"health": health.run, "shared objects": objects.run}
    services = ApiServices(
        pipeline=pipeline,
        intake=documents.intake,
        library=documents.library,
        limiter=LocalRateLimiter(tenants.rates_of),
        authenticator=sign_in.authenticator,
        health=health,
        metrics=metrics,
        audit=records.audit,
        answers=records.answers,
        feedback=records.feedback,
        conversations=records.conversations,
        admission=load.admission,
        modes=modes,
        visibility=documents.visibility,
        find_key=key_finder(sign_in.keys, clock),
        repeats=documents.repeats,
        spending=spend.spending,
        budgets=spend.budgets,
        incidents=Incidents(objects.open("incidents"), clock),
        tasks=_all_of(own, records.tasks, spend.tasks, documents.tasks, load.tasks, sign_in.tasks),
        starters=(
            partial(_one_after_the_other, objects.refresh, records.log.open, spend.watch.start),
            documents.visibility.refresh,
            *([spend.prices.load] if models.model.configured else []),
        ),
        closers=(
            spend.ledger.catch_up,
            records.log.close,
            *documents.closers,
            *models.closers,
            *base.closers,
            *sign_in.closers,
        ),
        limiter_kind="local",
    )
    return Application(
        qdrant=base.qdrant,
        embedder=base.embedder,
        stores=base.stores,
        objects=objects,
        worker=documents.worker,
        intake=documents.intake,
        library=documents.library,
        pipeline=pipeline,
        services=services,
    )
