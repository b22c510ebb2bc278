"""Words become terms, and terms weights that every Qdrant ranks alike."""

import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.providers.bm25 import AVERAGE_TERMS, K1, STOP_WORDS, TermVectors

VECTORS = TermVectors()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Employees employed employing", ["employe", "employ", "employ"]),
        ("policy policies POLICY", ["polici", "polici", "polici"]),
        ("What is the leave of an employee?", ["leav", "employe"]),
        ("SP 800-63B", ["sp", "800", "63b", "80063b"]),
        ("AC-2(3)", ["ac", "2", "ac2", "3"]),
        ("v1.2.3", ["v1", "2", "3", "v123"]),
        ("and/or", []),
        ("the employee's", ["employe"]),
        ("the employee\N{RIGHT SINGLE QUOTATION MARK}s", ["employe"]),
        ("they'll it's we've you're I'd I'm", []),
        ("snake_case", ["snake", "case"]),
        ("café Straße", ["café", "straße"]),
        ("...", []),
        ("", []),
    ],
)
def test_terms_are_stems_without_stop_words_and_compounds_count_twice(
    text: str, terms: list[str]
) -> None:
    """Inflections share a stem; a compound is found whole and by its parts."""
    assert VECTORS.terms(text) == terms


def test_each_spelling_of_a_control_is_found() -> None:
    """Whoever writes 800-63B, 80063B or 800 63B shares terms with whoever writes another."""
    whole = set(VECTORS.terms("800-63B"))
    assert whole & set(VECTORS.terms("80063B"))
    assert whole >= set(VECTORS.terms("800 63B"))
    assert whole == set(VECTORS.terms("800/63b"))


@pytest.mark.parametrize(
    ("text", "terms"),
    [("U.S. law", ["u", "s", "us", "law"]), ("part-D", ["part", "d", "partd"])],
)
def test_only_an_apostrophe_makes_an_ending(text: str, terms: list[str]) -> None:
    """The S of `U.S.` and the D of `part-D` are no contractions."""
    assert VECTORS.terms(text) == terms


@pytest.mark.parametrize("word", ["don't", "doesn't", "isn't", "aren't", "wasn't", "didn't"])
def test_a_contraction_of_stop_words_is_a_stop_word(word: str) -> None:
    """`don't` is no rare word that decides a ranking; without its apostrophe it is not either."""
    assert VECTORS.terms(word.replace("'", "")) == []
    assert VECTORS.terms(word) == []


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("couldn't wouldn't shouldn't won't hasn't haven't", []),
        ("it's-fine", ["fine"]),
        ("employer's/employee's", ["employ", "employe", "employeremploye"]),
    ],
)
def test_an_apostrophe_costs_no_word_and_makes_none(text: str, terms: list[str]) -> None:
    """Endings vanish wherever they stand, and nothing else does."""
    assert VECTORS.terms(text) == terms


def test_stop_words_alone_make_an_empty_vector() -> None:
    """Nothing to look for is an empty vector, not an error."""
    sparse = VECTORS.question(" ".join(sorted(STOP_WORDS)))
    assert (sparse.indices, sparse.values) == ((), ())
    assert VECTORS.passage("").indices == ()


def test_a_question_counts_its_terms() -> None:
    """A question's weight for a term is how often it is there."""
    sparse = VECTORS.question("leave, pay and leave")
    assert dict(zip(sparse.indices, sparse.values, strict=True)) == {
        zlib.crc32(b"leav"): 2.0,
        zlib.crc32(b"pay"): 1.0,
    }


def _weight(times: int, others: int) -> float:
    """Return the weight of a term that is there `times` times beside `others` more words."""
    sparse = VECTORS.passage("leave " * times + " ".join(f"word{n}" for n in range(others)))
    return dict(zip(sparse.indices, sparse.values, strict=True))[zlib.crc32(b"leav")]


def test_a_passage_of_average_length_has_the_weights_of_the_formula() -> None:
    """At the average length BM25 leaves tf * (k1 + 1) / (tf + k1)."""
    for times in (1, 2, 5):
        expected = times * (K1 + 1) / (times + K1)
        assert _weight(times, AVERAGE_TERMS - times) == pytest.approx(expected)


def test_repeating_a_word_counts_ever_less() -> None:
    """At one length each repetition adds weight, less each time, and never more than k1 + 1."""
    weights = [_weight(times, 60 - times) for times in range(1, 31)]
    gains = [later - earlier for earlier, later in pairwise(weights)]
    assert all(gain > 0 for gain in gains)
    assert gains == sorted(gains, reverse=True)
    assert weights[-1] < K1 + 1


def test_a_long_passage_counts_a_word_for_less() -> None:
    """The same word says more about a short passage than about a long one."""
    assert _weight(1, 10) > _weight(1, 75) > _weight(1, 300)


def test_ids_are_the_same_on_every_machine() -> None:
    """The id of a term is a number that is written down here, as it is in indexes made earlier."""
    assert VECTORS.question("leave").indices == (3_676_835_971,)
    assert TermVectors().question("leave") == VECTORS.question("leave")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80))
def test_any_text_makes_a_vector_that_the_store_takes(text: str) -> None:
    """Ids ascend without repeats and fit 32 bits; weights are positive; both sides share ids."""
    passage, question = VECTORS.passage(text), VECTORS.question(text)
    assert passage.indices == question.indices == tuple(sorted(set(passage.indices)))
    assert all(0 <= index < 2**32 for index in passage.indices)
    assert len(passage.values) == len(passage.indices)
    assert all(0 < value < K1 + 1 for value in passage.values)
    assert sum(question.values) == len(VECTORS.terms(text))
