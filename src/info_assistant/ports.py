"""What the two ways (a question's and a document's) need from the outside world.

Stores and providers implement these protocols; only `wiring.py` knows both sides. Every method may
raise the errors that its docstring names, and none that belong to a vendor's library.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from info_assistant.model.answer import Answer
from info_assistant.model.audit import AuditEvent
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Tombstone
from info_assistant.model.identity import AccessScope, Caller
from info_assistant.model.passage import (
    Candidate,
    IndexedPassage,
    Passage,
    PassageVectors,
    QuestionVectors,
)
from info_assistant.model.question import Filters, Question
from info_assistant.model.reading import Reading
from info_assistant.model.record import AnswerRecord
from info_assistant.model.traffic import Traffic
from info_assistant.model.visibility import ChangeBatch, VisibilityChange


class Clock(Protocol):
    """The time of day, in UTC."""

    def now(self) -> datetime:
        """Return the present moment with its time zone."""


class Probe(Protocol):
    """Something that can be asked whether it works."""

    async def ping(self) -> None:
        """Return if the dependency answers. Raises Unavailable."""


class Blobs(Protocol):
    """Durable named bytes. All methods raise ObjectStorageUnavailable."""

    async def put_new(self, key: str, data: bytes) -> bool:
        """Store `data` under a name not yet taken; return False, changing nothing, if it is.

        When this returns, the bytes and their name survive a loss of power.
        """

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, replacing what was there; for derived data only."""

    async def get(self, key: str) -> bytes:
        """Return the bytes under `key`. Raises NotFound."""

    async def delete(self, key: str) -> None:
        """Remove `key`; nothing happens if it is not there."""

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield every name that starts with the folder `prefix`, in no particular order."""


class Catalogue(Protocol):
    """The truth about documents. Raises ObjectStorageUnavailable."""

    async def latest(self, tenant: str, document_id: str) -> Document | None:
        """Return the newest living revision, or None if there is none."""

    async def commit(self, document: Document) -> bool:
        """Write the revision, the moment a document is accepted; False if another was first."""

    async def bury(self, tombstone: Tombstone) -> None:
        """Write the tombstone; durable when this returns."""

    def tombstones(self) -> AsyncIterator[Tombstone]:
        """Yield every tombstone of every tenant."""

    def documents(self) -> AsyncIterator[Document]:
        """Yield the newest living revision of every document of every tenant."""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One page of a listing; `next` continues it."""

    statuses: tuple[DocumentStatus, ...]
    next: str | None


class DocumentBoard(Protocol):
    """The state of each document on its way in: a projection. Raises VectorStoreUnavailable."""

    async def put(self, status: DocumentStatus) -> None:
        """Create or replace the state of a document."""

    async def get(self, scope: AccessScope, document_id: str) -> DocumentStatus | None:
        """Return the state of a document that `scope` may see."""

    async def page(
        self,
        scope: AccessScope,
        *,
        limit: int,
        after: str | None,
        state: DocumentState | None,
        query: str,
    ) -> StatusPage:
        """List what `scope` may see; `query` is words that title or source contain."""

    async def unsettled(self, limit: int) -> Sequence[DocumentStatus]:
        """Return documents of all tenants that still have a way to go, oldest first."""

    async def remove(self, tenant: str, document_id: str) -> None:
        """Forget a document."""


class PassageIndex(Protocol):
    """Searchable passages: a projection. All methods raise VectorStoreUnavailable."""

    async def search(
        self, scope: AccessScope, question: QuestionVectors, filters: Filters, limit: int
    ) -> Sequence[Candidate]:
        """Return the `limit` best passages that `scope` may see, best first.

        Dense and lexical rankings are fused, and scope and filters applied, inside the search.
        """

    async def write(self, passages: Sequence[IndexedPassage]) -> None:
        """Write passages durably; writing them again changes nothing."""

    async def remove_versions(self, tenant: str, document_id: str, *, up_to: int) -> None:
        """Remove the passages of a document's versions up to and including `up_to`."""

    async def count(self, tenant: str, document_id: str, version: int) -> int:
        """Return how many passages of this version are searchable."""


class Embedder(Protocol):
    """Turns text into vectors off the event loop. Raises EmbedderUnavailable."""

    @property
    def identity(self) -> str:
        """Model name and the hash of its weights: another identity needs another collection."""

    async def embed_question(self, text: str) -> QuestionVectors:
        """Embed a question, ahead of any document work."""

    async def embed_passages(self, passages: Sequence[Passage]) -> Sequence[PassageVectors]:
        """Embed passages with their context, yielding to questions."""


class Reader(Protocol):
    """Turns a file into text within limits of memory and time."""

    async def read(self, data: bytes, *, filename: str, media_type: str) -> Reading:
        """Read a file. Raises Unreadable with the reason in words."""


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence proposed for an answer with the evidence its author names.

    `start` and `end` bound the quote inside the passage's text.
    """

    text: str
    passage: Passage
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A candidate with its score, and with one for each of its statements (higher is better).

    `coverage` is the share, 0…1, of the question's terms that the passage has.
    """

    candidate: Candidate
    score: float
    coverage: float
    statement_scores: tuple[float, ...]


