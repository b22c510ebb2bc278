"""Sources of an answer that differ are shown side by side, as long as all of them count."""

from datetime import date

import pytest
from benchmarks.harness.candidates import candidate_of
from tests.answering.conftest import WordEmbedder, passage, ranked
from tests.garbage import garbage

from info_assistant.answering.cite import cite
from info_assistant.answering.conflicts import MOST, SOURCES_DIFFER, ConflictFinder
from info_assistant.answering.currency import with_currency
from info_assistant.answering.release import visible_part
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Conflict,
    ConflictKind,
    ServedBy,
    Support,
)
from info_assistant.model.passage import IndexedPassage, Passage
from info_assistant.ports import RankedPassage
from info_assistant.providers.bm25 import TermVectors

QUESTION = "How long are audit logs kept?"
TODAY = date(2026, 5, 1)
NEW = passage("Audit logs are kept for 12 months.", "See the annex.", document="new")
OLD = passage("Audit logs are kept for 6 months.", document="old")
SAME = passage("Audit logs are kept for one year.", document="same")
OTHER = passage("The canteen serves soup for 12 people.", document="other")


async def found_as(held: Passage) -> RankedPassage:
    """Return a passage as the ranking hands it on, with its vectors."""
    (vectors,) = await WordEmbedder().embed_passages([held])
    return ranked(held)._replace(candidate=candidate_of(IndexedPassage(held, vectors)))


async def answer_from(*held: Passage, cited: int = 1) -> Answer:
    """Return an answer that quotes the first statement of the first passages."""
    sources = [await found_as(each) for each in held]
    listed = [cite(n, each, *each.statements[0]) for n, each in enumerate(held, 1)]
    citations, see_also = tuple(listed[:cited]), tuple(listed[cited:])
    finder = ConflictFinder(TermVectors().terms)
    return Answer(
        id="answer-1",
        status=AnswerStatus.ANSWERED,
        mode=AnswerMode.EXTRACTIVE,
        sentences=tuple(
            AnswerSentence(each.quote, (each.n,), Support.SUPPORTED) for each in citations
        ),
        citations=citations,
        see_also=see_also,
        served_by=ServedBy("extractive", "quotes"),
        conflicts=finder.find(QUESTION, sources, citations, see_also),
    )


def sides(conflict: Conflict) -> list[tuple[int, str]]:
    """Return number and value of each side."""
    return [(each.n, each.value) for each in conflict.sides]


@pytest.mark.parametrize("cited", [1, 2])
async def test_sources_that_differ_stand_side_by_side(cited: int) -> None:
    """The cited statement comes first; each side is a verbatim quote, each pair there once."""
    answer = await answer_from(NEW, OLD, SAME, OTHER, cited=cited)
    (conflict,) = answer.conflicts
    assert conflict.kind is ConflictKind.DURATION
    assert sides(conflict) == [(1, "12 months"), (2, "6 months")]
    held = (NEW, OLD)
    for side, each in zip(conflict.sides, held, strict=True):
        assert side.quote == each.text[side.start - each.start : side.end - each.start]
        assert side.quote.startswith("Audit logs")


async def test_documents_that_agree_or_are_one_are_no_conflict() -> None:
    """The same value in other words, another subject, the same document: nothing differs."""
    twice = OLD._replace(document_id="new", ordinal=2)
    for others in ((SAME,), (OTHER,), (twice,), ()):
        assert (await answer_from(NEW, *others)).conflicts == ()


async def test_what_the_answer_does_not_rest_on_is_not_compared() -> None:
    """Passages beside the answer that differ among themselves are not its conflict."""
    assert (await answer_from(OTHER, NEW, OLD)).conflicts == ()


async def test_only_so_many_sides_are_shown() -> None:
    """An answer shows a few sides of a conflict at most."""
    many = [
        passage(f"Audit logs are kept for {n} months.", document=f"guide {n}") for n in range(2, 9)
    ]
    (conflict,) = (await answer_from(NEW, *many)).conflicts
    assert len(conflict.sides) == MOST + 1


async def test_a_document_that_counts_no_more_is_no_side() -> None:
    """With the day on which a document is superseded its conflict ends; else a notice tells."""
    until = OLD._replace(superseded=TODAY)
    answer = await answer_from(NEW, until)
    before = with_currency(answer, date(2026, 4, 30))
    assert before.conflicts == answer.conflicts
    assert before.notices == (SOURCES_DIFFER,)
    after = with_currency(answer, TODAY)
    assert (after.conflicts, after.notices) == ((), ())


async def test_nobody_learns_of_a_side_that_they_may_not_see() -> None:
    """Without one of its documents a conflict is not shown, nor that there is one."""
    answer = with_currency(await answer_from(NEW, OLD), TODAY)
    assert answer.conflicts
    left = visible_part(answer, lambda each: each.document_id != "old")
    assert (left.conflicts, left.notices) == ((), ())
    assert left.sentences == answer.sentences
    assert visible_part(answer, lambda _each: True) is answer


async def test_comparing_leaves_no_garbage() -> None:
    """Statements that were compared and what they were taken from go with the answer."""
    with garbage() as left:
        assert (await answer_from(NEW, OLD)).conflicts
    assert not left
