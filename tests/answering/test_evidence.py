"""How much speaks for an answer, as a probability."""

from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.answering.conftest import passage, ranked

from info_assistant.answering.evidence import (
    CONSIDERED,
    NO_EVIDENCE,
    Evidence,
    confidence,
    weigh,
)
from info_assistant.model.passage import Flags, Floats
from info_assistant.ports import RankedPassage

_measures = st.floats(-1, 1.1)
_evidence = st.builds(Evidence, *[_measures] * len(fields(Evidence)))


def _flags(*values: int) -> Flags:
    return np.array(values, np.bool_)


def _match(*values: float) -> Floats:
    return np.array(values, np.float32)


@settings(deadline=None)
@given(_evidence)
def test_confidence_is_a_probability(evidence: Evidence) -> None:
    """Whatever the measures, the outcome lies between 0 and 1."""
    assert 0 < confidence(evidence) < 1


@settings(deadline=None)
@given(_evidence, st.sampled_from(fields(Evidence)), st.floats(0.001, 1))
def test_more_evidence_never_lowers_confidence(
    evidence: Evidence, field: object, by: float
) -> None:
    """Each measure alone can only speak for an answer."""
    name = getattr(field, "name")  # noqa: B009 - hypothesis knows no Field[Any].
    stronger = replace(evidence, **{name: getattr(evidence, name) + by})
    assert confidence(stronger) >= confidence(evidence)


def test_full_evidence_is_believed_more_than_none() -> None:
    """The weights are not all zero, and no evidence is not taken for an answer."""
    assert confidence(Evidence(1.0, 1.0, 1.0, 1.0, 1.0)) > confidence(NO_EVIDENCE)
    assert confidence(NO_EVIDENCE) <= 0.5


def _two() -> list[RankedPassage]:
    first = replace(ranked(passage("One.", "Two."), [0.2, 0.6], score=0.7), coverage=0.25)
    second = replace(ranked(passage("Three."), [0.8], score=0.5), coverage=0.75)
    return [first, second]


def test_each_measure_takes_the_best_of_the_best_passages() -> None:
    """The measures may come from different passages; content and weakest come from one."""
    matches = [_match(0.9, 0.1, 0.2, 0.3), _match(0.0, 0.5, 0.4, 0.9)]
    measured = weigh(_flags(0, 1, 1, 1), _two(), matches)
    assert astuple(measured) == pytest.approx((0.7, 0.8, 0.6, 0.6, 0.75))
    assert weigh(_flags(1, 1, 1, 1), _two(), matches).weakest == pytest.approx(0.3)


def test_a_question_of_stop_words_is_measured_by_all_of_them() -> None:
    """`What is it?` has no meaningful piece; then each piece counts."""
    matches = [_match(0.4, 0.6)] * 2
    assert weigh(_flags(0, 0), _two(), matches).content == pytest.approx(0.5)


def test_passages_far_down_are_no_evidence() -> None:
    """The sixth passage does not count, however well it matches."""
    weak = replace(ranked(passage("Weak."), [0.1], score=0.1), coverage=0.1)
    strong = replace(ranked(passage("Strong."), [0.9], score=0.1), coverage=0.9)
    measured = weigh(
        _flags(1), [*[weak] * CONSIDERED, strong], [*[_match(0.1)] * CONSIDERED, _match(0.9)]
    )
    assert astuple(measured) == pytest.approx((0.1,) * 5)


def test_a_passage_without_statements_is_weighed() -> None:
    """Nothing to quote speaks for nothing, without an error."""
    assert weigh(_flags(1), [ranked(passage("x"), [])], [_match(0.5)]).statement == 0.0
