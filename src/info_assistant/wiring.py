"""The only place where ports meet adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi import FastAPI

from info_assistant.answering.pipeline import AnswerPipeline, PipelineParts
from info_assistant.api.app import create_app
from info_assistant.api.services import ApiServices, FindKey
from info_assistant.identity.administration import Administration
from info_assistant.identity.authenticate import CredentialsAuthenticator, scope_of
from info_assistant.identity.keys import ApiKeys
from info_assistant.identity.local_operator import LocalOperatorAuthenticator
from info_assistant.identity.operator_trail import OperatorTrail
from info_assistant.identity.tenants import Tenants
from info_assistant.ingestion.census import DocumentCensus
from info_assistant.ingestion.intake import Intake, IntakeLimits
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.rebuild import rebuild_qdrant
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.ingestion.worker import IngestionWorker, Tools
from info_assistant.model.identity import AccessScope
from info_assistant.observability.log import configure_logging
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import Authenticator, Clock, Probe
from info_assistant.providers.extractive import ExtractiveGenerator
from info_assistant.providers.minilm import MiniLmEmbedder
from info_assistant.providers.oidc import OidcTokenVerifier, TokenRules
from info_assistant.providers.oidc_keys import IssuerKeys
from info_assistant.resilience.cache import NoAnswerCache
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.incidents import Incidents
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.resilience.load import LoadControl
from info_assistant.resilience.modes import Modes
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.serving import Ending, Place, listen, serve
from info_assistant.settings import Settings
from info_assistant.stores import answer_records, audit
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.audit import RecordedAudit
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.compaction import Upkeep
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.stores.record_log import RecordLog

_JOURNALS = "journals"
"""The folder in DATA_DIR for records that are not in object storage yet."""

_NOT_USED_YET = ("redis", "openai", "anthropic")


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
    base = _base(settings)
    clock, metrics, objects = base.clock, base.metrics, base.objects
    records = _records(settings, base.blobs, objects, metrics)
    tenants = Tenants(objects.open("tenants"), clock)
    sign_in = _sign_in(settings, objects, tenants, clock)
    modes = Modes(settings.modes, objects.open("switches"), clock)
    documents = _documents(base, tenants, ingesting=settings.ingestion_workers > 0)
    pipeline = _pipeline(base, records, documents.visibility, modes)
    probes: dict[str, Probe] = {
        "qdrant": base.qdrant,
        "object_storage": base.blobs,
        "embedder": base.embedder,
        **sign_in.probes,
    }
    health = HealthMonitor(probes, clock, off=_NOT_USED_YET)
    load = LoadControl(metrics, base.embedder.warm_up)
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
        admission=load.admission,
        modes=modes,
        visibility=documents.visibility,
        find_key=_key_finder(sign_in.keys, clock),
        incidents=Incidents(objects.open("incidents"), clock),
        tasks={
            "health": health.run,
            "shared objects": objects.run,
            **records.tasks,
            **documents.tasks,
            **load.tasks,
            **sign_in.tasks,
        },
        starters=(objects.refresh, records.log.open, documents.visibility.refresh),
        closers=(records.log.close, *documents.closers, *base.closers, *sign_in.closers),
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


@dataclass(frozen=True, slots=True)
class _Base:
    """What everything else stands on: clock, metrics, the model, the stores."""

    clock: Clock
    metrics: Metrics
    embedder: MiniLmEmbedder
    qdrant: QdrantStore
    blobs: ObjectBlobs
    stores: Stores
    objects: SharedObjects
    closers: tuple[Callable[[], Awaitable[None]], ...]


def _base(settings: Settings) -> _Base:
    """Return the ground, on which nothing is contacted yet."""
    clock, metrics, embedder = SystemClock(), Metrics(), MiniLmEmbedder()
    qdrant = QdrantStore(
        settings.qdrant_url,
        settings.qdrant_api_key,
        embedder.identity,
        on_error=metrics.qdrant_connection_errors.inc,
    )
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    objects = SharedObjects(blobs, settings.data_dir / "last-good", clock)

    async def close_embedder() -> None:
        embedder.close()

    closers = (qdrant.close, close_embedder)
    return _Base(clock, metrics, embedder, qdrant, blobs, stores, objects, closers)


@dataclass(frozen=True, slots=True)
class _Documents:
    """A document's way, and what is known of documents."""

    visibility: VisibilityOverlay
    library: Library
    worker: IngestionWorker
    intake: Intake
    tasks: Mapping[str, Callable[[], Awaitable[None]]]
    closers: tuple[Callable[[], Awaitable[None]], ...]


def _documents(base: _Base, tenants: Tenants, *, ingesting: bool) -> _Documents:
    """Return a document's way; whether it is gone here is said by `ingesting`."""
    stores, clock, reader = base.stores, base.clock, SubprocessReader()
    visibility = VisibilityOverlay(BlobChangeFeed(base.blobs, clock), clock)
    base.metrics.visibility_stale.set_function(lambda: float(visibility.stale))
    library = Library(stores, visibility, clock)
    worker = IngestionWorker(stores, library, Tools(reader, base.embedder, base.embedder), clock)
    worker.on_settled(base.metrics.ingestion_duration.observe)
    limits = IntakeLimits(documents=tenants.most_documents)
    intake = Intake(stores, visibility, clock, limits, on_accepted=worker.notify)
    tasks = {
        "visibility": visibility.run,
        "census": DocumentCensus(stores.board, base.metrics.show_documents).run,
        **({"ingestion": worker.run} if ingesting else {}),
    }
    return _Documents(visibility, library, worker, intake, tasks, (reader.close,))


