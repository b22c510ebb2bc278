"""The backend, put together; nothing is contacted yet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from info_assistant.answering.grounding.grounder import Grounder
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.api.services import ApiServices
from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.intake import Intake
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.worker import IngestionWorker
from info_assistant.observability.spans import Spans
from info_assistant.ports import TextModel
from info_assistant.providers.bm25 import TermVectors
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.providers.traced import TracedModel
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.incidents import Incidents
from info_assistant.resilience.load import LoadControl
from info_assistant.resilience.modes import Modes
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.settings import Settings
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.wiring.answers import Means, Writer, answer_pipeline, memory_parts
from info_assistant.wiring.backup_watch import backup_parts
from info_assistant.wiring.documents import document_parts
from info_assistant.wiring.foundation import Foundation, foundation
from info_assistant.wiring.models import ModelParts, model_parts
from info_assistant.wiring.parts import Part, in_turn, together
from info_assistant.wiring.records import record_parts
from info_assistant.wiring.redis import RedisParts, redis_parts
from info_assistant.wiring.sign_in import key_finder, sign_in_parts
from info_assistant.wiring.spend import SpendParts, spend_parts


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


def _writer(models: ModelParts, spend: SpendParts) -> Writer | None:
    """Return who writes answers, None where no provider is set up."""
    if not models.model.configured:
        return None
    return Writer(
        models.model,
        Grounder(TermVectors().terms),
        models.model.in_use,
        models.extractive_fallback,
        spend.spending.of_request,
        spend.budgets.of,
    )


def _noted(spend: SpendParts, spans: Spans | None) -> Callable[[TextModel], TextModel]:
    """Return what makes a model one whose calls are in the ledger, and in traces where wanted."""
    if spans is None:
        return spend.accounted
    return lambda model: TracedModel(spend.accounted(model), spans)


def build(settings: Settings, spans: Spans | None = None) -> Application:
    """Put the product together. Raises Misconfigured if the model is missing or altered."""
    base = foundation(settings)
    clock, metrics, objects = base.clock, base.metrics, base.objects
    records = record_parts(settings, base.blobs, objects, metrics)
    tenants = Tenants(objects.open("tenants"), clock)
    sign_in = sign_in_parts(settings, objects, tenants, clock)
    modes = Modes(settings.modes, objects.open("switches"), clock)
    redis = redis_parts(settings, base, tenants, modes, lambda: records.writers.living)
    spend = spend_parts(settings, base, records, tenants, redis.shared)
    documents = document_parts(base, tenants, workers=settings.ingestion_workers)
    load = LoadControl(metrics, base.embedder.warm_up)
    worst = load.lag.usual_worst_s
    models = model_parts(settings, clock, metrics, modes, worst, _noted(spend, spans))
    known = memory_parts(base, redis.answers, documents.visibility, modes, settings.answering)
    means = Means(settings.answering, known.memory, _writer(models, spend), spans)
    pipeline = answer_pipeline(base, records, documents.visibility, means)
    backups = backup_parts(settings, base)
    # Closed in this order: what is still to be noted first, what others stand on last.
    parts = together([spend, records, documents, models, known, redis, backups, base, sign_in])
    health = _watched_health(parts, base, redis, models)
    services = ApiServices(
        pipeline=pipeline,
        intake=documents.intake,
        library=documents.library,
        limiter=redis.limiter,
        events=redis.events,
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
        curating=records.curating(base.embedder),
        find_key=key_finder(sign_in.keys, clock),
        repeats=documents.repeats,
        spending=spend.spending,
        budgets=spend.budgets,
        incidents=Incidents(objects.open("incidents"), clock),
        backups=backups.known,
        tasks={"health": health.run, **load.tasks, **parts.tasks},
        starters=(in_turn([base, redis, records, spend]), *documents.starters),
        closers=parts.closers,
        limiter_kind=redis.limiter_kind,
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


def _watched_health(
    parts: Part, base: Foundation, redis: RedisParts, models: ModelParts
) -> HealthMonitor:
    """Return what looks after dependencies; the metrics show what /health says of them."""
    health = HealthMonitor(parts.probes, base.clock, off=(*redis.off, *models.off))
    base.metrics.conditions.watch_dependencies(
        lambda: {name: each.state.value for name, each in health.snapshot().items()}
    )
    base.metrics.conditions.watch_limiter(redis.limiter_kind)
    return health
