"""The backend, put together; nothing is contacted yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.api.services import ApiServices
from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.intake import Intake
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.worker import IngestionWorker
from info_assistant.ports import Probe
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.incidents import Incidents
from info_assistant.resilience.load import LoadControl
from info_assistant.resilience.modes import Modes
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.settings import Settings
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.wiring.answers import answer_pipeline
from info_assistant.wiring.documents import document_parts
from info_assistant.wiring.foundation import foundation
from info_assistant.wiring.records import record_parts
from info_assistant.wiring.redis import redis_parts
from info_assistant.wiring.sign_in import key_finder, sign_in_parts

_NOT_USED_YET = ("openai", "anthropic")


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


def build(settings: Settings) -> Application:
    """Put the product together. Raises Misconfigured if the model is missing or altered."""
    base = foundation(settings)
    clock, metrics, objects = base.clock, base.metrics, base.objects
    records = record_parts(settings, base.blobs, objects, metrics)
    tenants = Tenants(objects.open("tenants"), clock)
    sign_in = sign_in_parts(settings, objects, tenants, clock)
    modes = Modes(settings.modes, objects.open("switches"), clock)
    redis = redis_parts(settings, tenants, modes, metrics)
    documents = document_parts(base, tenants, ingesting=settings.ingestion_workers > 0)
    pipeline = answer_pipeline(base, records, documents.visibility, modes)
    probes: dict[str, Probe] = {
        "qdrant": base.qdrant,
        "object_storage": base.blobs,
        "embedder": base.embedder,
        **redis.probes,
        **sign_in.probes,
    }
    health = HealthMonitor(probes, clock, off=(*redis.off, *_NOT_USED_YET))
    load = LoadControl(metrics, base.embedder.warm_up)
    services = ApiServices(
        pipeline=pipeline,
        intake=documents.intake,
        library=documents.library,
        limiter=redis.limiter,
        authenticator=sign_in.authenticator,
        health=health,
        metrics=metrics,
        audit=records.audit,
        answers=records.answers,
        admission=load.admission,
        modes=modes,
        visibility=documents.visibility,
        find_key=key_finder(sign_in.keys, clock),
        incidents=Incidents(objects.open("incidents"), clock),
        tasks={
            "health": health.run,
            "shared objects": objects.run,
            **records.tasks,
            **documents.tasks,
            **load.tasks,
            **redis.tasks,
            **sign_in.tasks,
        },
        starters=(objects.refresh, records.log.open, documents.visibility.refresh),
        closers=(
            records.log.close,
            *documents.closers,
            *redis.closers,
            *base.closers,
            *sign_in.closers,
        ),
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
