"""JSON as bytes says what pydantic's JSON says, of all that we write with it."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from info_assistant.model.json_bytes import json_bytes

MOMENTS = st.datetimes(timezones=st.just(UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | MOMENTS
    | st.dates(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(PLAIN)
def test_it_means_the_same_to_who_reads(value: object) -> None:
    """Records of earlier versions and those to come can be read side by side."""
    assert from_json(json_bytes(value)) == from_json(to_json(value))


def test_moments_end_in_z_and_days_are_days() -> None:
    """As they always did, with and without fractions of a second."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    written = json_bytes([moment, moment + timedelta(microseconds=6), date(2026, 1, 2)])
    assert written == b'["2026-01-02T03:04:05Z","2026-01-02T03:04:05.000006Z","2026-01-02"]'


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_vectors_are_read_as_they_are(numbers: list[float]) -> None:
    """A vector needs no list of Python's numbers, and loses nothing."""
    vector = np.array(numbers, np.float32)
    assert np.array_equal(np.array(json.loads(json_bytes(vector)), np.float32), vector)


def test_what_no_number_can_say_is_null() -> None:
    """JSON knows neither NaN nor infinities."""
    assert json_bytes([float("nan"), float("inf")]) == b"[null,null]"


def test_what_it_cannot_write_is_refused() -> None:
    """Rather than written as something else."""
    with pytest.raises(TypeError):
        json_bytes({"tags": {"a", "b"}})
