"""The ranking says the same as its definition written out in plain Python."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.answering.conftest import passage

from info_assistant.answering.rank import COVERAGE_WEIGHT, rank
from info_assistant.model.passage import (
    Candidate,
    QuestionVectors,
    Span,
    Spans,
    SparseVector,
    edges_of,
)
from info_assistant.model.vectors import Floats

Rows = list[list[float]]


def question_of(tokens: Rows, terms: Sequence[int] = ()) -> QuestionVectors:
    """Return a question with these token vectors and terms."""
    rows: Floats = np.array(tokens, np.float32)
    sparse = SparseVector(tuple(sorted(terms)), (1.0,) * len(terms))
    return QuestionVectors(rows[0], sparse, rows)


def found(
    name: str,
    tokens: Rows,
    *,
    spans: Sequence[Span] = (),
    terms: Sequence[int] = (),
    text: str | None = None,
) -> Candidate:
    """Return a candidate of document `name` with these token vectors (-127…127)."""
    held = passage(text or f"Text of {name}.", document=name)._replace(statements=tuple(spans))
    width = len(tokens[0]) if tokens else 2
    rows = np.array(tokens, np.int8).reshape(-1, width)
    ids = np.array(sorted(terms), np.uint32)
    return Candidate(held, 0.5, ids, len(rows), lambda: rows, edges_of(spans))


@dataclass(frozen=True)
class Expected:
    """What the definition gives for one candidate."""

    score: float
    coverage: float
    statements: tuple[float, ...]


def max_sim(question: Rows, tokens: Rows) -> float:
    """Return the mean over the question's pieces of the best cosine."""
    best = [
        max(sum(a * b for a, b in zip(q, t, strict=True)) / 127 for t in tokens) for q in question
    ]
    return sum(best) / len(best)


def oracle(question: QuestionVectors, candidates: Sequence[Candidate]) -> dict[str, Expected]:
    """Rank as the definition says, without numpy; by document id."""
    pieces: Rows = question.tokens.tolist()
    asked = question.sparse.indices
    held = [set(candidate.terms.tolist()) for candidate in candidates]
    rarity = {}
    for term in asked:
        count = sum(term in terms for terms in held)
        rarity[term] = math.log((len(candidates) - count + 0.5) / (count + 0.5) + 1)
    expected = {}
    for candidate, terms in zip(candidates, held, strict=True):
        rows: Rows = candidate.tokens.tolist()
        shared = sum(rarity[term] for term in asked if term in terms)
        coverage = shared / sum(rarity.values()) if asked else 0.0
        expected[candidate.passage.document_id] = Expected(
            max_sim(pieces, rows) + COVERAGE_WEIGHT * coverage,
            coverage,
            tuple(
                max_sim(pieces, rows[span.start : span.end]) if span.start < span.end else 0.0
                for span in Spans(candidate.token_edges)
            ),
        )
    return expected


def units(rng: np.random.Generator, n: int, *, signed: bool) -> Floats:
    """Return random directions; without signs all of them point alike, as words of a text do."""
    values = rng.standard_normal((n, 4))
    values = values if signed else abs(values)
    rows: Floats = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return rows


def some_terms(rng: np.random.Generator, most: int) -> list[int]:
    """Return up to `most` different term ids."""
    terms: list[int] = (1 + rng.permutation(11)[: rng.integers(0, most + 1)]).tolist()
    return terms


