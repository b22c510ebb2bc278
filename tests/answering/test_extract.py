"""Extracts are stretches of the text that can be read by themselves."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.answering.conftest import passage, ranked

from info_assistant.answering.extract import (
    MAX_EXTRACTS,
    MAX_STATEMENTS,
    Extract,
    best_extract,
    choose_extracts,
)
from info_assistant.model.passage import Passage
from info_assistant.ports import RankedPassage

LIMIT = 400


def words(text: str) -> list[str]:
    """Return the words of a text in small letters, as terms."""
    return re.findall(r"\w+", text.lower())


def texts(question: str, *found: RankedPassage) -> list[str]:
    """Return the words of the chosen extracts."""
    return [extract.text for extract in choose_extracts(question, found, words)]


LETTERS = "abcdeé休ß😀-'"
MARKS = (", ", "; ", " | ", ": ", "\n", " ")


def _clause(rng: np.random.Generator) -> str:
    """Return one to thirty words of up to twelve letters."""
    lengths = rng.integers(1, 13, rng.integers(1, 31))
    return " ".join("".join(rng.choice([*LETTERS], n)) for n in lengths)


def _statement(rng: np.random.Generator) -> str:
    """Return one to six clauses; many are longer than an extract may be."""
    mark = str(rng.choice(MARKS))
    return mark.join(_clause(rng) for _ in range(rng.integers(1, 7))) + "."


def random_ranking(seed: int) -> list[RankedPassage]:
    """Return one to three passages of one to six statements with scores from 0 to 1."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rng.integers(1, 4)):
        statements = [_statement(rng) for _ in range(rng.integers(1, 7))]
        held = passage(*statements, joint=str(rng.choice([" ", "\n", "\n\n"])))
        found.append(ranked(held, rng.random(len(statements)).tolist(), score=float(rng.random())))
    return found


def statements_touched(extract: Extract) -> int:
    """Return how many statements an extract has words of."""
    held = extract.ranked.candidate.passage
    return sum(
        span.start < extract.span.end and extract.span.start < span.end for span in held.statements
    )


def holds_what_an_extract_promises(extract: Extract) -> None:
    """Fail unless the extract is verbatim, short, in range, and begins and ends with words."""
    text = extract.ranked.candidate.passage.text
    start, end = extract.span.start, extract.span.end
    assert 0 <= start < end <= len(text)
    assert extract.text == text[start:end]
    assert len(extract.text) <= LIMIT
    assert statements_touched(extract) <= MAX_STATEMENTS
    assert not extract.text[-1].isspace()
    assert start == 0 or text[start - 1].isspace()
    assert end == len(text) or text[end].isspace()


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32))
def test_extracts_are_verbatim_short_apart_and_whole(seed: int) -> None:
    """At most three; 400 characters and three statements each; never twice the same words."""
    found = random_ranking(seed)
    question = _clause(np.random.default_rng(seed + 1))
    chosen = choose_extracts(question, found, words)
    assert 1 <= len(chosen) <= MAX_EXTRACTS
    for extract in chosen:
        holds_what_an_extract_promises(extract)
    for at, one in enumerate(chosen):
        for other in chosen[at + 1 :]:
            apart = one.span.end <= other.span.start or other.span.end <= one.span.start
            assert one.ranked is not other.ranked or apart


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32))
def test_every_passage_has_a_best_extract(seed: int) -> None:
    """What is listed under "see also" obeys the same rules and has the best statement in it."""
    for item in random_ranking(seed):
        extract = best_extract(item)
        holds_what_an_extract_promises(extract)
        best = max(item.statement_scores)
        held = item.candidate.passage
        assert any(
            score == best and span.start < extract.span.end and extract.span.start < span.end
            for score, span in zip(item.statement_scores, held.statements, strict=True)
        )


@pytest.mark.parametrize("length", [399, 400, 401, 402, 799, 800, 801, 1200])
def test_statements_around_the_limit_end_with_a_word(length: int) -> None:
    """A statement of up to 400 characters comes whole, a longer one up to the end of a word."""
    said = ("rules " * length)[: length - 1] + "."
    extract = best_extract(ranked(passage(said)))
    holds_what_an_extract_promises(extract)
    assert (extract.text == said) == (length <= LIMIT)
    assert len(extract.text) > LIMIT - len("rules ") - 1 or length <= LIMIT


@pytest.mark.parametrize("letter", ["x", "休", "😀"])
def test_one_endless_word_is_cut_at_the_limit(letter: str) -> None:
    """Where there is no end of a word there is still an extract, of 400 characters."""
    assert best_extract(ranked(passage(letter * 1000))).text == letter * LIMIT


@pytest.mark.parametrize("blank", ["\t", "\N{NO-BREAK SPACE}", "\N{THIN SPACE}"])
def test_any_blank_ends_a_word(blank: str) -> None:
    """Words parted by tabs or by spaces that keep them together are not cut either."""
    holds_what_an_extract_promises(best_extract(ranked(passage(f"rules{blank}" * 99 + "end"))))


@pytest.mark.parametrize("last", ["Annexes, ", "Annexes,\n"])
def test_a_statement_that_ends_in_a_blank_is_no_trap(last: str) -> None:
    """An overlong statement is shortened to words of its own, never to nothing."""
    said = "rules " * 99 + last
    held = passage(said, "Leave and pay are dealt with elsewhere. ")
    item = ranked(held, [0.9, 0.1])
    chosen = choose_extracts("leave and pay", [item], words)
    assert chosen
    assert chosen[0].text.startswith("rules")


