"""Questions that found no good answer, as they travel: in groups, and without who asked."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from info_assistant.api.wire import Request, Wire
from info_assistant.model.document import Document
from info_assistant.model.unanswered import HandledMark, QuestionGroup, Shortfall

_MOST_EXAMPLES = 5
_MOST_DOCUMENTS = 5


class ClosestDocumentBody(Wire):
    """A document that the questions of a group came close to."""

    id: str
    title: str


class MarkBody(Wire):
    """Who said that something was done about a group, and when."""

    actor: str
    at: datetime


class QuestionGroupBody(Wire):
    """Questions that are alike. `state` is `again` where some came after the mark."""

    id: str = Field(description="The group's most typical question, by which it is marked.")
    question: str
    examples: list[str] = Field(description="Other wordings in the group, newest first.")
    count: int
    askers: int = Field(description="How many different people or programs asked.")
    first_at: datetime
    last_at: datetime
    newest: str = Field(description="The newest question; `until` for marking what is shown here.")
    shortfalls: dict[Shortfall, int] = Field(description="What they did not get, and how often.")
    documents: list[ClosestDocumentBody] = Field(description="Those of them that you may see.")
    state: Literal["open", "again", "handled"]
    marked: MarkBody | None


class UnansweredBody(Wire):
    """Groups of questions, the largest first, of all questions from `since` on."""

    groups: list[QuestionGroupBody]
    since: datetime
    questions: int = Field(description="How many questions these groups are made of.")
    left_out: int = Field(description="How many seem to hold personal data, and are not shown.")
    handled: int = Field(description="How many groups are handled.")


class HandledRequest(Request):
    """A word on a group of questions."""

    handled: bool = Field(default=True, description="False takes it back.")
    until: UUID | None = Field(
        default=None, description="The `newest` that was shown; later questions stay open."
    )


def group_body(
    group: QuestionGroup, marks: Mapping[str, HandledMark], seen: Mapping[str, Document]
) -> QuestionGroupBody:
    """Return a group; `seen` are the documents that its reader may see."""
    questions, typical = group.questions, group.typical
    texts = dict.fromkeys(each.question for each in questions if each.question != typical.question)
    closest = Counter(each for asked in questions for each in asked.documents if each in seen)
    mark, state = _standing(group, marks)
    return QuestionGroupBody(
        id=typical.id,
        question=typical.question,
        examples=[*texts][:_MOST_EXAMPLES],
        count=len(questions),
        askers=len({each.subject for each in questions}),
        first_at=min(each.at for each in questions),
        last_at=max(each.at for each in questions),
        newest=questions[0].id,
        shortfalls=dict(Counter(each.shortfall for each in questions)),
        documents=[
            ClosestDocumentBody(id=each, title=seen[each].title)
            for each, _ in closest.most_common(_MOST_DOCUMENTS)
        ],
        state=state,
        marked=None if mark is None else MarkBody(actor=mark.actor, at=mark.at),
    )


def _standing(
    group: QuestionGroup, marks: Mapping[str, HandledMark]
) -> tuple[HandledMark | None, Literal["open", "again", "handled"]]:
    """Return the last mark that counts for some of a group, and what that makes of the group."""
    found = [marks[each.id] for each in group.questions if each.id in marks]
    counting = [each for each in found if each.handled]
    if not counting:
        return None, "open"
    newest = max(counting, key=lambda each: each.id)
    return newest, "handled" if len(counting) == len(group.questions) else "again"
