"""Answers that rest on documents which count no more, or not yet, say so."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.conftest import ANSWER, CITATION
from tests.api.shelf import PASSAGE

from info_assistant.answering.currency import with_currency
from info_assistant.model.answer import Answer

TODAY = date(2026, 5, 1)


def resting_on(*dates: tuple[date | None, date | None]) -> Answer:
    """Return an answer that cites documents with these dates, each of another name."""
    citations = tuple(
        replace(
            CITATION,
            n=n,
            passage=PASSAGE._replace(
                document_id=str(n),
                title=f"Guide {n}",
                effective=effective,
                superseded=superseded,
            ),
        )
        for n, (effective, superseded) in enumerate(dates, 1)
    )
    return replace(ANSWER, citations=citations, see_also=(), notices=("Kept.",))


@pytest.mark.parametrize(
    ("effective", "superseded", "words"),
    [
        (None, None, ""),
        (None, TODAY, "which was superseded on 1 May 2026"),
        (None, TODAY - timedelta(days=1), "which was superseded on 30 April 2026"),
        (None, TODAY + timedelta(days=1), ""),
        (TODAY, None, ""),
        (TODAY + timedelta(days=1), None, "takes effect only on 2 May 2026"),
    ],
)
def test_dates_are_told(effective: date | None, superseded: date | None, words: str) -> None:
    """From its day on a document is superseded; until its day it has no effect."""
    answer = with_currency(resting_on((effective, superseded)), TODAY)
    assert answer.notices[0] == "Kept."
    assert [words in notice for notice in answer.notices[1:]] == ([True] if words else [])
    if words:
        assert "Guide 1" in answer.notices[1]


def test_many_are_not_all_named() -> None:
    """Beyond three documents the notices only count."""
    answer = with_currency(resting_on(*[(None, TODAY)] * 5), TODAY)
    assert len(answer.notices) == 5
    assert "2 more" in answer.notices[-1]


def test_what_is_only_seen_also_needs_no_notice() -> None:
    """A document that is listed without being quoted is not what the answer rests on."""
    answer = resting_on((None, TODAY))
    beside = replace(answer, citations=(), see_also=answer.citations)
    assert with_currency(beside, TODAY) is beside


days = st.none() | st.dates()


@given(st.lists(st.tuples(days, days), max_size=4), st.dates())
def test_nothing_else_of_an_answer_changes(
    dates: list[tuple[date | None, date | None]], today: date
) -> None:
    """Whatever the dates, only notices are added, one for each document that does not count."""
    answer = resting_on(*dates)
    told = with_currency(answer, today)
    assert replace(told, notices=answer.notices) == answer
    off = [1 for begins, ends in dates if (ends and ends <= today) or (begins and begins > today)]
    assert len(told.notices) - 1 == len(off)
