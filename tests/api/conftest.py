"""A backend on a real socket, whose pipeline and documents follow a script."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx2
import pytest
import uvicorn

from info_assistant.api.app import create_app
from info_assistant.api.services import ApiServices
from info_assistant.errors import NotFound
from info_assistant.ingestion.access import explain
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Citation,
    ServedBy,
    Support,
)
from info_assistant.model.audit import AuditEvent
from info_assistant.model.conversation import ConversationKey, ConversationTurn
from info_assistant.model.document import (
    Content,
    Document,
    DocumentState,
    DocumentStatus,
    document_id,
)
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    NoticeGiven,
    SentenceReleased,
    SourcesFound,
    StageReached,
)
from info_assistant.model.feedback import Feedback
from info_assistant.model.identity import AccessScope, Caller
from info_assistant.model.passage import Passage, Span
from info_assistant.model.question import Question
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.model.record import AnswerRecord
from info_assistant.model.visibility import Explanation
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import AuditPage, FeedbackPage, StatusPage
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.limits import LocalRateLimiter

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
PASSAGE = Passage(
    id="p1",
    tenant="default",
    document_id=document_id("default", "guide.md"),
    version=1,
    ordinal=0,
    title="Guide",
    source="guide.md",
    access=("everyone",),
    heading_path=("Records",),
    table_header="",
    page=None,
    text="Write to the records office. It answers within thirty days.",
    start=10,
    end=69,
    statements=(Span(0, 28), Span(29, 59)),
)
CITATION = Citation(1, PASSAGE, "Write to the records office.", 10, 38)
SENTENCE = AnswerSentence("Write to the records office.", (1,), Support.SUPPORTED)
ANSWER = Answer(
    id="answer-1",
    status=AnswerStatus.ANSWERED,
    mode=AnswerMode.EXTRACTIVE,
    sentences=(SENTENCE,),
    citations=(CITATION,),
    see_also=(replace(CITATION, n=2),),
    served_by=ServedBy("extractive", "extractive"),
    documents_as_of=WHEN,
    timings_ms={"total": 12.0},
)
EVENTS: tuple[AnswerEvent, ...] = (
    StageReached("retrieve"),
    SourcesFound((CITATION,)),
    SentenceReleased(SENTENCE),
    CitationReleased(CITATION),
    NoticeGiven("A notice."),
    AnswerFinished(ANSWER),
)


async def eventually(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Return as soon as the condition holds; fail if it does not within the time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.005)


@dataclass
class ScriptedPipeline:
    """Answers each question with the script: events to yield, errors to raise, gates to await."""

    script: tuple[AnswerEvent | Exception | asyncio.Event, ...] = EVENTS
    questions: list[Question] = field(default_factory=list)
    ended_early: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, question: Question) -> Answer:
        """Return the answer at the end of the script."""
        async for event in self.stream(question):
            if isinstance(event, AnswerFinished):
                return event.answer
        raise AssertionError

    async def stream(self, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """Follow the script."""
        self.questions.append(question)
        try:
            for step in self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        except (asyncio.CancelledError, GeneratorExit):
            self.ended_early.set()
            raise


def a_document(source: str = "guide.md", data: bytes = b"# Guide") -> DocumentStatus:
    """Return a document that is ready."""
    content = Content(1, "0" * 64, len(data), "text/markdown")
    document = Document(
        id=document_id("default", source),
        tenant="default",
        source=source,
        title="Guide",
        revision=1,
        content=content,
        access=("everyone",),
        created_at=WHEN,
        updated_at=WHEN,
    )
    return DocumentStatus(document, DocumentState.READY, WHEN, passages=1)


@dataclass
class ShelfOfDocuments:
    """Intake and library over a dictionary; `failure` is raised by everything when set."""

    documents: dict[str, tuple[DocumentStatus, bytes]] = field(default_factory=dict)
    uploads: list[Upload] = field(default_factory=list)
    failure: Exception | None = None

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def accept(self, caller: Caller, upload: Upload) -> Receipt:
        """Keep the upload."""
        self._check()
        self.uploads.append(upload)
        status = a_document(upload.source or upload.filename, upload.data)
        assert caller.scope.tenant == status.document.tenant
        known = self.documents.get(status.document.id)
        self.documents[status.document.id] = (status, upload.data)
        return Receipt(status, "unchanged" if known == (status, upload.data) else "accepted")

    async def status(self, scope: AccessScope, document_id: str) -> DocumentStatus:
        """Return the state of a kept document."""
        return (await self.original(scope, document_id))[0]

    async def document(self, scope: AccessScope, document_id: str) -> Document:
        """Return a kept document."""
        return (await self.status(scope, document_id)).document

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None,
        state: DocumentState | None,
        query: str,
    ) -> StatusPage:
        """Return what is kept."""
        self._check()
        assert scope.tenant
        found = [
            status
            for key, (status, _) in sorted(self.documents.items())
            if (after is None or key > after)
            and state in {None, status.state}
            and query in status.document.source
        ]
        following = found[limit - 1].document.id if len(found) > limit else None
        return StatusPage(tuple(found[:limit]), following)

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, bytes]:
        """Return what was kept."""
        self._check()
        assert scope.tenant
        if document_id not in self.documents or version not in {None, 1}:
            raise NotFound("There is no such document.")
        return self.documents[document_id]

    async def reading(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, Reading]:
        """Return a kept document as two blocks."""
        status, _ = await self.original(scope, document_id, version)
        heading = Block(BlockKind.HEADING, "Records", level=1)
        return status, Reading((heading, Block(BlockKind.PARAGRAPH, PASSAGE.text)), title="Guide")

    async def remove(self, caller: Caller, document_id: str) -> None:
        """Drop a kept document."""
        await self.original(caller.scope, document_id)
        del self.documents[document_id]

    async def change_access(
        self, caller: Caller, document_id: str, groups: Sequence[str]
    ) -> DocumentStatus:
        """Open a kept document to other groups."""
        status, data = await self.original(caller.scope, document_id)
        status = replace(status, document=replace(status.document, access=tuple(groups)))
        self.documents[document_id] = (status, data)
        return status

    async def explain_access(
        self, tenant: str, document_id: str, scope: AccessScope
    ) -> Explanation:
        """Explain a kept document."""
        status, _ = await self.original(scope, document_id)
        assert tenant == status.document.tenant
        return explain(scope, status.document, status.state, None)


@dataclass(frozen=True)
class Backend:
    """A running backend: where it is, what it was made of, and a client for it."""

    url: str
    services: ApiServices
    client: httpx2.AsyncClient

    async def ask(
        self, question: object = "How?", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Ask and return the whole response."""
        return await self.client.post(
            "/v1/query", json={"question": question}, headers=dict(headers or {})
        )

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a metric."""
        return self.services.metrics.registry.get_sample_value(name, labels) or 0.0


@dataclass
class Papers:
    """The audit trail and the answer records, in memory; `failure` is raised instead while set."""

    events: list[AuditEvent] = field(default_factory=list)
    records: list[AnswerRecord] = field(default_factory=list)
    failure: Exception | None = None

    async def check(self) -> None:
        """Return if events can be kept."""
        if self.failure is not None:
            raise self.failure

    async def append(self, events: Sequence[AuditEvent]) -> None:
        """Keep events."""
        await self.check()
        self.events += events

    async def page(
        self, tenant: str, *, limit: int, before: str | None, matching: Mapping[str, str]
    ) -> AuditPage:
        """Return the newest events."""
        found = [
            each
            for each in reversed(self.events)
            if each.tenant == tenant
            and (before is None or each.id < before)
            and all(getattr(each, name) == value for name, value in matching.items())
        ]
        following = found[limit - 1].id if len(found) > limit else None
        return AuditPage(tuple(found[:limit]), following)

    async def keep(self, record: AnswerRecord) -> None:
        """Keep a record."""
        await self.check()
        self.records.append(record)

    async def find(self, tenant: str, answer_id: str) -> AnswerRecord | None:
        """Return a record that was kept."""
        kept = (each for each in self.records if (each.tenant, each.id) == (tenant, answer_id))
        return next(kept, None)


@dataclass
class Remarks:
    """ports.FeedbackLog in memory."""

    kept: list[Feedback] = field(default_factory=list)

    async def append(self, feedback: Feedback) -> None:
        """Keep feedback."""
        self.kept.append(feedback)

    async def page(
        self, tenant: str, *, limit: int, before: str | None, judgement: str | None
    ) -> FeedbackPage:
        """Return the newest feedback."""
        found = [
            each
            for each in reversed(self.kept)
            if each.tenant == tenant
            and (before is None or each.id < before)
            and judgement in {None, each.judgement}
        ]
        following = found[limit - 1].id if len(found) > limit else None
        return FeedbackPage(tuple(found[:limit]), following)


@dataclass
class Talks:
    """ports.ConversationTurns in memory."""

    kept: dict[ConversationKey, list[ConversationTurn]] = field(default_factory=dict)

    async def add(self, key: ConversationKey, turn: ConversationTurn) -> None:
        """Keep a turn."""
        self.kept.setdefault(key, []).append(turn)

    async def newest(self, key: ConversationKey, limit: int) -> Sequence[ConversationTurn]:
        """Return the newest turns."""
        return self.kept.get(key, [])[-limit:]

    async def delete(self, key: ConversationKey) -> int:
        """Forget the turns."""
        return len(self.kept.pop(key, []))


@pytest.fixture
def pipeline() -> ScriptedPipeline:
    """Return a pipeline whose script a test may replace."""
    return ScriptedPipeline()


@pytest.fixture
def shelf() -> ShelfOfDocuments:
    """Return a shelf with one document."""
    status = a_document()
    return ShelfOfDocuments({status.document.id: (status, b"# Guide")})


def services_of(pipeline: ScriptedPipeline, shelf: ShelfOfDocuments) -> ApiServices:
    """Return what the API is made of, around a script and a shelf."""
    papers = Papers()
    return ApiServices(
        pipeline=pipeline,
        intake=shelf,
        library=shelf,
        limiter=LocalRateLimiter(),
        health=HealthMonitor({}, SystemClock(), off=("redis",)),
        metrics=Metrics(),
        audit=papers,
        answers=papers,
        feedback=Remarks(),
        conversations=Talks(),
    )


@pytest.fixture
def services(pipeline: ScriptedPipeline, shelf: ShelfOfDocuments) -> ApiServices:
    """Return what the API is made of."""
    return services_of(pipeline, shelf)


Start = Callable[[ApiServices], AbstractAsyncContextManager[Backend]]


@pytest.fixture
def start() -> Start:
    """Return the way to serve an API of a test's own making."""
    return serve


@asynccontextmanager
async def serve(services: ApiServices) -> AsyncIterator[Backend]:
    """Serve the API on a free port of the loopback address."""
    # Named as TCP, as the product does it: without that each small reply waits for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(create_app(services), log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]))
        await eventually(lambda: server.started)
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
            try:
                yield Backend(url, services, client)
            finally:
                server.should_exit = True
        await asyncio.wait({serving}, timeout=5)


@pytest.fixture
async def backend(services: ApiServices) -> AsyncIterator[Backend]:
    """Return a running backend."""
    async with serve(services) as running:
        yield running
