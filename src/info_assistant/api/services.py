"""What the API needs from the rest of the product, as it is handed over by wiring."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from info_assistant.answering.pipeline import GivenAgain
from info_assistant.identity.local_operator import LocalOperatorAuthenticator
from info_assistant.ingestion.entries import EntryEdit
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.answer import Answer, AnswerUsage
from info_assistant.model.backup import KnownBackups
from info_assistant.model.document import Document, DocumentStatus, HoldKind
from info_assistant.model.events import AnswerEvent
from info_assistant.model.gap import RecordGap
from info_assistant.model.identity import AccessScope, Caller
from info_assistant.model.passage import Passage
from info_assistant.model.question import Question
from info_assistant.model.readership import Readership
from info_assistant.model.reading import Reading
from info_assistant.model.spend import UsageLine
from info_assistant.model.unanswered import (
    HandledMark,
    QuestionGroup,
    Unanswered,
    UnansweredQuestion,
)
from info_assistant.model.visibility import Explanation
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import (
    AnswerArchive,
    AuditLog,
    Authenticator,
    Budgets,
    ConversationLists,
    DocumentFilter,
    EventLog,
    FeedbackLog,
    KeepRecord,
    RateLimiter,
    ReadershipLog,
    Spending,
    StatusPage,
    UnansweredLog,
    Visibility,
)
from info_assistant.resilience.admission import Admission
from info_assistant.resilience.answer_events import LocalEventLog
from info_assistant.resilience.budgets import NoBudgets
from info_assistant.resilience.deadline import REQUEST_SECONDS
from info_assistant.resilience.health import HealthMonitor, Lifecycle
from info_assistant.resilience.idempotency import IdempotentRequests
from info_assistant.resilience.incidents import Incidents
from info_assistant.resilience.modes import Modes


class Pipeline(Protocol):
    """A question's way."""

    @property
    def remembers(self) -> bool:
        """Whether `known` may find anything at this moment."""

    async def known(self, question: Question) -> GivenAgain | None:
        """Return the whole answer if it was given before; None where it is to be made."""

    async def answer(self, question: Question, keep: KeepRecord | None = None) -> Answer:
        """Return the whole answer. Raises Unavailable and its kin.

        Its record is given to `keep`, and kept at once without it.
        """

    def stream(self, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """Yield what happens until AnswerFinished; nothing fails before SourcesFound silently."""


class DocumentIntake(Protocol):
    """Where uploads go."""

    async def accept(self, caller: Caller, upload: Upload) -> Receipt:
        """Store the upload durably. Raises InvalidRequest, Unreadable, Unavailable."""


class Likeness(Protocol):
    """Puts questions together that are alike."""

    async def groups(self, questions: Sequence[UnansweredQuestion]) -> Sequence[QuestionGroup]:
        """Return questions in groups, the largest first. Raises EmbedderUnavailable."""


class Original(Protocol):
    """A document's bytes as they were handed in, to be fetched piece by piece."""

    @property
    def size_bytes(self) -> int:
        """How many there are."""

    async def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes [start, end). Raises NotFound, ObjectStorageUnavailable."""


class DocumentLibrary(Protocol):
    """What is known about documents. A document the scope may not see is NotFound."""

    async def status(self, scope: AccessScope, document_id: str) -> DocumentStatus:
        """Return the document's state."""

    async def document(self, scope: AccessScope, document_id: str) -> Document:
        """Return the document, also while its state cannot be told."""

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None,
        wanted: DocumentFilter,
    ) -> StatusPage:
        """Return one page of the documents that the scope may see."""

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, Original]:
        """Return the bytes that were uploaded."""

    async def reading(
        self,
        scope: AccessScope,
        document_id: str,
        version: int | None = None,
        *,
        span: tuple[int, int] = (0, 1),
    ) -> tuple[DocumentStatus, Reading]:
        """Return the document as text; of a very long one the stretch around `span`."""

    async def versions(
        self, scope: AccessScope, document_id: str, *, before: int, limit: int
    ) -> Sequence[Document]:
        """Return revisions below `before` that brought bytes, newest first."""

    async def passages(
        self, scope: AccessScope, document_id: str, *, first: int, limit: int
    ) -> tuple[DocumentStatus, Sequence[Passage]]:
        """Return the document's passages from number `first` on."""

    async def remove(self, caller: Caller, document_id: str, *, purge: bool = False) -> None:
        """Delete the document, with `purge` its quotes in old answers too; durable on return."""

    async def edit(self, caller: Caller, document_id: str, edit: EntryEdit) -> DocumentStatus:
        """Change title, groups or metadata; in force here when this returns."""

    async def hold(
        self, caller: Caller, document_id: str, kind: HoldKind, reason: str
    ) -> DocumentStatus:
        """Hold the document back from answers; in force here when this returns."""

    async def restore(self, caller: Caller, document_id: str) -> DocumentStatus:
        """Let the document into answers again."""

    async def retry(self, caller: Caller, document_id: str) -> DocumentStatus:
        """Take a document in again that failed."""

    async def explain_access(
        self, tenant: str, document_id: str, scope: AccessScope
    ) -> Explanation:
        """Say whether `scope` may see a document of `tenant`, and why."""


