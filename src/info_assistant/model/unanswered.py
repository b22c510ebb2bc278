"""Questions that found no good answer, for those who look after the documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Shortfall(StrEnum):
    """What a question did not get."""

    NOT_FOUND = "not_found"
    NOT_SUPPORTED = "not_supported"
    PARTLY = "partly"
    REFUSED = "refused"
    MARKED_WRONG = "marked_wrong"


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question that found no good answer.

    `id` is that of the record which says so: of the answer, or of the feedback that calls it wrong.
    `searched` is the question as it was made to stand alone, "" where that is the same. `documents`
    are those that it came closest to, the closest first. `notice` is the edition of the privacy
    notice under which it was asked, `conversation_id` the talk that it belongs to.
    """

    id: str
    at: datetime
    tenant: str
    subject: str
    question: str
    searched: str
    shortfall: Shortfall
    documents: tuple[str, ...]
    notice: int
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Questions of a tenant, newest first, and from when on they are all of them."""

    questions: tuple[UnansweredQuestion, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class QuestionGroup:
    """Questions that are alike, newest first; `typical` is the one that is most like the others."""

    typical: UnansweredQuestion
    questions: tuple[UnansweredQuestion, ...]


@dataclass(frozen=True, slots=True)
class HandledMark:
    """A curator's word that something was done about questions, or, not `handled`, that it was not.

    It counts for the questions that it names and for none that come later.
    """

    id: str
    at: datetime
    tenant: str
    actor: str
    question_ids: tuple[str, ...]
    handled: bool


def newest_marks(marks: Sequence[HandledMark]) -> dict[str, HandledMark]:
    """Return the last word on each question that was ever marked, by the question's id."""
    ordered = sorted(marks, key=lambda each: each.id)
    return {question: mark for mark in ordered for question in mark.question_ids}
