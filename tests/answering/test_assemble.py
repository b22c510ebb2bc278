"""From pieces of text to sentences with the passages that their markers name."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answering.conftest import passage

from info_assistant.answering.assemble import LONGEST_SENTENCE, SentenceAssembler
from info_assistant.ingestion.sentences import sentences
from info_assistant.ports import WrittenSentence

ONE, TWO = passage("One.", document="one"), passage("Two.", document="two")
PASSAGES = {"1": ONE, "K204": TWO}


def assemble(*pieces: str) -> list[tuple[str, list[str]]]:
    """Return the sentences of the pieces, each with the documents that it names."""
    assembler = SentenceAssembler(PASSAGES, sentences)
    found: list[WrittenSentence] = []
    for piece in pieces:
        found += assembler.feed(piece)
    found += assembler.finish()
    return [(each.text, [one.document_id for one in each.passages]) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Five days may be kept [1].", [("Five days may be kept.", ["one"])]),
        ("Five days may be kept. [1]", [("Five days may be kept.", ["one"])]),
        ("Five days. [1] Two lapse [K204].", [("Five days.", ["one"]), ("Two lapse.", ["two"])]),
        ("Both say so [1, K204].", [("Both say so.", ["one", "two"])]),
        ("Both say so [1][K204].", [("Both say so.", ["one", "two"])]),
        ("Both say so [1] [1].", [("Both say so.", ["one"])]),
        ("It says so [[1]].", [("It says so.", ["one"])]),
        ("It says so【1】.", [("It says so.", ["one"])]),
        ("It says so [k204].", [("It says so.", ["two"])]),
        ("Nobody knows it [9].", [("Nobody knows it.", [])]),
        ("It quotes [sic] words [1].", [("It quotes [sic] words.", ["one"])]),
        ("[1] says so.", [("says so.", ["one"])]),
        ("It never closes [1", [("It never closes [1", [])]),
        ("Write `a[1]` there [1].", [("Write `a[1]` there.", ["one"])]),
        (
            "See Dr. Hill, e.g. in No. 5 [1]. Then go.",
            [("See Dr. Hill, e.g. in No. 5.", ["one"]), ("Then go.", [])],
        ),
        ("It is 3.5 days [1]. It ends.", [("It is 3.5 days.", ["one"]), ("It ends.", [])]),
        ("# Leave\n\nFive days [1].", [("Five days.", ["one"])]),
        (
            "- Five days [1].\n- Two weeks [K204].",
            [("Five days.", ["one"]), ("Two weeks.", ["two"])],
        ),
        ("1. Five days [1]\n2. Two weeks [K204]", [("Five days", ["one"]), ("Two weeks", ["two"])]),
        (
            "These lapse:\n- five days [1]\n- two weeks [K204]",
            [("These lapse: five days", ["one"]), ("two weeks", ["two"])],
        ),
        ("A line\nthat goes on [1].", [("A line that goes on.", ["one"])]),
        (
            "First part [1]\n\nSecond part [K204]",
            [("First part", ["one"]), ("Second part", ["two"])],
        ),
        ("**Five** days [1].", [("Five days.", ["one"])]),
        (
            "Before.\n```\nx = a[1]. Y = 2.\n```\nAfter [1].",
            [("Before.", []), ("x = a[1]. Y = 2.", []), ("After.", ["one"])],
        ),
        ("<think>Five [1]. Or six?</think>\n\nFive days [1].", [("Five days.", ["one"])]),
        (" <think>It never ends. Five [1].", []),
        ("<think", [("<think", [])]),
        ("<b>Five</b> days [1].", [("<b>Five</b> days.", ["one"])]),
        (
            "See ![a picture](https://evil.test/?q=secret) here [1].",
            [("See a picture here.", ["one"])],
        ),
        ("See [the guide](https://evil.test/?q=secret) [1].", [("See the guide.", ["one"])]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_markers_and_sentences(text: str, expected: list[tuple[str, list[str]]]) -> None:
    """Each form that models write is understood, and what names no passage is no citation."""
    assert assemble(text) == expected


PARTS = st.sampled_from(
    [
        *("Five days may be kept", "It ends", "Dr. Hill", "U.S. law", "3.5", "must", "[sic]"),
        *("[1]", "[1, K204]", "[[1]]", "【1】", "[9]", "[", "]", "[K2", "`", "```", "**", "# "),
        *("<think>", "</think>", "](x) ", "<"),
        *(". ", ".", "? ", ":\n", "\n", "\n\n", "\n- ", "\n2. ", " ", "。"),
    ]
)
TEXTS = st.lists(PARTS, max_size=25).map("".join)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_any_cutting_gives_the_same_sentences(text: str, cuts: list[int]) -> None:
    """It makes no difference in which pieces a text arrives."""
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[low:high] for low, high in pairwise(places)]
    assert assemble(*pieces) == assemble(text)
    assert assemble(*text) == assemble(text)


@given(text=TEXTS)
def test_no_word_is_lost(text: str) -> None:
    """Every word of a text without headings is in its sentences."""
    text = text.replace("#", "").replace("<think>", "")
    said = " ".join(words for words, _ in assemble(text))
    for word in ("Five", "days", "Dr", "Hill", "law", "must", "ends", "sic"):
        assert said.count(word) == text.count(word)


def test_a_sentence_is_out_with_the_next_one_s_first_word() -> None:
    """Nobody waits for the end of the second sentence to read the first."""
    assembler = SentenceAssembler(PASSAGES, sentences)
    assert not list(assembler.feed("Five days may be kept [1]. They"))
    assert [each.text for each in assembler.feed(" ")] == ["Five days may be kept."]


def test_a_sentence_without_an_end_is_cut() -> None:
    """A model that never ends its sentence fills no memory."""
    found = assemble("word " * LONGEST_SENTENCE)
    assert len(found) > 1
    assert max(len(text) for text, _ in found) <= LONGEST_SENTENCE
