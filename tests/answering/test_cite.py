"""Nothing is cited that the passage does not say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.answering.conftest import passage

from info_assistant.answering.cite import MAX_QUOTE_CHARACTERS, check, cite
from info_assistant.model.answer import AnswerSentence, Support
from info_assistant.ports import DraftSentence

SAID = "Staff must not work on Sundays, except in an emergency."
HELD = passage("First things first.", SAID)
START = HELD.statements[1].start
END = HELD.statements[1].end


def test_a_quote_that_is_there_is_released_with_its_place_in_the_document() -> None:
    """The citation's offsets count from the document's beginning, not from the passage's."""
    released = check(DraftSentence(SAID, HELD, START, END), n=3)
    assert released is not None
    sentence, citation = released
    assert sentence == AnswerSentence(SAID, (3,), Support.SUPPORTED)
    assert (citation.n, citation.passage, citation.quote) == (3, HELD, SAID)
    assert (citation.start, citation.end) == (HELD.start + START, HELD.start + END)


@pytest.mark.parametrize(
    "altered",
    [
        SAID.replace("must not", "must"),
        SAID.replace("except", "even"),
        SAID.replace("a", "\N{CYRILLIC SMALL LETTER A}", 1),
        SAID.replace(" ", "\N{NO-BREAK SPACE}", 1),
        SAID.replace("Staff", "Sta\N{LATIN SMALL LIGATURE FF}"),
        SAID.lower(),
        SAID + " ",
        SAID[:-1],
        "",
    ],
    ids=[
        *("negation", "exception", "cyrillic", "no-break", "ligature", "case", "longer"),
        *("shorter", "empty"),
    ],
)
def test_altered_words_are_held_back(altered: str) -> None:
    """One changed character, even one that looks the same, keeps a sentence in."""
    assert check(DraftSentence(altered, HELD, START, END), n=1) is None


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1, 5), (5, 5), (9, 5), (0, len(HELD.text) + 1), (len(HELD.text), len(HELD.text) + 4)],
)
def test_a_place_outside_the_passage_is_no_evidence(start: int, end: int) -> None:
    """Spans that are empty, backwards or out of range are refused, whatever slicing gives."""
    assert check(DraftSentence(HELD.text[start:end], HELD, start, end), n=1) is None


@pytest.mark.parametrize(("length", "released"), [(400, True), (401, False)])
def test_a_quote_has_at_most_four_hundred_characters(length: int, released: bool) -> None:  # noqa: FBT001
    """The limit is exact."""
    assert MAX_QUOTE_CHARACTERS == 400
    held = passage("x" * 500)
    assert (check(DraftSentence("x" * length, held, 0, length), n=1) is not None) is released


@settings(deadline=None)
@given(st.data())
def test_a_citation_is_always_verbatim(data: st.DataObject) -> None:
    """For any stretch, the document's text between the offsets is the quote."""
    held = passage(data.draw(st.text(min_size=1, max_size=80)), at=data.draw(st.integers(0, 9)))
    start = data.draw(st.integers(0, len(held.text) - 1))
    end = data.draw(st.integers(start + 1, len(held.text)))
    citation = cite(1, held, start, end)
    whole = "-" * held.start + held.text
    assert whole[citation.start : citation.end] == citation.quote
