"""What was done and answered, kept for later."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from info_assistant.model.audit import AuditEvent
from info_assistant.model.conversation import (
    ConversationKey,
    ConversationSummary,
    ConversationTurn,
)
from info_assistant.model.feedback import Feedback
from info_assistant.model.readership import Readership
from info_assistant.model.record import AnswerRecord
from info_assistant.model.unanswered import HandledMark, Unanswered


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Events, newest first; `next`, given as `before`, continues them.

    A page with a `next` may hold fewer events than were asked for.
    """

    events: tuple[AuditEvent, ...]
    next: str | None


class AuditLog(Protocol):
    """The audit trail."""

    async def append(
        self, events: Sequence[AuditEvent], answers: Sequence[AnswerRecord] = ()
    ) -> None:
        """Keep the events, and with them the records of `answers`, all or none.

        They survive a killed process when this returns. Raises RecordsUnavailable.
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


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Answer records, newest first; `next`, given as `before`, continues them.

    A page with a `next` may hold fewer records than were asked for.
    """

    records: tuple[AnswerRecord, ...]
    next: str | None


KeepRecord = Callable[[AnswerRecord], Awaitable[None]]
"""Keeps the record of an answer, or sees to it that it is kept before the answer leaves."""


class AnswerRecords(Protocol):
    """What was answered."""

    async def keep(self, record: AnswerRecord) -> None:
        """Keep the record; it survives a killed process when this returns.

        Raises RecordsUnavailable.
        """

    def put(self, record: AnswerRecord) -> Awaitable[None]:
        """Hand the record of an answer that is given again over; to be awaited.

        It survives a killed process then. Raises RecordsUnavailable, now or then.
        """

    async def find(self, tenant: str, answer_id: str) -> AnswerRecord | None:
        """Return the record, or None. Raises ObjectStorageUnavailable, StoredDataInvalid.

        A record of another replica is found within seconds of its answer.
        """


class AnswerArchive(AnswerRecords, Protocol):
    """Answer records that can be looked through."""

    async def citing(
        self, tenant: str, document_id: str, *, limit: int, before: str | None
    ) -> RecordPage:
        """Return a tenant's newest records before the id `before` that cite a document.

        Raises InvalidRequest for a `before` that is no id, ObjectStorageUnavailable.
        """


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """Conversations of one asker, the one asked in last first; `next`, as `before`, continues them.

    A page with a `next` may hold fewer than were asked for.
    """

    conversations: tuple[ConversationSummary, ...]
    next: str | None


class ConversationTurns(Protocol):
    """What was asked in each conversation. Methods raise ObjectStorageUnavailable."""

    async def add(self, key: ConversationKey, turn: ConversationTurn) -> None:
        """Add a turn; every replica sees it when this returns."""

    async def newest(self, key: ConversationKey, limit: int) -> Sequence[ConversationTurn]:
        """Return the newest turns, oldest first; none of a conversation that does not exist."""

    async def delete(self, key: ConversationKey) -> int:
        """Forget all turns so far, durably; return how many there were."""


class ConversationLists(ConversationTurns, Protocol):
    """Conversations that can be looked through by who asked."""

    async def deleted(self, key: ConversationKey, answer_id: str) -> bool:
        """Whether the turn with this answer was deleted by its asker."""

    async def of_asker(
        self, tenant: str, subject: str, *, limit: int, before: str | None
    ) -> ConversationPage:
        """Return a caller's conversations whose last answer's id is below `before`."""


class UnansweredLog(Protocol):
    """Questions that found no good answer, and what curators say of them."""

    async def questions(self, tenant: str, since: datetime, limit: int) -> Unanswered:
        """Return up to `limit` questions of a tenant from `since` on, the newest.

        Raises ObjectStorageUnavailable.
        """

    async def mark(self, mark: HandledMark) -> None:
        """Keep a mark, durable when this returns. Raises RecordsUnavailable."""

    async def marks(self, tenant: str, since: datetime) -> Sequence[HandledMark]:
        """Return a tenant's marks from `since` on. Raises ObjectStorageUnavailable."""


class ReadershipLog(Protocol):
    """How often documents are read and quoted."""

    async def of(self, tenant: str, document_id: str, since: datetime) -> Readership:
        """Return the uses of a document since a moment. Raises ObjectStorageUnavailable."""


@dataclass(frozen=True, slots=True)
class FeedbackPage:
    """Feedback, newest first; `next`, given as `before`, continues it."""

    feedback: tuple[Feedback, ...]
    next: str | None


class FeedbackLog(Protocol):
    """What readers said about answers."""

    async def append(self, feedback: Feedback) -> None:
        """Keep it; it survives a killed process when this returns. Raises RecordsUnavailable."""

    async def page(
        self, tenant: str, *, limit: int, before: str | None, judgement: str | None
    ) -> FeedbackPage:
        """Return a tenant's newest feedback before the id `before`.

        Raises InvalidRequest for a `before` that is no id, ObjectStorageUnavailable.
        """
