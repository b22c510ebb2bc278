"""Currency: say of an answer that it rests on a document that counts no more, or not yet.

Dates pass while answers are remembered, so this is asked when an answer is finished or given again,
never kept with it. What the dates are comes with each passage, from the catalogue's newest entry.
"""

from dataclasses import replace
from datetime import date

from info_assistant.answering.conflicts import with_conflicts
from info_assistant.model.answer import Answer
from info_assistant.model.passage import Passage

_MOST_NAMED = 3


def with_currency(answer: Answer, today: date) -> Answer:
    """Return the answer with a notice for each cited document that does not count on `today`.

    That such a document says otherwise is no conflict.
    """
    answer = with_conflicts(answer, lambda passage: not _notice(passage, today))
    cited = {each.passage.document_id: each.passage for each in answer.citations}
    notices = [notice for each in cited.values() if (notice := _notice(each, today))]
    if not notices:
        return answer
    if len(notices) > _MOST_NAMED:
        more = len(notices) - _MOST_NAMED
        notices = [*notices[:_MOST_NAMED], f"So it is with {more} more of the documents quoted."]
    return replace(answer, notices=(*answer.notices, *notices))


def _notice(passage: Passage, today: date) -> str:
    if passage.superseded is not None and passage.superseded <= today:
        return (
            f"This answer rests on “{passage.title}”, which was superseded on "
            f"{_day(passage.superseded)}. Look for what has taken its place."
        )
    if passage.effective is not None and passage.effective > today:
        return (
            f"This answer rests on “{passage.title}”, which takes effect only on "
            f"{_day(passage.effective)}."
        )
    return ""


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
