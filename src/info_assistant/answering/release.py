"""Release: let out of an answer only what its reader may see at this very moment.

Between retrieval and the last word of an answer a document can be removed or closed to the reader.
So each event is looked at once more right before it leaves; what rests on such a document stays
behind.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from info_assistant.answering.conflicts import SOURCES_DIFFER
from info_assistant.model.answer import Answer, AnswerStatus, Citation, Conflict
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    SentenceReleased,
    SourcesFound,
)
from info_assistant.model.passage import Passage

MayShow = Callable[[Passage], bool]


def released(event: AnswerEvent, may_show: MayShow) -> AnswerEvent | None:
    """Return the event with what may be shown of it, or None where that is nothing."""
    match event:
        case SourcesFound(sources):
            kept = _visible(sources, may_show)
            return event if len(kept) == len(sources) else SourcesFound(kept)
        case SentenceReleased(_, evidence):
            return event if all(may_show(each.passage) for each in evidence) else None
        case CitationReleased(citation):
            return event if may_show(citation.passage) else None
        case AnswerFinished(answer):
            left = visible_part(answer, may_show)
            return event if left is answer else AnswerFinished(left)
    return event


def visible_part(answer: Answer, may_show: MayShow) -> Answer:
    """Return the answer without what rests on passages that may not be shown.

    Citations keep their numbers, so that they mean what they meant in a stream.
    """
    citations = _visible(answer.citations, may_show)
    see_also = _visible(answer.see_also, may_show)
    if len(citations) == len(answer.citations) and len(see_also) == len(answer.see_also):
        return answer
    numbers = {citation.n for citation in citations}
    shown = numbers | {citation.n for citation in see_also}
    conflicts = tuple(each for each in answer.conflicts if _shown_whole(each, shown))
    sentences = tuple(each for each in answer.sentences if numbers.issuperset(each.citations))
    return replace(
        answer,
        status=_status(answer, len(sentences)),
        sentences=sentences,
        citations=citations,
        see_also=see_also,
        conflicts=conflicts,
        notices=answer.notices
        if conflicts
        else tuple(each for each in answer.notices if each != SOURCES_DIFFER),
    )


def _visible(citations: Sequence[Citation], may_show: MayShow) -> tuple[Citation, ...]:
    return tuple([each for each in citations if may_show(each.passage)])


def _shown_whole(conflict: Conflict, numbers: frozenset[int] | set[int]) -> bool:
    """Whether all sides of a conflict may be shown; one alone would say that there is another."""
    return all(side.n in numbers for side in conflict.sides)


def _status(answer: Answer, left: int) -> AnswerStatus:
    if left == len(answer.sentences):
        return answer.status
    return AnswerStatus.PARTIAL if left else AnswerStatus.NO_EVIDENCE
