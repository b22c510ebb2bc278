"""What leaves an answer while documents are closed to its reader."""

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answering.conftest import ScriptedGenerator, ask, passage

from info_assistant.answering.cite import cite
from info_assistant.answering.pipeline import Failures
from info_assistant.answering.release import released, visible_part
from info_assistant.errors import GenerationUnavailable
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Citation,
    ServedBy,
    Support,
)
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    NoticeGiven,
    SentenceReleased,
    SourcesFound,
    StageReached,
)
from info_assistant.model.passage import Passage
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import DraftSentence

if TYPE_CHECKING:
    from tests.answering.conftest import Desk

LEAVE = ask("How many days of annual leave may employees carry over?")


def citation(n: int, document: str) -> Citation:
    """Return a citation of a document."""
    held = passage(f"Words of {document}.", document=document)
    return cite(n, held, 0, len(held.text))


def sentence(*numbers: int) -> AnswerSentence:
    """Return a sentence that rests on these citations."""
    return AnswerSentence("Words.", numbers, Support.SUPPORTED)


ANSWER = Answer(
    id="a",
    status=AnswerStatus.ANSWERED,
    mode=AnswerMode.EXTRACTIVE,
    sentences=(sentence(1), sentence(2), sentence(1, 3)),
    citations=(citation(1, "one"), citation(2, "two"), citation(3, "three")),
    see_also=(citation(4, "two"), citation(5, "four")),
    served_by=ServedBy("scripted", "script"),
)


@pytest.mark.parametrize(
    ("hidden", "sentences", "numbers", "status"),
    [
        (set(), 3, [1, 2, 3, 4, 5], AnswerStatus.ANSWERED),
        ({"four"}, 3, [1, 2, 3, 4], AnswerStatus.ANSWERED),
        ({"two"}, 2, [1, 3, 5], AnswerStatus.PARTIAL),
        ({"three"}, 2, [1, 2, 4, 5], AnswerStatus.PARTIAL),
        ({"one", "two", "three"}, 0, [5], AnswerStatus.NO_EVIDENCE),
    ],
)
def test_what_rests_on_hidden_passages_stays_behind(
    hidden: set[str], sentences: int, numbers: list[int], status: AnswerStatus
) -> None:
    """A sentence needs all of its citations; those left keep their numbers."""
    left = visible_part(ANSWER, lambda each: each.document_id not in hidden)
    assert len(left.sentences) == sentences
    assert [each.n for each in (*left.citations, *left.see_also)] == numbers
    assert left.status is status


@given(st.sets(st.sampled_from(["one", "two", "three", "four"])))
def test_no_event_mentions_what_is_hidden(hidden: set[str]) -> None:
    """Whatever is hidden: no event brings its passage, and events without any pass."""
    events: list[AnswerEvent] = [
        StageReached("generate"),
        SourcesFound((*ANSWER.citations, *ANSWER.see_also)),
        NoticeGiven("A notice."),
        AnswerFinished(ANSWER),
    ]
    for each in ANSWER.citations:
        events += [SentenceReleased(sentence(each.n), (each,)), CitationReleased(each)]
    left = [released(event, lambda held: held.document_id not in hidden) for event in events]
    assert all(f"Words of {name}." not in repr(left) for name in hidden)
    assert [left[0], left[2]] == [events[0], events[2]]
    if not hidden:
        assert left == events


@pytest.mark.parametrize("after", [SourcesFound, SentenceReleased, CitationReleased])
async def test_a_document_hidden_in_between(desk: "Desk", after: type) -> None:
    """Hidden at any point of a stream, a document is in nothing that comes later, nor recorded."""

    def twice(ranked: object) -> list[DraftSentence]:
        found: list[Passage] = [each.candidate.passage for each in ranked]  # type: ignore[attr-defined]
        first, other = found[0], found[1]
        drafts = (DraftSentence(each.text, each, 0, len(each.text)) for each in (first, other))
        return [*drafts] * 2

    desk.change(generator=ScriptedGenerator(twice))
    later: list[AnswerEvent] = []
    async with aclosing(desk.pipeline.stream(LEAVE)) as events:
        async for event in events:
            if desk.hidden.documents:
                later.append(event)
            elif isinstance(event, after):
                desk.hidden.documents.add("leave")
    assert later
    assert "annual leave" not in repr(later)
    (answer,) = desk.notebook.answers
    assert "annual leave" not in repr(answer)
    assert answer.sentences
    assert isinstance(later[-1], AnswerFinished)


async def test_no_answer_from_memory_while_removals_may_be_unknown(desk: "Desk") -> None:
    """A replica that has not heard of changes for a while searches anew each time."""
    await desk.pipeline.answer(LEAVE)
    desk.hidden.stale = True
    answer = await desk.pipeline.answer(replace(LEAVE, id="again"))
    assert answer.served_by.cache != "hit"
    desk.hidden.stale = False
    assert (await desk.pipeline.answer(LEAVE)).served_by.cache == "hit"


def test_an_error_shows_only_passages_that_may_be_shown() -> None:
    """What was found before no model could write is looked at once more, as an answer is."""
    error = GenerationUnavailable("No model answers.", passages=ANSWER.citations)
    metrics = Metrics()
    with (
        pytest.raises(GenerationUnavailable) as raised,
        Failures(metrics, lambda each: each.document_id != "two", None),
    ):
        raise error
    assert [each.n for each in raised.value.passages] == [1, 3]
    counted = metrics.registry.get_sample_value("answers_failed_total", {"code": error.code})
    assert counted == 1
