"""Backends of the product on one object storage and one Qdrant, for tests of who sees what.

Everything is real but the embedder, which knows words by their spelling, the generator, which goes
only as far as a test lets it, and the authenticator, which knows callers by their names.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from tests.api.conftest import serve
from tests.qdrant_process import PATIENT_S
from tests.redis_process import PATIENT
from tests.stores.bench import store_text

from info_assistant.answering.answer_key import AnswerKeys
from info_assistant.answering.parts import PipelineParts
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.answering.recall import Memory
from info_assistant.api.services import ApiServices
from info_assistant.errors import Unauthenticated, VectorStoreUnavailable
from info_assistant.ingestion.intake import Intake
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.identity import EVERYONE, AccessScope, Caller, Role
from info_assistant.model.passage import (
    IndexedPassage,
    Passage,
    PassageVectors,
    QuestionVectors,
    Span,
    passage_id,
)
from info_assistant.model.question import Question
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.model.vectors import Floats
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import Credentials, DraftSentence, RankedPassage
from info_assistant.providers.bm25 import TermVectors
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.limits import LocalRateLimiter
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.audit import RecordedAudit
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.changes import BlobChangeFeed
from info_assistant.stores.conversations import BlobConversations
from info_assistant.stores.feedback import RecordedFeedback
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.qdrant import QdrantStore
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.redis import RedisAnswers, RedisConnection
from info_assistant.stores.shared_secret import SharedSecret

_DIMENSION = 384


def caller(name: str, *groups: str, tenant: str = "default", role: Role = Role.READER) -> Caller:
    """Return a caller in these groups and in the one of everybody."""
    return Caller(name, role, AccessScope(tenant, frozenset({EVERYONE, *groups})))


class NamedCallers:
    """ports.Authenticator: the API key is the caller's name."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self.known: dict[str, Caller] = {}

    async def caller(self, credentials: Credentials) -> Caller:
        """Return the caller of this name."""
        if credentials.api_key not in self.known:
            raise Unauthenticated("nobody")
        return self.known[credentials.api_key]