def test_a_list_item_brings_the_sentence_it_hangs_on() -> None:
    """The lead-in that ends with a colon stands before the item, and the next item after it."""
    held = passage(
        *("You get leave for:", "- moving house", "- a wedding", "- a funeral", "Ask early."),
        joint="\n",
    )
    assert texts("wedding", ranked(held, [0.1, 0.9, 0.1, 0.1, 0.1])) == [
        "You get leave for:\n- moving house\n- a wedding"
    ]
    lead = best_extract(ranked(held, [0.9, 0.1, 0.1, 0.1, 0.1]))
    assert lead.text == "You get leave for:\n- moving house\n- a wedding"


def test_a_lead_in_comes_along_only_where_it_fits() -> None:
    """A lead-in that would break the limit stays out, and the item stands alone."""
    item = "- a wedding " + "w" * 100
    for length, together in ((400 - len(item) - 1, True), (400 - len(item), False)):
        lead = "You get leave for " + "x" * (length - 19) + ":"
        assert len(lead) == length
        got = best_extract(ranked(passage(lead, item, joint="\n"), [0.1, 0.9])).text
        assert got == (f"{lead}\n{item}" if together else item)


@pytest.mark.parametrize("opening", ["This", "They", "However,", "it", "Otherwise"])
def test_a_sentence_that_leans_on_the_one_before_brings_it(opening: str) -> None:
    """What begins with "this" is not quoted without what "this" is."""
    before, after = "Badges are worn.", "Ask at the gate."
    said = f"{opening} is checked daily."
    held = passage("Unrelated.", before, said, after, "More.", "More yet.")
    extract = best_extract(ranked(held, [0.0, 0.1, 0.9, 0.1, 0.0, 0.0]))
    assert extract.text == f"{before} {said} {after}"


def test_a_sentence_that_stands_by_itself_is_followed_not_preceded() -> None:
    """Room that is left goes to what comes after."""
    held = passage("Unrelated.", "Badges are worn.", "Ask at the gate.", "More.", "Yet more.")
    extract = best_extract(ranked(held, [0.0, 0.9, 0.1, 0.0, 0.0]))
    assert extract.text == "Badges are worn. Ask at the gate. More."


def test_an_overlong_statement_is_shortened_to_the_clauses_asked_for() -> None:
    """Of a long table row or sentence the part is shown that shares most with the question."""
    clauses = [f"clause {n} of the long rule about matter {n}" for n in range(30)]
    clauses[20] = "a wedding gives two days of special leave"
    held = passage("; ".join(clauses) + ".")
    got = texts("How many days of special leave does a wedding give?", ranked(held))
    assert len(got) == 1
    assert clauses[20] in got[0]
    assert len(got[0]) <= LIMIT


def test_further_extracts_must_be_nearly_as_good_as_the_first() -> None:
    """A weak second passage adds nothing; a good one does, better passages first."""
    best, good, weak = passage("Best."), passage("Good."), passage("Weak.")
    got = texts(
        "?",
        ranked(weak, [0.1], score=0.1),
        ranked(good, [0.9], score=0.9),
        ranked(best, [1.0], score=1.0),
    )
    assert got == ["Best.", "Good."]


def test_shared_terms_decide_between_equal_scores() -> None:
    """Of two statements alike to the model the one with the question's words is quoted."""
    one, other = passage("Pay is monthly."), passage("Leave is annual.")
    found = [ranked(each, [0.1], score=0.1) for each in (one, other)]
    assert texts("annual leave", *found) == ["Leave is annual."]


def test_extracts_stand_in_the_order_of_their_passages() -> None:
    """The better passage's extract is first, though the other has the better statement."""
    better, other = passage("Better passage."), passage("Better statement.")
    found = [ranked(other, [0.9], score=0.5), ranked(better, [0.6], score=0.7)]
    assert texts("?", *found) == ["Better passage.", "Better statement."]


def test_there_are_no_more_than_three_extracts() -> None:
    """Five equally good passages give three quotes."""
    same = [ranked(passage(f"Rule {n}.")) for n in range(5)]
    assert texts("?", *same) == ["Rule 0.", "Rule 1.", "Rule 2."]


def test_nothing_found_gives_no_extract() -> None:
    """No passages, no quotes, no error; nor does a passage without statements harm."""
    assert texts("anything") == []
    bare: Passage = passage()
    assert texts("anything", ranked(bare, [])) == []


def test_a_passage_without_statements_can_still_be_listed() -> None:
    """A passage in which nothing can be quoted by itself does not fail the whole answer."""
    held = passage("Words without a statement.")
    extract = best_extract(ranked(held, []))
    assert extract.text in held.text


def test_a_heading_alone_is_no_answer() -> None:
    """A heading comes with the text below it, or not at all."""
    held = passage("What it costs", "One fee is due. ", "It is $15. ", "It is never paid back. ")
    held = held._replace(heading_path=("Records", "What it costs"))
    first = ranked(held, scores=(0.8, 0.9, 0.9, 0.9))
    texts = [extract.text for extract in choose_extracts("money", [first], str.split)]
    assert texts
    assert "What it costs" not in texts
