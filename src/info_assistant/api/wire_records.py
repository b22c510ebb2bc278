"""What is kept of answers, and the audit trail, as they travel."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from info_assistant.api.wire import AnswerBody, Request, Wire, answer_body
from info_assistant.model.answer import AnswerStatus, Citation, Support
from info_assistant.model.audit import AuditEvent
from info_assistant.model.feedback import MAX_COMMENT_CHARACTERS, Feedback, Judgement
from info_assistant.model.ids import moment_of
from info_assistant.model.readership import Readership
from info_assistant.model.record import AnswerRecord
from info_assistant.ports import AuditPage, ConversationPage

_MOST_READERS = 200


class RecordedAnswerBody(Wire):
    """A question with the answer that it was given; `subject` is who asked, `at` when."""

    id: str
    at: datetime
    subject: str
    question: str
    answer: AnswerBody
    conversation_id: str | None = Field(default=None, description="Under which it was asked.")


class QuotedPlaceBody(Wire):
    """A place of a document that an answer quoted, at the version it had then."""

    version: int
    page: int | None
    start: int
    end: int


class CitingAnswerBody(Wire):
    """An answer that quotes a document; `subject` and `question` only for who may read it."""

    id: str
    at: datetime
    status: AnswerStatus
    quoted: list[QuotedPlaceBody]
    subject: str | None
    question: str | None


class CitingAnswersBody(Wire):
    """Answers that quote a document, newest first; `next`, given as `before`, continues them."""

    answers: list[CitingAnswerBody]
    next: str | None


class UseCountBody(Wire):
    """How often a document was used; `people` opened or downloaded it, each counted once."""

    opened: int
    downloaded: int
    cited: int
    people: int


class DayOfUseBody(UseCountBody):
    """The same for one day (UTC)."""

    day: date


class PersonCountBody(Wire):
    """How often somebody opened and downloaded a document, and when last."""

    subject: str
    opened: int
    downloaded: int
    last_at: datetime


class ReadersBody(Wire):
    """How often a document was used from `since` on; days without any use are left out."""

    since: datetime
    total: UseCountBody
    days: list[DayOfUseBody]
    readers: list[PersonCountBody] | None = Field(description="For operators; else null.")


class CheckBody(Wire):
    """What the check of one drafted sentence found; `refuted` ones were never shown."""

    support: Support
    reasons: list[str]


class EvidenceBody(Wire):
    """A passage that an answer showed: which it is, and what was quoted of it."""

    n: int
    passage_id: str
    document_id: str
    version: int
    source: str
    start: int
    end: int
    quote_sha256: str


class ExportedUsage(Wire):
    """What models took."""

    input_tokens: int
    output_tokens: int
    micro_usd: int


class AnswerExport(Wire):
    """All that is recorded of one answer. `sha256` is of the whole record, parts left out too."""

    exported_at: datetime
    sha256: str
    record: RecordedAnswerBody
    tenant: str
    conversation_id: str | None
    searched: str = Field(description="The question as it was made to stand alone, if it was.")
    prompt: str = Field(description="The version of our wording; empty where no model wrote.")
    checks: list[CheckBody]
    evidence: list[EvidenceBody]
    usage: ExportedUsage


class FeedbackRequest(Request):
    """A word on an answer."""

    judgement: Judgement = Field(description="`wrong` asks curators to look at the documents.")
    comment: Annotated[str, Field(max_length=MAX_COMMENT_CHARACTERS)] = ""


class FeedbackBody(Wire):
    """A reader's word on an answer. `document_ids` are those that the answer rested on."""

    id: str
    at: datetime
    subject: str
    answer_id: str
    judgement: Judgement
    comment: str
    question: str
    document_ids: list[str]


class FeedbackListBody(Wire):
    """A page of feedback, newest first; `next`, given as `before`, continues it."""

    feedback: list[FeedbackBody]
    next: str | None


class TurnBody(Wire):
    """A question of a conversation, with its answer; null while that is not found."""

    id: str
    question: str
    answer: RecordedAnswerBody | None


class ConversationBody(Wire):
    """A conversation's newest turns, oldest first."""

    id: str
    turns: list[TurnBody]


class ConversationSummaryBody(Wire):
    """One of the caller's conversations: its first question, and how many there are."""

    id: str
    title: str = Field(description="The first question; empty if it cannot be read.")
    turns: int
    started_at: datetime
    updated_at: datetime = Field(description="When the newest question was asked.")


class ConversationListBody(Wire):
    """The caller's conversations, the one asked in last first; `next`, as `before`, continues."""

    conversations: list[ConversationSummaryBody]
    next: str | None


