"""What a search finds is understood, or refused as damaged: nothing else comes of it."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stores.stored_things import INDEXED, PASSAGE

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.passage import Candidate
from info_assistant.stores.qdrant.payload import candidate_from, passage_payload

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-300, 300)
    | st.floats()
    | st.text("QUJD=ä", max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


def found(**changes: object) -> Candidate:
    """Return the candidate of a payload with some fields changed."""
    payload: dict[str, Any] = {**passage_payload(INDEXED), **changes}
    return candidate_from({"id": PASSAGE.id, "score": 0.5, "payload": payload})


@given(
    field=st.sampled_from(["tokens", "token_shape", "terms", "statements", "access"]), value=VALUES
)
def test_a_damaged_field_is_called_damage(field: str, value: object) -> None:
    """The rows that are unpacked later are as many as was said, or are told to be damaged."""
    with suppress(StoredDataInvalid):
        candidate = found(**{field: value})
        assert len(candidate.tokens) == candidate.token_count


@pytest.mark.parametrize("shape", [[4, 4], [-3, -4], [3.0, 4], [2, 4], [3], "34"])
def test_a_shape_that_does_not_fit_is_noticed_at_once(shape: object) -> None:
    """Nobody has to unpack the rows to learn that they are not what was said."""
    with pytest.raises(StoredDataInvalid):
        found(token_shape=shape)


def test_rows_that_are_no_numbers_are_noticed_when_they_are_looked_at() -> None:
    """The ranking learns that this passage is damaged, and how to mend it."""
    tokens = passage_payload(INDEXED)["tokens"]
    with pytest.raises(StoredDataInvalid, match="rebuild qdrant"):
        _ = found(tokens="!" * len(tokens)).tokens
