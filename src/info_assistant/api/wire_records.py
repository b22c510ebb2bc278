"""Answer records and the audit trail as they travel."""

from collections.abc import Callable, Sequence
from datetime import datetime

from info_assistant.api.wire import AnswerBody, Wire, answer_body
from info_assistant.model.answer import AnswerStatus
from info_assistant.model.audit import AuditEvent
from info_assistant.model.record import AnswerRecord
from info_assistant.ports import AuditPage


class RecordedAnswerBody(Wire):
    """A question with the answer that it was given; `subject` is who asked, `at` when."""

    id: str
    at: datetime
    subject: str
    question: str
    answer: AnswerBody


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
