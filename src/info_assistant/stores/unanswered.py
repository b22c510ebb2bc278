"""Questions that found no good answer, out of answer records and feedback (`ports.UnansweredLog`).

There is no list of them: the records of answers and of feedback are looked through, newest first,
as far as one request may go. What curators say that they have handled is a kind of record of its
own, which names answers and feedback by their ids and holds nothing of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from info_assistant.model.answer import AnswerStatus
from info_assistant.model.feedback import Judgement
from info_assistant.model.ids import LAST_ID, first_id_at, milliseconds_of
from info_assistant.model.record import NOTICE
from info_assistant.model.schema import Stored, moment_from, stamped
from info_assistant.model.unanswered import (
    HandledMark,
    Shortfall,
    Unanswered,
    UnansweredQuestion,
)
from info_assistant.observability.log import get_logger
from info_assistant.stores import answer_records, answer_repeats, feedback
from info_assistant.stores.journal_file import Record
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields, Wanted

KIND = "handled"
"""The kind of curators' marks in names of segments."""

_MOST_PAGES = 3
_MOST_MARKS = 1000
_SHORTFALLS: dict[str, Shortfall] = {
    AnswerStatus.NO_EVIDENCE: Shortfall.NOT_FOUND,
    AnswerStatus.NOT_SUPPORTED: Shortfall.NOT_SUPPORTED,
    AnswerStatus.PARTIAL: Shortfall.PARTLY,
    AnswerStatus.REFUSED_INPUT: Shortfall.REFUSED,
    AnswerStatus.REFUSED_OUTPUT: Shortfall.REFUSED,
}

_log = get_logger("unanswered")


@dataclass(frozen=True, slots=True)
class _Search:
    """What of one tenant is looked for: records from the id `since` on, so many at most."""

    tenant: str
    since: str
    limit: int


class RecordedUnanswered:
    """Questions without a good answer, and curators' marks on them, in a record log."""

    def __init__(self, log: RecordLog) -> None:
        """Read records in `log`, and keep marks there."""
        self._log = log

    async def questions(self, tenant: str, since: datetime, limit: int) -> Unanswered:
        """Return up to `limit` questions of a tenant from `since` on, the newest.

        Not those for which only chosen documents were searched: these say nothing of what all the
        documents lack. Raises ObjectStorageUnavailable.
        """
        search = _Search(tenant, _id_at(since), limit)
        whole, until = await self._found(answer_records.KIND, search, _fell_short)
        by_id = {str(each["id"]): each for each in whole}
        repeats, until_too = await self._found(
            answer_repeats.KIND, search, lambda fields: fields["repeats"] in by_id
        )
        again = (answer_repeats.whole_fields(each, by_id[each["repeats"]]) for each in repeats)
        asked = [_question(each) for each in (*whole, *again)]
        judged, until_then = await self._found(feedback.KIND, search, _is_wrong)
        wrong = {_judged_by(each): _called_wrong(each) for each in reversed(judged)}
        answers = {answer_id for answer_id, _ in wrong}
        found = [each for each in asked if each.id not in answers]
        found += wrong.values()
        # Below the place where a search ended, not all are known.
        end = max(until, until_too, until_then)
        ordered = sorted(
            (each for each in found if each.id >= end), key=lambda each: each.id, reverse=True
        )
        if len(ordered) > limit:
            end = ordered[limit - 1].id
        return Unanswered(tuple(ordered[:limit]), max(since, _moment_of(end, since)))

    async def mark(self, mark: HandledMark) -> None:
        """Keep a mark, durable when this returns. Raises RecordsUnavailable."""
        await self._log.append([Record(KIND, mark.tenant, mark.id, to_json(mark_fields(mark)))])

    async def marks(self, tenant: str, since: datetime) -> Sequence[HandledMark]:
        """Return a tenant's marks from `since` on, the newest. Raises ObjectStorageUnavailable."""
        search = _Search(tenant, _id_at(since), _MOST_MARKS)
        found, _ = await self._found(KIND, search, lambda each: bool(mark_from(each)))
        return [mark_from(each) for each in found]

    async def _found(
        self, kind: str, search: _Search, matches: Callable[[Fields], bool]
    ) -> tuple[list[Fields], str]:
        """Return matching records, newest first, and the id from which on they are all."""
        found: list[Fields] = []
        before = LAST_ID
        for _ in range(_MOST_PAGES):
            wanted = Wanted(
                kind,
                search.tenant,
                search.limit - len(found),
                before,
                answer_records.safely(matches),
                search.since,
            )
            page = await self._log.newest(wanted)
            found += page.records
            if page.next is None:
                return found, search.since
            before = page.next
            if len(found) >= search.limit:
                break
        return found, before


def mark_fields(mark: HandledMark) -> dict[str, Any]:
    """Return a mark as JSON values."""
    return stamped(
        Stored.HANDLED_MARK,
        {
            "id": mark.id,
            "at": mark.at,
            "tenant": mark.tenant,
            "actor": mark.actor,
            "question_ids": mark.question_ids,
            "handled": mark.handled,
        },
    )


def mark_from(fields: Fields) -> HandledMark:
    """Return the mark in `fields`; unknown ones are ignored. Raises one of MALFORMED."""
    return HandledMark(
        id=str(fields["id"]),
        at=moment_from(fields["at"]),
        tenant=str(fields["tenant"]),
        actor=str(fields["actor"]),
        question_ids=tuple(map(str, fields["question_ids"])),
        handled=bool(fields["handled"]),
    )


def _fell_short(fields: Fields) -> bool:
    """Whether a whole record is of a question that is looked for, and can be read."""
    short = fields["answer"]["status"] in _SHORTFALLS and not fields.get("narrowed", False)
    return short and _question(fields) is not None


def _is_wrong(fields: Fields) -> bool:
    return fields["judgement"] == Judgement.WRONG and _called_wrong(fields) is not None


def _judged_by(fields: Fields) -> tuple[str, str]:
    return str(fields["answer_id"]), str(fields["subject"])


def _question(fields: Fields) -> UnansweredQuestion:
    """Return the question of a whole record. Raises one of MALFORMED."""
    answer = fields["answer"]
    closest = (*answer["citations"], *answer["see_also"])
    return UnansweredQuestion(
        id=str(fields["id"]),
        at=moment_from(fields["at"]),
        tenant=str(fields["tenant"]),
        subject=str(fields["subject"]),
        question=str(fields["question"]),
        searched=str(fields.get("searched", "")),
        shortfall=_SHORTFALLS[answer["status"]],
        documents=tuple(dict.fromkeys(str(each["passage"]["document_id"]) for each in closest)),
        notice=int(fields.get("notice", 1)),
        conversation_id=fields.get("conversation_id"),
    )


def _called_wrong(fields: Fields) -> UnansweredQuestion:
    """Return the question of an answer that its reader calls wrong. Raises one of MALFORMED."""
    return UnansweredQuestion(
        id=str(fields["id"]),
        at=moment_from(fields["at"]),
        tenant=str(fields["tenant"]),
        subject=str(fields["subject"]),
        question=str(fields["question"]),
        searched="",
        shortfall=Shortfall.MARKED_WRONG,
        documents=tuple(map(str, fields["document_ids"])),
        # Whoever says this says it to those who look after the documents, at all times.
        notice=NOTICE,
    )


def _id_at(moment: datetime) -> str:
    return first_id_at(int(moment.timestamp() * 1000))


def _moment_of(record_id: str, since: datetime) -> datetime:
    return datetime.fromtimestamp(milliseconds_of(record_id) / 1000, since.tzinfo)