FindKey = Callable[[str], tuple[AccessScope, str] | None]
"""Finds what an API key may see by the key's id, and in a word why it is at its end, else ""."""


class AsIndexed:
    """ports.Visibility where nothing ever changes: what the index says goes."""

    stale = False

    def may_show(self, scope: AccessScope, passage: Passage) -> bool:
        """Whether a caller may see this passage."""
        return scope.may_see(passage.tenant, passage.access)


class NothingUnanswered:
    """ports.UnansweredLog where every question finds its answer."""

    async def questions(self, tenant: str, since: datetime, limit: int) -> Unanswered:  # noqa: ARG002  Part of the port.
        """Return none."""
        return Unanswered((), since)

    async def mark(self, mark: HandledMark) -> None:
        """Forget a mark."""

    async def marks(self, tenant: str, since: datetime) -> Sequence[HandledMark]:  # noqa: ARG002  The same.
        """Return none."""
        return ()


class NothingRead:
    """ports.ReadershipLog where nobody reads."""

    async def of(self, tenant: str, document_id: str, since: datetime) -> Readership:  # noqa: ARG002  The same.
        """Return nothing."""
        return Readership((), since)


class EachAlone:
    """Likeness where no question is like another."""

    async def groups(self, questions: Sequence[UnansweredQuestion]) -> Sequence[QuestionGroup]:
        """Return a group for each question."""
        return [QuestionGroup(each, (each,)) for each in questions]


class NothingSpent:
    """ports.Spending where no language model is called."""

    def of_request(self, request_id: str) -> AnswerUsage:  # noqa: ARG002  Part of the port.
        """Return nothing."""
        return AnswerUsage()

    async def usage(self, tenant: str, first: date, last: date) -> Sequence[UsageLine]:  # noqa: ARG002  The same.
        """Return nothing."""
        return ()

    async def gaps(self, first: date, last: date) -> Sequence[RecordGap]:  # noqa: ARG002  The same.
        """Return nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Curating:
    """What those who look after the documents are shown of what people ask and read."""

    unanswered: UnansweredLog = field(default_factory=NothingUnanswered)
    likeness: Likeness = field(default_factory=EachAlone)
    readers: ReadershipLog = field(default_factory=NothingRead)


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest requests that are read, in bytes, and the time for each request, in seconds.

    `chat_bytes` is more than `json_bytes`, because chats come with all that was said before.
    `stored_at_once` bounds how many uploaded files are on their way from the disk to storage,
    `watched_at_once` the streams of documents' progress, which hold places of reads.
    """

    json_bytes: int = 64 * 1024
    chat_bytes: int = 1024 * 1024
    file_bytes: int = 250 * 1024 * 1024
    form_overhead_bytes: int = 1024 * 1024
    files: int = 100
    stored_at_once: int = 4
    watched_at_once: int = 8
    request_s: float = REQUEST_SECONDS
    ping_s: float = 15.0


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything that the routes use.

    `starters` run together before the first request is served, each bounded in time and failing
    with nothing that may pass. `tasks` run from start to end of the process; `essential` names the
    dependencies without any one of which no question can be answered. Without `repeats` an
    `Idempotency-Key` is not remembered.
    """

    pipeline: Pipeline
    intake: DocumentIntake
    library: DocumentLibrary
    limiter: RateLimiter
    health: HealthMonitor
    metrics: Metrics
    audit: AuditLog
    answers: AnswerArchive
    feedback: FeedbackLog
    conversations: ConversationLists
    events: EventLog = field(default_factory=LocalEventLog)
    admission: Admission = field(default_factory=Admission)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    authenticator: Authenticator = field(default_factory=LocalOperatorAuthenticator)
    modes: Modes = field(default_factory=Modes)
    incidents: Incidents = field(default_factory=Incidents)
    visibility: Visibility = field(default_factory=AsIndexed)
    curating: Curating = field(default_factory=Curating)
    spending: Spending = field(default_factory=NothingSpent)
    budgets: Budgets = field(default_factory=NoBudgets)
    backups: Callable[[], KnownBackups] = KnownBackups
    find_key: FindKey = lambda _key_id: None
    repeats: IdempotentRequests | None = None
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    starters: tuple[Callable[[], Awaitable[None]], ...] = ()
    closers: tuple[Callable[[], Awaitable[None]], ...] = ()
    essential: frozenset[str] = frozenset({"qdrant", "embedder"})
    limiter_kind: Callable[[], Literal["shared", "local", "off"]] = lambda: "off"
    limits: Limits = field(default_factory=Limits)