class ConversationDeleted(Wire):
    """How many turns were deleted, and what that means."""

    id: str
    turns: int
    detail: str


class AuditEventBody(Wire):
    """What was done, by whom, to what. `outcome` is `done`, or the code of the refusal."""

    id: str
    at: datetime
    actor: str
    action: str
    target: str
    outcome: str
    request_id: str
    detail: dict[str, str]


class AuditBody(Wire):
    """A page of the trail, newest first; `next`, given as `before`, continues it."""

    events: list[AuditEventBody]
    next: str | None


def recorded_answer_body(record: AnswerRecord, notices: tuple[str, ...]) -> RecordedAnswerBody:
    """Return a record as it travels, with what its reader should know."""
    return RecordedAnswerBody(
        id=record.id,
        at=record.at,
        subject=record.subject,
        question=record.question,
        answer=answer_body(record.answer, with_text=False, notices=notices),
        conversation_id=record.conversation_id,
    )


def conversation_list_body(page: ConversationPage) -> ConversationListBody:
    """Return a page of somebody's conversations as it travels."""
    return ConversationListBody(
        conversations=[
            ConversationSummaryBody(
                id=each.id,
                title=each.title,
                turns=each.turns,
                started_at=moment_of(each.first),
                updated_at=moment_of(each.last),
            )
            for each in page.conversations
        ],
        next=page.next,
    )


def citing_answers_body(
    records: Sequence[AnswerRecord],
    document_id: str,
    following: str | None,
    may_read: Callable[[AnswerRecord], bool],
) -> CitingAnswersBody:
    """Return the answers that quote a document."""
    return CitingAnswersBody(
        answers=[_citing(each, document_id, told=may_read(each)) for each in records],
        next=following,
    )


def _citing(record: AnswerRecord, document_id: str, *, told: bool) -> CitingAnswerBody:
    return CitingAnswerBody(
        id=record.id,
        at=record.at,
        status=record.answer.status,
        quoted=[
            QuotedPlaceBody(
                version=each.passage.version, page=each.passage.page, start=each.start, end=each.end
            )
            for each in record.answer.citations
            if each.passage.document_id == document_id
        ],
        subject=record.subject if told else None,
        question=record.question if told else None,
    )


def readers_body(found: Readership, *, named: bool) -> ReadersBody:
    """Return how often a document was used, and with names if `named`."""
    people = [PersonCountBody(**asdict(each)) for each in found.people[:_MOST_READERS]]
    return ReadersBody(
        since=found.since,
        total=UseCountBody(**asdict(found.total)),
        days=[DayOfUseBody(day=day, **asdict(count)) for day, count in found.days],
        readers=people if named else None,
    )


def audit_body(page: AuditPage) -> AuditBody:
    """Return a page of the trail."""
    return AuditBody(events=[_event_body(each) for each in page.events], next=page.next)


def _event_body(event: AuditEvent) -> AuditEventBody:
    return AuditEventBody(
        id=event.id,
        at=event.at,
        actor=event.actor,
        action=event.action,
        target=event.target,
        outcome=event.outcome,
        request_id=event.request_id,
        detail=dict(event.detail),
    )


def answer_export(
    record: AnswerRecord, sha256: str, at: datetime, notices: tuple[str, ...]
) -> AnswerExport:
    """Return a record with all that is kept of it."""
    answer, usage = record.answer, record.answer.usage
    return AnswerExport(
        exported_at=at,
        sha256=sha256,
        record=recorded_answer_body(record, notices),
        tenant=record.tenant,
        conversation_id=record.conversation_id,
        searched=record.searched,
        prompt=record.prompt,
        checks=[CheckBody(support=each.support, reasons=[*each.reasons]) for each in record.checks],
        evidence=[_evidence_body(each) for each in (*answer.citations, *answer.see_also)],
        usage=ExportedUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            micro_usd=usage.micro_usd,
        ),
    )


def _evidence_body(citation: Citation) -> EvidenceBody:
    passage = citation.passage
    return EvidenceBody(
        n=citation.n,
        passage_id=passage.id,
        document_id=passage.document_id,
        version=passage.version,
        source=passage.source,
        start=citation.start,
        end=citation.end,
        quote_sha256=citation.purged_sha256 or hashlib.sha256(citation.quote.encode()).hexdigest(),
    )


def feedback_body(feedback: Feedback) -> FeedbackBody:
    """Return feedback as it travels."""
    return FeedbackBody(
        id=feedback.id,
        at=feedback.at,
        subject=feedback.subject,
        answer_id=feedback.answer_id,
        judgement=feedback.judgement,
        comment=feedback.comment,
        question=feedback.question,
        document_ids=list(feedback.document_ids),
    )
