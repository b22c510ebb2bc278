"""What counts as a question."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.answering.admit import readable_question
from info_assistant.errors import InvalidRequest
from info_assistant.model.question import MAX_QUESTION_CHARACTERS


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  How much\tleave\r\nis there? ", "How much leave is there?"),
        ("How\u2028much\u2029leave", "How much leave"),
        ("How\N{NO-BREAK SPACE}much", "How much"),
        ("le\u200bave\ufeff \u00addays", "leave days"),
        ("bell\x07 and null\x00", "bell and null"),
        ("\u202eleave\u202c \u2066days\u2069", "leave days"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "café"),
        ("休暇は何日ですか", "休暇は何日ですか"),
        ("7", "7"),
    ],
    ids=[
        *("breaks", "separators", "no-break", "zero-width", "control", "bidi"),
        *("surrogate", "composed", "japanese", "digit"),
    ],
)
def test_a_question_is_read_without_what_nobody_can_see(written: str, read: str) -> None:
    """Invisible characters vanish, blanks become one space, accents are composed."""
    assert readable_question(written) == read


@pytest.mark.parametrize("written", ["", " \n\t", "?!…", "\u200b\u202e", "\x00", "--- ✂ ---"])
def test_a_question_without_a_letter_or_digit_is_refused(written: str) -> None:
    """Nothing to ask is the asker's to mend, and the message says so."""
    with pytest.raises(InvalidRequest, match="empty"):
        readable_question(written)


def test_the_limit_is_two_thousand_characters_after_cleaning() -> None:
    """2000 characters pass, 2001 do not; what is cleaned away does not count."""
    assert MAX_QUESTION_CHARACTERS == 2000
    longest = "a" * 2000
    assert readable_question(f"  {longest}\u200b\n") == longest
    with pytest.raises(InvalidRequest, match="2001 characters; the limit is 2000"):
        readable_question(longest + "a")


@pytest.mark.parametrize("blank", ["\x85", "\x1c", "\x1f"])
def test_every_blank_of_unicode_parts_words(blank: str) -> None:
    """A line break of an old mainframe does not glue two words together."""
    assert readable_question(f"annual{blank}leave") == "annual leave"


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=60))
def test_reading_is_stable_and_leaves_nothing_invisible(text: str) -> None:
    """What was read once reads the same again and has no invisible character."""
    try:
        question = readable_question(text)
    except InvalidRequest:
        assert not any(c.isalnum() for c in text if unicodedata.category(c)[0] != "C")
        return
    assert readable_question(question) == question
    assert not any(unicodedata.category(c)[0] == "C" for c in question)
    assert question == " ".join(question.split())