def _pipeline(
    base: _Base, records: "_Records", visibility: VisibilityOverlay, modes: Modes
) -> AnswerPipeline:
    """Return a question's way."""
    return AnswerPipeline(
        PipelineParts(
            embedder=base.embedder,
            index=base.qdrant.passages,
            generator=ExtractiveGenerator(),
            cache=NoAnswerCache(),
            clock=base.clock,
            recorder=base.metrics,
            records=records.answers,
            visibility=visibility,
            cache_only=modes.cache_only,
        )
    )


@dataclass(frozen=True, slots=True)
class _Records:
    """What was done and answered, and what looks after it."""

    log: RecordLog
    audit: RecordedAudit
    answers: RecordedAnswers
    tasks: Mapping[str, Callable[[], Awaitable[None]]]


def _records(
    settings: Settings, blobs: ObjectBlobs, objects: SharedObjects, metrics: Metrics
) -> _Records:
    """Return the records of this process."""
    pending = metrics.records_pending
    log = RecordLog(blobs, settings.data_dir / _JOURNALS, on_pending=pending.set)
    keep = {
        audit.KIND: timedelta(days=settings.audit_retention_days),
        answer_records.KIND: timedelta(days=settings.answer_retention_days),
    }
    upkeep = Upkeep(blobs, keep, objects, SystemClock())
    tasks = {"records": log.run, "upkeep of records": upkeep.run}
    return _Records(log, RecordedAudit(log), RecordedAnswers(log), tasks)


@dataclass(frozen=True, slots=True)
class _SignIn:
    """Who may come in, and what that needs while the process runs."""

    authenticator: Authenticator
    keys: ApiKeys | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    closers: tuple[Callable[[], Awaitable[None]], ...] = ()


def _key_finder(keys: ApiKeys | None, clock: Clock) -> FindKey:
    """Return how to find what a key may see."""

    def find(key_id: str) -> tuple[AccessScope, str] | None:
        key = keys.find(key_id) if keys is not None else None
        if key is None:
            return None
        state = key.state(clock.now())
        return scope_of(key), "" if state == "active" else state

    return find


def _sign_in(settings: Settings, objects: SharedObjects, tenants: Tenants, clock: Clock) -> _SignIn:
    """Return what AUTH asks for."""
    if settings.auth == "none":
        return _SignIn(LocalOperatorAuthenticator())
    keys = ApiKeys(objects.open("keys"), clock)
    if settings.auth == "keys":
        return _SignIn(CredentialsAuthenticator(keys, tenants), keys)
    issuer = IssuerKeys(settings.oidc_issuer, clock, saved=objects.open("issuer-keys"))
    rules = TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        roles=settings.oidc_roles_claim,
        groups=settings.oidc_groups_claim,
        tenant=settings.oidc_tenant_claim,
    )
    verifier = OidcTokenVerifier(rules, issuer, clock)
    return _SignIn(
        CredentialsAuthenticator(keys, tenants, verifier),
        keys,
        probes={"identity_provider": issuer},
        tasks={"identity provider's keys": issuer.run},
        closers=(issuer.close,),
    )


@asynccontextmanager
async def administration(settings: Settings, actor: str) -> AsyncIterator[Administration]:
    """Give `actor` access to keys, tenants and switches as they are; works when no backend does.

    Raises ObjectStorageUnavailable.
    """
    clock = SystemClock()
    blobs = ObjectBlobs(settings.blob_url, settings.s3)
    objects = SharedObjects(blobs, settings.data_dir / "last-good", clock)
    keys, tenants, switches = (objects.open(each) for each in ("keys", "tenants", "switches"))
    for each in (keys, tenants, switches):
        await each.refresh(whole=True)
    records = RecordLog(blobs, settings.data_dir / _JOURNALS)
    try:
        yield Administration(
            ApiKeys(keys, clock),
            Tenants(tenants, clock),
            Modes(switches=switches, clock=clock),
            OperatorTrail(RecordedAudit(records), clock, actor),
        )
    finally:
        await records.close()


def create_backend(settings: Settings) -> FastAPI:
    """Return the backend as an ASGI application. Raises what `build` raises."""
    return create_app(build(settings).services)


def run_backend(settings: Settings) -> None:
    """Serve the backend until SIGTERM or Ctrl-C.

    Raises:
        Misconfigured: the port is taken, or the model is missing or altered.
    """
    configure_logging(settings.log_level)
    place = Place(settings.bind_host, settings.backend_port, "backend", "BACKEND_PORT")
    with listen(place) as listener:
        services = build(settings).services
        ending = Ending(settings.drain_delay_s, settings.drain_grace_s)
        serve(create_app(services), listener, ending, services.lifecycle.drain)


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