class SpellingEmbedder:
    """ports.Embedder for which equal words are equal and all others unlike."""

    identity = "spelling@1"

    def __init__(self) -> None:
        """Prepare the terms."""
        self._terms = TermVectors()

    async def embed_question(self, text: str) -> QuestionVectors:
        """Embed each word of a question."""
        rows = _rows(text)
        return QuestionVectors(_mean(rows), self._terms.question(text), rows)

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed each word of each passage, whose text is one statement."""
        found = []
        for each in passages:
            rows = _rows(each.text)
            tokens = np.rint(rows * 127).astype(np.int8)
            spans = (Span(0, len(rows)),)
            found.append(PassageVectors(_mean(rows), self._terms.passage(each.text), tokens, spans))
        return found


def _rows(text: str) -> Floats:
    words = [word.strip(".,?").lower() for word in text.split()]
    seeds = [zlib.crc32(word.encode()) for word in words]
    rows = np.array(
        [np.random.default_rng(seed).standard_normal(_DIMENSION) for seed in seeds], np.float32
    )
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _mean(rows: Floats) -> Floats:
    total: Floats = rows.sum(axis=0)
    unit: Floats = total / np.linalg.norm(total)
    return unit


class StepwiseGenerator:
    """ports.Generator that quotes what was found in turns, one sentence for each step allowed.

    Without `steps` it says each thing once and is done.
    """

    provider = "stepwise"
    model = "stepwise"

    def __init__(self) -> None:
        """Begin without any gate."""
        self.steps: asyncio.Semaphore | None = None
        self.done = False
        self.begun = 0
        self._waits = asyncio.Event()

    async def step(self) -> None:
        """Let one sentence go, and wait until it has been passed on or held back."""
        assert self.steps is not None
        await self._waits.wait()
        self._waits.clear()
        self.steps.release()
        await self._waits.wait()

    def finish(self) -> None:
        """Let every answer under way come to its end."""
        self.done = True
        if self.steps is not None:
            for _ in range(1000):
                self.steps.release()

    async def generate(
        self,
        question: Question,  # noqa: ARG002  It quotes whatever was found.
        ranked: Sequence[RankedPassage],
    ) -> AsyncGenerator[DraftSentence]:
        """Quote until it is finished."""
        self.begun += 1
        while True:
            for item in ranked:
                self._waits.set()
                if self.steps is not None:
                    await self.steps.acquire()
                if self.done:
                    return
                passage = item.candidate.passage
                yield DraftSentence(passage.text, passage, 0, len(passage.text))
            if self.steps is None:
                return


@dataclass
class Replica:
    """One backend, with the parts that a test looks into or breaks."""

    stores: Stores
    qdrant: QdrantStore
    library: Library
    intake: Intake
    visibility: VisibilityOverlay
    generator: StepwiseGenerator
    embedder: SpellingEmbedder
    log: RecordLog
    callers: NamedCallers
    memory: Memory
    services: ApiServices
    client: httpx2.AsyncClient = field(init=False)

    async def call(self, who: str, method: str, path: str, **arguments: Any) -> httpx2.Response:  # noqa: ANN401
        """Send a request as `who`."""
        return await self.client.request(method, path, headers={"X-API-Key": who}, **arguments)

    async def index(self, *documents: Document) -> None:
        """Make documents searchable as the worker does, each as one passage, its present text."""
        passages, statuses = [], []
        for document in documents:
            _, original = await self.library.original(
                AccessScope(document.tenant, frozenset(document.access)), document.id
            )
            text = (await original.read()).decode()
            reading = Reading((Block(BlockKind.PARAGRAPH, text),))
            await store_text(self.stores.blobs, document, reading)
            passages.append(_passage(document, text))
            now = SystemClock().now()
            state = DocumentState.WITHDRAWN if document.hold else DocumentState.READY
            statuses.append(DocumentStatus(document, state, now, passages=1))
        vectors = await self.embedder.embed_passages(passages)
        pairs = zip(passages, vectors, strict=True)
        await self.stores.passages.write([IndexedPassage(*pair) for pair in pairs])
        await self.stores.board.put_all(statuses)
        await self.visibility.tell_content(documents)

    def let_index_fall_behind(self, *, behind: bool) -> None:
        """Let Qdrant refuse, or take again, what it is told about changes of visibility."""
        for store in (self.stores.passages, self.stores.board):
            for name in ("set_entry", "remove_versions", "remove"):
                vars(store).pop(name, None)
                if behind and hasattr(store, name):
                    setattr(store, name, _refuse)


async def _refuse(*_: object, **__: object) -> None:
    raise VectorStoreUnavailable("It is behind.")


def _passage(document: Document, text: str) -> Passage:
    version = document.content.version
    return Passage(
        id=passage_id(document.id, version, 0),
        tenant=document.tenant,
        document_id=document.id,
        version=version,
        ordinal=0,
        title=document.title,
        source=document.source,
        access=document.findable_by,
        heading_path=(),
        table_header="",
        page=None,
        text=text,
        start=0,
        end=len(text),
        statements=(Span(0, len(text)),),
        access_revision=document.revision,
        effective=document.metadata.effective,
        superseded=document.metadata.superseded,
        marking=document.metadata.marking,
    )


def make_replica(
    objects: Path, own: Path, qdrant_url: str, callers: NamedCallers, redis_url: str = ""
) -> Replica:
    """Wire a backend on shared object storage and Qdrant; its journals lie in `own`.

    With a Redis it remembers answers there.
    """
    clock, metrics = SystemClock(), Metrics()
    blobs, embedder, generator = ObjectBlobs(str(objects)), SpellingEmbedder(), StepwiseGenerator()
    qdrant = QdrantStore(qdrant_url, None, embedder.identity, PATIENT_S)
    stores = Stores(blobs, BlobCatalogue(blobs), qdrant.board, qdrant.passages)
    visibility = VisibilityOverlay(BlobChangeFeed(blobs, clock), clock)
    library, intake = Library(stores, visibility, clock), Intake(stores, visibility, clock)
    log = RecordLog(blobs, own)
    answers = RecordedAnswers(log)
    shared = SharedObjects(blobs, own / "last-good", clock)
    redis = RedisConnection([redis_url] if redis_url else [], PATIENT)
    memory, secret = _memory(redis, shared, visibility, stores)
    pipeline = AnswerPipeline(
        PipelineParts(
            embedder=embedder,
            index=qdrant.passages,
            generator=generator,
            clock=clock,
            recorder=metrics,
            records=answers,
            visibility=visibility,
            memory=memory,
        )
    )
    services = ApiServices(
        pipeline=pipeline,
        intake=intake,
        library=library,
        limiter=LocalRateLimiter(),
        authenticator=callers,
        health=HealthMonitor({}, clock),
        metrics=metrics,
        audit=RecordedAudit(log),
        answers=answers,
        feedback=RecordedFeedback(log),
        conversations=BlobConversations(blobs, clock, timedelta(days=1)),
        visibility=visibility,
        tasks={"visibility": visibility.run, "redis": redis.run, "objects": shared.run},
        starters=(log.open, visibility.refresh, secret.make, redis.look),
        closers=(log.close, qdrant.close, redis.close),
    )
    return Replica(
        stores,
        qdrant,
        library,
        intake,
        visibility,
        generator,
        embedder,
        log,
        callers,
        memory,
        services,
    )


def _memory(
    redis: RedisConnection, shared: SharedObjects, visibility: VisibilityOverlay, stores: Stores
) -> tuple[Memory, SharedSecret]:
    secret = SharedSecret(shared.open("answer-cache"))
    keys = AnswerKeys(secret.value)
    return Memory(RedisAnswers(redis), keys, visibility.corpus, stores.catalogue), secret


@asynccontextmanager
async def serving(replica: Replica) -> AsyncIterator[Replica]:
    """Serve a replica on a port of its own."""
    async with serve(replica.services) as backend:
        replica.client = backend.client
        yield replica
