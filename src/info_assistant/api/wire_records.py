"""Answer records and the audit trail as they travel."""

from datetime import datetime

from info_assistant.api.wire import AnswerBody, Wire, answer_body
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
