"""What readers said about answers, as append-only records (`ports.FeedbackLog`)."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.feedback import Feedback, Judgement
from info_assistant.model.ids import LAST_ID
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.observability.log import get_logger
from info_assistant.ports import FeedbackPage
from info_assistant.stores.journal_file import Record
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields, Wanted

KIND = "feedback"
"""The kind of these records in names of segments."""

_log = get_logger("feedback")


class RecordedFeedback:
    """Feedback in a record log."""

    def __init__(self, log: RecordLog) -> None:
        """Keep feedback in `log`."""
        self._log = log

    async def append(self, feedback: Feedback) -> None:
        """Keep it; it survives a killed process when this returns. Raises RecordsUnavailable."""
        body = to_json(feedback_fields(feedback))
        await self._log.append([Record(KIND, feedback.tenant, feedback.id, body)])

    async def page(
        self, tenant: str, *, limit: int, before: str | None, judgement: str | None
    ) -> FeedbackPage:
        """Return a tenant's newest feedback before the id `before`, of one judgement or of all.

        Raises InvalidRequest, ObjectStorageUnavailable.
        """

        def matches(fields: Fields) -> bool:
            return judgement is None or fields.get("judgement") == judgement

        found = await self._log.newest(Wanted(KIND, tenant, limit, before or LAST_ID, matches))
        return FeedbackPage(tuple(_readable(found.records)), found.next)


def feedback_fields(feedback: Feedback) -> dict[str, Any]:
    """Return feedback as JSON values."""
    return stamped(
        Stored.FEEDBACK,
        {
            "id": feedback.id,
            "at": feedback.at,
            "tenant": feedback.tenant,
            "subject": feedback.subject,
            "answer_id": feedback.answer_id,
            "judgement": feedback.judgement,
            "comment": feedback.comment,
            "question": feedback.question,
            "document_ids": feedback.document_ids,
        },
    )


def feedback_from(fields: Fields) -> Feedback:
    """Return the feedback in `fields`; unknown ones are ignored. Raises StoredDataInvalid."""
    try:
        return Feedback(
            id=str(fields["id"]),
            at=moment_from(fields["at"]),
            tenant=str(fields["tenant"]),
            subject=str(fields["subject"]),
            answer_id=str(fields["answer_id"]),
            judgement=Judgement(fields["judgement"]),
            comment=str(fields["comment"]),
            question=str(fields["question"]),
            document_ids=tuple(map(str, fields["document_ids"])),
        )
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"A reader's feedback cannot be understood ({type(exc).__name__}). It is left out here "
            "and stays in object storage."
        ) from exc


def _readable(records: Sequence[Fields]) -> list[Feedback]:
    found: list[Feedback] = []
    for fields in records:
        try:
            found.append(feedback_from(fields))
        except StoredDataInvalid as error:
            _log.warning("Feedback unreadable", id=str(fields.get("id")), error=error.message)
    return found