class Generator(Protocol):
    """Composes an answer from ranked passages, sentence by sentence."""

    @property
    def provider(self) -> str:
        """The provider's name for `served_by`."""

    @property
    def model(self) -> str:
        """The model's name for `served_by`."""

    def generate(
        self, question: Question, ranked: Sequence[RankedPassage]
    ) -> AsyncGenerator[DraftSentence]:
        """Yield proposed sentences; none means that the passages hold no answer."""


class AnswerCache(Protocol):
    """Finished answers by key; losing any of them is harmless."""

    async def get(self, key: str) -> Answer | None:
        """Return the answer under `key`, or None."""

    async def put(self, key: str, answer: Answer) -> None:
        """Keep an answer for a while."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a rate leaves: of `limit` requests at once `remaining`, all again in `reset_s` s."""

    limit: int
    remaining: int
    reset_s: float


class RateLimiter(Protocol):
    """Decides whether a caller may ask now."""

    async def admit(self, caller: Caller, traffic: Traffic) -> Allowance | None:
        """Return what is left to a caller who may go on; None if nothing limits them.

        Raises RateLimited with the time to wait.
        """


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought to show who sends it, taken from its headers; never logged.

    `host` is the name that it asks us by, `origin` the website whose page made a browser send it.
    """

    bearer: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    host: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a good token says, as the identity provider words it.

    `tenant` is empty where tokens name none.
    """

    subject: str
    name: str = ""
    tenant: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class TokenVerifier(Protocol):
    """Knows the tokens of an identity provider."""

    async def verify(self, token: str) -> VerifiedToken:
        """Return what the token says. Raises Unauthenticated, IdentityProviderUnavailable."""


class Authenticator(Protocol):
    """Knows callers by their credentials."""

    async def caller(self, credentials: Credentials) -> Caller:
        """Return who is asking.

        Raises Unauthenticated, Forbidden, IdentityProviderUnavailable, ObjectStorageUnavailable.
        """


@dataclass(frozen=True, slots=True)
class SharedState:
    """One version of a shared object; version 0 with no fields where none was ever written."""

    version: int
    fields: Mapping[str, Any]


class SharedObject(Protocol):
    """A small JSON object that all replicas share: every version is kept, none overwritten.

    Reading costs nothing: the newest version known here is in memory, at most 2 s old while object
    storage answers, and the last good one while it does not, also after a restart.
    """

    @property
    def current(self) -> SharedState:
        """The newest version known here."""

    @property
    def confirmed(self) -> bool:
        """Whether it could be read since this process began; else something may be missing here."""

    async def change(self, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> SharedState:
        """Write the next version, made from the newest by `edit`; in force here when this returns.

        `edit` runs again when another writer was first, and may raise to give up. Raises Conflict,
        ObjectStorageUnavailable, and what `edit` raises.
        """


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Events, newest first; `next`, given as `before`, continues them.

    A page with a `next` may hold fewer events than were asked for.
    """

    events: tuple[AuditEvent, ...]
    next: str | None


class AuditLog(Protocol):
    """The audit trail."""

    async def append(self, events: Sequence[AuditEvent]) -> None:
        """Keep the events; they survive a killed process when this returns.

        Raises RecordsUnavailable.
        """

    async def check(self) -> None:
        """Return if events can be kept now. Raises RecordsUnavailable."""

    async def page(
        self, tenant: str, *, limit: int, before: str | None, matching: Mapping[str, str]
    ) -> AuditPage:
        """Return a tenant's newest events before the id `before`.

        `matching` names fields (`actor`, `action`, `target`, `outcome`) and the values they must
        have. Raises InvalidRequest for a `before` that is no id, ObjectStorageUnavailable.
        """


class AnswerRecords(Protocol):
    """What was answered."""

    async def keep(self, record: AnswerRecord) -> None:
        """Keep the record; it survives a killed process when this returns.

        Raises RecordsUnavailable.
        """

    async def find(self, tenant: str, answer_id: str) -> AnswerRecord | None:
        """Return the record, or None. Raises ObjectStorageUnavailable, StoredDataInvalid.

        A record of another replica is found within seconds of its answer.
        """


class ChangeFeed(Protocol):
    """Changes of visibility, from each replica to all. Methods raise ObjectStorageUnavailable."""

    async def publish(self, changes: Sequence[VisibilityChange]) -> None:
        """Tell the changes to every replica; durable when this returns."""

    def news(self) -> AsyncIterator[ChangeBatch]:
        """Yield what was published since the last look, oldest first; cheap when that is none."""

    def catch_up(self) -> AsyncIterator[ChangeBatch]:
        """Yield the same, also where what came next is deleted by now."""

    @property
    def oldest(self) -> int:
        """The lowest number still kept when `catch_up` last looked; 0 where there was none."""

    async def delete(self, number: int) -> None:
        """Forget an entry; never the newest, which shows where to go on."""


class Visibility(Protocol):
    """What may be shown at this moment, also while the index is behind the truth."""

    def may_show(self, scope: AccessScope, passage: Passage) -> bool:
        """Whether a caller may see this passage now; asked right before anything is shown."""

    @property
    def stale(self) -> bool:
        """Whether removals of the last 30 s may be unknown here, so that nothing old be served."""
