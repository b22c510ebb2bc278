"""The measures, against values worked out elsewhere."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.conftest import answer, passage

from info_assistant.evaluation.measures import (
    area_under_curve,
    contains_what_it_must,
    first_hit,
    is_refusal,
    letters_and_digits,
    mean,
    passages_of,
    wilson,
)
from info_assistant.evaluation.questions import Gold, GoldQuestion
from info_assistant.model.answer import AnswerStatus
from info_assistant.model.passage import Passage


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_s_interval_has_the_published_values(
    successes: int, n: int, low: float, high: float
) -> None:
    """Four digits agree with the literature; nothing known is the whole range."""
    interval = wilson(successes, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_an_interval_has_the_share_in_it_and_mirrors(n: int, data: st.DataObject) -> None:
    """The share lies inside, all lies within 0 and 1, and misses have the mirrored interval."""
    successes = data.draw(st.integers(0, n))
    one, other = wilson(successes, n), wilson(n - successes, n)
    assert 0 <= one.low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= one.high <= 1
    assert one.low == pytest.approx(1 - other.high, abs=1e-9)


_scores = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=12)


def _share_above(threshold: float, scores: list[float]) -> float:
    return sum(score >= threshold for score in scores) / len(scores)


@settings(deadline=None)
@given(_scores, _scores)
def test_area_under_the_curve_equals_the_area_under_the_curve(
    positives: list[float], negatives: list[float]
) -> None:
    """Counting pairs gives what adding up trapezoids under the ROC curve gives."""
    thresholds = sorted({*positives, *negatives}, reverse=True)
    points = [
        (_share_above(threshold, negatives), _share_above(threshold, positives))
        for threshold in [math.inf, *thresholds]
    ]
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
    assert area_under_curve(positives, negatives) == pytest.approx(area)


def test_area_under_the_curve_at_its_ends() -> None:
    """1 where all positives are ahead, 0 where all are behind, half for equals, NaN for none."""
    assert area_under_curve([2, 3], [0, 1]) == 1
    assert area_under_curve([0], [1, 2]) == 0
    assert area_under_curve([1, 1], [1]) == 0.5
    assert math.isnan(area_under_curve([], [1]))
    assert math.isnan(area_under_curve([1], []))


GOLD = (Gold("a.md", "Five days, at most."), Gold("b.md", "Ask HR"))


@pytest.mark.parametrize(
    ("found", "rank"),
    [
        ([passage("You get five  days at\nmost!")], 1),
        ([passage("x"), passage("y"), passage("… ask hr …", "b.md")], 3),
        ([passage("Ask HR", "b.md"), passage("Five days, at most.")], 1),
        ([passage("Five days, at most.", "b.md")], None),
        ([passage("Five days.")], None),
        ([], None),
    ],
    ids=["letters and digits", "second gold", "first of two", "other document", "part", "nothing"],
)
def test_the_first_passage_with_a_gold_quote_counts(found: list[Passage], rank: int | None) -> None:
    """Letters and digits decide, in the right document, from rank 1."""
    assert first_hit(GOLD, found) == rank


def test_extractors_agree_on_letters_and_digits() -> None:
    """Case, blanks, punctuation, table rules and ligatures do not matter; words do."""
    assert letters_and_digits("| O\N{LATIN SMALL LIGATURE FFI}ce_No. |\n4 2") == "officeno42"
    assert letters_and_digits("must not") != letters_and_digits("must")


def test_an_answer_s_passages_come_in_order_and_once() -> None:
    """Cited first; a passage that is quoted twice counts once."""
    one, two, three = (passage(text) for text in ("1", "2", "3"))
    assert passages_of(answer(one, two, one, see_also=[three, two])) == [one, two, three]


@pytest.mark.parametrize(
    ("must", "must_not", "good"),
    [
        (("five days", "MARCH"), (), True),
        (("five  days\nof leave",), (), True),
        (("five days", "April"), (), False),
        ((), ("April",), True),
        (("five",), ("march",), False),
        ((), (), True),
    ],
)
def test_an_answer_contains_all_that_it_must_and_nothing_that_it_must_not(
    must: tuple[str, ...],
    must_not: tuple[str, ...],
    good: bool,  # noqa: FBT001
) -> None:
    """Whatever the case and the blanks."""
    question = GoldQuestion("q", "?", True, (), must, must_not)
    said = answer(passage("Five days of leave\n until March."))
    assert contains_what_it_must(question, said) is good


@pytest.mark.parametrize("status", list(AnswerStatus))
def test_only_two_statuses_say_that_the_documents_hold_nothing(status: AnswerStatus) -> None:
    """A refused input or a clarification is no statement about the documents."""
    refusals = {"unanswerable_no_evidence", "unanswerable_not_supported"}
    assert is_refusal(answer(status=status)) == (status.value in refusals)


def test_the_mean_of_nothing_is_zero() -> None:
    """No values, no division."""
    assert mean([]) == 0.0
    assert mean([0.25, 0.75]) == 0.5