def random_case(seed: int, *, signed: bool) -> tuple[QuestionVectors, list[Candidate]]:
    """Return a question and one to seven candidates, some of which have empty statements."""
    rng = np.random.default_rng(seed)
    pieces = units(rng, int(rng.integers(1, 6)), signed=signed)
    candidates = []
    for number in range(rng.integers(1, 8)):
        n = int(rng.integers(1, 10))
        edges: list[int] = np.sort(rng.integers(0, n + 1, 2 * rng.integers(0, 5))).tolist()
        spans = [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        rows: Rows = np.rint(127 * units(rng, n, signed=signed)).tolist()
        candidates.append(found(f"d{number}", rows, spans=spans, terms=some_terms(rng, 6)))
    return question_of(pieces.tolist(), some_terms(rng, 5)), candidates


@pytest.mark.parametrize("signed", [False, True])
@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_scores_are_those_of_the_definition(seed: int, *, signed: bool) -> None:
    """Scores, coverage and each statement's score equal the plain computation; best first."""
    question, candidates = random_case(seed, signed=signed)
    expected = oracle(question, candidates)
    got = rank(question, candidates, limit=10)
    assert len(got) == len(candidates)
    for item in got:
        wanted = expected[item.candidate.passage.document_id]
        assert item.score == pytest.approx(wanted.score, abs=1e-4)
        assert item.coverage == pytest.approx(wanted.coverage, abs=1e-4)
        assert item.statement_scores == pytest.approx(wanted.statements, abs=1e-4)
    scores = [item.score for item in got]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("signed", [False, True])
@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_retrieval_does_not_matter(seed: int, *, signed: bool) -> None:
    """Candidates in another order get the same scores."""
    question, candidates = random_case(seed, signed=signed)
    order = np.random.default_rng(seed + 1).permutation(len(candidates))
    mixed = [candidates[at] for at in order]
    one, other = (rank(question, each, limit=10) for each in (candidates, mixed))
    scores = [
        {item.candidate.passage.id: item.score for item in ranking} for ranking in (one, other)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_the_last_candidate_is_no_better_for_being_last() -> None:
    """A passage that is the question's opposite ranks behind one that is merely unlike it."""
    question = question_of([[1.0, 0.0]])
    unlike, opposite = found("unlike", [[-60, 112]]), found("opposite", [[-127, 0]])
    for candidates in ([unlike, opposite], [opposite, unlike]):
        got = rank(question, candidates, limit=2)
        assert [item.candidate.passage.document_id for item in got] == ["unlike", "opposite"]


EAST, NORTH = [127.0, 0.0], [0.0, 127.0]
ASKED = question_of([[1.0, 0.0], [0.0, 1.0]])


def names(candidates: Sequence[Candidate], limit: int = 10, hidden: str = "") -> list[str]:
    """Return the documents in the order of the ranking."""
    ranking = rank(ASKED, candidates, limit=limit, may_show=lambda held: held.document_id != hidden)
    return [item.candidate.passage.document_id for item in ranking]


def test_each_piece_of_the_question_counts() -> None:
    """A passage that speaks to both pieces is ahead of one that says one of them twice."""
    both, one = found("both", [EAST, NORTH]), found("one", [EAST, EAST])
    assert names([one, both]) == ["both", "one"]
    assert rank(ASKED, [both, one], limit=2)[0].score == pytest.approx(1.0)
    assert rank(ASKED, [both, one], limit=2)[1].score == pytest.approx(0.5)


def test_a_shared_rare_word_decides_between_equals() -> None:
    """Between passages of equal MaxSim the one with the question's rare word wins."""
    question = question_of([[1.0, 0.0]], terms=[7, 8])
    candidates = [
        found("common", [EAST], terms=[7]),
        found("rare", [EAST], terms=[8]),
        *(found(f"other{n}", [EAST], terms=[7]) for n in range(4)),
    ]
    got = rank(question, candidates, limit=2)
    assert got[0].candidate.passage.document_id == "rare"
    assert got[0].coverage > got[1].coverage > 0


def test_equals_keep_the_order_of_retrieval() -> None:
    """Where nothing tells two passages apart, the fused ranking does."""
    same = [found(name, [EAST, NORTH]) for name in ("a", "b", "c")]
    assert names(same) == ["a", "b", "c"]
    assert names(same[::-1]) == ["c", "b", "a"]


def test_repeated_words_and_hidden_documents_are_left_out() -> None:
    """The same words are listed once; a hidden copy does not take the place of a visible one."""
    first = found("first", [EAST, NORTH], text="Same words.")
    copy = found("copy", [EAST, NORTH], text="Same words.")
    other = found("other", [EAST])
    assert names([first, copy, other]) == ["first", "other"]
    assert names([first, copy, other], hidden="first") == ["copy", "other"]
    assert names([first, other], hidden="other") == ["first"]


def test_one_version_of_each_document_is_ranked() -> None:
    """While two versions of a document are in the index, the newer alone counts, however good."""
    old, new, other = found("changed", [EAST]), found("changed", [NORTH]), found("other", [EAST])
    old = old._replace(passage=old.passage._replace(text="Old words.", version=1))
    new = new._replace(passage=new.passage._replace(text="New words.", version=2))
    ranked = rank(question_of([EAST]), [old, other, new], limit=9)
    texts = [each.candidate.passage.text for each in ranked]
    assert texts == ["Text of other.", "New words."]


def test_candidates_without_tokens_are_left_out() -> None:
    """A passage of which the model saw nothing cannot be ranked and harms nobody else."""
    empty = found("empty", [])
    assert names([empty, found("full", [EAST]), empty]) == ["full"]
    assert names([empty]) == []


def test_the_limit_keeps_the_best() -> None:
    """Only the best come back, one included."""
    candidates = [found("one", [EAST, EAST]), found("both", [EAST, NORTH])]
    assert names(candidates, limit=1) == ["both"]
    assert names(candidates[:1]) == ["one"]


def test_nothing_found_is_nothing_ranked() -> None:
    """Without candidates, or when all are hidden, there is nothing and no error."""
    for candidates in ([], [found("gone", [EAST])]):
        assert rank(ASKED, candidates, limit=5, may_show=lambda _passage: False) == ()


def test_statements_beyond_the_model_s_sight_score_nothing() -> None:
    """A statement whose words were cut off has score 0, wherever it stands; the rest is right."""
    spans = [Span(0, 1), Span(1, 1), Span(1, 2), Span(2, 2)]
    got = rank(ASKED, [found("cut", [EAST, NORTH], spans=spans)], limit=1)[0]
    assert got.statement_scores == pytest.approx((0.5, 0.0, 0.5, 0.0))
