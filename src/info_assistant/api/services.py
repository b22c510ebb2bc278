"""What the API needs from the rest of the product, as it is handed over by wiring."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from info_assistant.identity.local_operator import LocalOperatorAuthenticator
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.answer import Answer
from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.events import AnswerEvent
from info_assistant.model.identity import AccessScope, Caller
from info_assistant.model.passage import Passage
from info_assistant.model.question import Question
from info_assistant.model.reading import Reading
from info_assistant.model.visibility import Explanation
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import (
    AnswerRecords,
    AuditLog,
    Authenticator,
    RateLimiter,
    StatusPage,
    Visibility,
)
from info_assistant.resilience.admission import Admission
from info_assistant.resilience.deadline import REQUEST_SECONDS
from info_assistant.resilience.health import HealthMonitor, Lifecycle
from info_assistant.resilience.incidents import Incidents
from info_assistant.resilience.modes import Modes


class Pipeline(Protocol):
    """A question's way."""

    async def answer(self, question: Question) -> Answer:
        """Return the whole answer. Raises Unavailable and its kin."""

    def stream(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Yield what happens until AnswerFinished; nothing fails before SourcesFound silently."""


class DocumentIntake(Protocol):
    """Where uploads go."""

    async def accept(self, caller: Caller, upload: Upload) -> Receipt:
        """Store the upload durably. Raises InvalidRequest, Unreadable, Unavailable."""


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
        state: DocumentState | None,
        query: str,
    ) -> StatusPage:
        """Return one page of the documents that the scope may see."""

    async def original(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, bytes]:
        """Return the bytes that were uploaded."""

    async def reading(
        self, scope: AccessScope, document_id: str, version: int | None = None
    ) -> tuple[DocumentStatus, Reading]:
        """Return the document as text."""

    async def remove(self, caller: Caller, document_id: str) -> None:
        """Delete the document; durable when this returns."""

    async def change_access(
        self, caller: Caller, document_id: str, groups: Sequence[str]
    ) -> DocumentStatus:
        """Open the document to these groups and no others; in force here when this returns."""

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


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest requests that are read, in bytes, and the time for each request, in seconds.

    `stored_at_once` bounds how many uploaded files are in memory on their way to storage.
    """

    json_bytes: int = 64 * 1024
    file_bytes: int = 50 * 1024 * 1024
    form_overhead_bytes: int = 1024 * 1024
    files: int = 100
    stored_at_once: int = 4
    request_s: float = REQUEST_SECONDS
    ping_s: float = 15.0


@dataclass(frozen=True, slots=True)
class ApiServices:
    """Everything that the routes use.

    `starters` run together before the first request is served, each bounded in time and failing
    with nothing that may pass. `tasks` run from start to end of the process; `essential` names the
    dependencies without any one of which no question can be answered.
    """

    pipeline: Pipeline
    intake: DocumentIntake
    library: DocumentLibrary
    limiter: RateLimiter
    health: HealthMonitor
    metrics: Metrics
    audit: AuditLog
    answers: AnswerRecords
    admission: Admission = field(default_factory=Admission)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    authenticator: Authenticator = field(default_factory=LocalOperatorAuthenticator)
    modes: Modes = field(default_factory=Modes)
    incidents: Incidents = field(default_factory=Incidents)
    visibility: Visibility = field(default_factory=AsIndexed)
    find_key: FindKey = lambda _key_id: None
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    starters: tuple[Callable[[], Awaitable[None]], ...] = ()
    closers: tuple[Callable[[], Awaitable[None]], ...] = ()
    essential: frozenset[str] = frozenset({"qdrant", "embedder"})
    limiter_kind: Callable[[], Literal["shared", "local", "off"]] = lambda: "off"
    limits: Limits = field(default_factory=Limits)
