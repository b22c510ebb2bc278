"""A backend on a real socket, whose pipeline and documents follow a script."""

import asyncio
import socket
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx2
import pytest
import uvicorn
from tests.api.shelf import PASSAGE, WHEN, ShelfOfDocuments, a_document
from tests.qdrant_process import QdrantProcess

from info_assistant.api.app import create_app
from info_assistant.api.services import ApiServices
from info_assistant.errors import ObjectStorageUnavailable
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
from info_assistant.model.conversation import (
    ConversationKey,
    ConversationSummary,
    ConversationTurn,
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
from info_assistant.model.question import Question
from info_assistant.model.record import AnswerRecord
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import (
    AuditPage,
    ConversationPage,
    FeedbackPage,
    KeepRecord,
    RecordPage,
)
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import HealthMonitor
from info_assistant.resilience.limits import LocalRateLimiter

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


async def eventually(condition: Callable[[], object], seconds: float = 60.0) -> None:
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

    remembers = False

    async def known(self, question: Question) -> None:
        """Return nothing."""

    async def answer(self, question: Question, keep: KeepRecord | None = None) -> Answer:
        """Return the answer at the end of the script."""
        async for event in self.stream(question):
            if isinstance(event, AnswerFinished):
                if keep is not None:
                    scope = question.caller.scope
                    await keep(AnswerRecord(question.id, WHEN, scope.tenant, "", "", event.answer))
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

    async def append(
        self, events: Sequence[AuditEvent], answers: Sequence[AnswerRecord] = ()
    ) -> None:
        """Keep events, and records of answers with them."""
        await self.check()
        self.events += events
        self.records += answers

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

    def put(self, record: AnswerRecord) -> Awaitable[None]:
        """Keep a record."""
        return self.keep(record)

    async def citing(
        self, tenant: str, document_id: str, *, limit: int, before: str | None
    ) -> RecordPage:
        """Return the newest records that cite a document."""
        found = [
            each
            for each in reversed(self.records)
            if each.tenant == tenant
            and (before is None or each.id < before)
            and document_id in {cited.passage.document_id for cited in each.answer.citations}
        ]
        following = found[limit - 1].id if len(found) > limit else None
        return RecordPage(tuple(found[:limit]), following)

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
    gone: set[tuple[ConversationKey, str]] = field(default_factory=set)
    unreachable: bool = False

    async def add(self, key: ConversationKey, turn: ConversationTurn) -> None:
        """Keep a turn."""
        self.kept.setdefault(key, []).append(turn)

    async def newest(self, key: ConversationKey, limit: int) -> Sequence[ConversationTurn]:
        """Return the newest turns."""
        return self.kept.get(key, [])[-limit:]

    async def delete(self, key: ConversationKey) -> int:
        """Forget the turns."""
        gone = self.kept.pop(key, [])
        self.gone |= {(key, turn.answer_id) for turn in gone}
        return len(gone)

    async def deleted(self, key: ConversationKey, answer_id: str) -> bool:
        """Whether a turn was forgotten."""
        if self.unreachable:
            raise ObjectStorageUnavailable("Down.")
        return (key, answer_id) in self.gone

    async def of_asker(
        self, tenant: str, subject: str, *, limit: int, before: str | None
    ) -> ConversationPage:
        """Return a caller's conversations."""
        found = [
            ConversationSummary(
                key.id, turns[0].question, len(turns), turns[0].answer_id, turns[-1].answer_id
            )
            for key, turns in self.kept.items()
            if (key.tenant, key.subject) == (tenant, subject)
            and (before is None or turns[-1].answer_id < before)
        ]
        found.sort(key=lambda each: each.last, reverse=True)
        following = found[limit - 1].last if len(found) > limit else None
        return ConversationPage(tuple(found[:limit]), following)


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
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(create_app(services), log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]))
            await eventually(lambda: server.started)
            async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
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


@pytest.fixture(scope="module")
def qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantProcess]:
    """A running Qdrant."""
    process = QdrantProcess(tmp_path_factory.mktemp("qdrant"))
    process.start()
    yield process
    process.stop()
