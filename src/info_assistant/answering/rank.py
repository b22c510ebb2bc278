"""Rank: order the retrieved passages by late interaction.

A passage's score is the mean, over the question's word pieces, of the best cosine to one of the
passage's (MaxSim; Khattab and Zaharia, ColBERT, 2020), on the embedder's own token vectors, and a
little for each rare word that question and passage share. The vectors were computed when the
passage was indexed, so ranking costs no model call.
"""

from collections.abc import Callable, Sequence

import numpy as np

from info_assistant.model.passage import Candidate, Floats, Passage, QuestionVectors
from info_assistant.ports import RankedPassage

INT8_SCALE = 127.0

COVERAGE_WEIGHT = 0.1
"""What sharing all of the question's terms adds to a passage's score; see docs/decisions."""


def rank(
    question: QuestionVectors,
    candidates: Sequence[Candidate],
    *,
    limit: int,
    is_hidden: Callable[[Passage], bool] = lambda _passage: False,
) -> tuple[RankedPassage, ...]:
    """Return the `limit` best candidates, without repeats and without documents hidden by now."""
    visible = _distinct([c for c in candidates if len(c.tokens) and not is_hidden(c.passage)])
    if not visible:
        return ()
    pieces = _PieceCosines(question.tokens, visible)
    coverage = _coverage(question, visible)
    scores = pieces.best_by_candidate().mean(axis=0) + COVERAGE_WEIGHT * coverage
    order = np.argsort(-scores, kind="stable")[:limit]
    statements = pieces.statement_scores([int(at) for at in order])
    return tuple(
        RankedPassage(visible[at], float(scores[at]), float(coverage[at]), own)
        for at, own in zip(order, statements, strict=True)
    )


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Drop passages whose words repeat those of a better one."""
    seen: set[str] = set()
    kept = []
    for candidate in candidates:
        if candidate.passage.text not in seen:
            seen.add(candidate.passage.text)
            kept.append(candidate)
    return kept


class _PieceCosines:
    """The cosines between each of a question's word pieces and each of all candidates'.

    One product for all candidates, and maxima over stretches of it, cost a fraction of what a
    product for each candidate would.
    """

    def __init__(self, question: Floats, candidates: Sequence[Candidate]) -> None:
        # The row of zeros lets a stretch end at the very last piece.
        end = np.zeros((1, question.shape[1]), np.int8)
        everything = np.concatenate([*(candidate.tokens for candidate in candidates), end])
        self._cosines = question @ everything.astype(np.float32).T / INT8_SCALE
        self._starts = np.cumsum([0, *(len(c.tokens) for c in candidates)])
        self._spans = [candidate.token_spans for candidate in candidates]

    def best_by_candidate(self) -> Floats:
        """Return float32 [question pieces, candidates]: the best cosine in each candidate."""
        best: Floats = np.maximum.reduceat(self._cosines[:, :-1], self._starts[:-1], axis=1)
        return best

    def statement_scores(self, chosen: Sequence[int]) -> list[tuple[float, ...]]:
        """Return the MaxSim of each statement of some candidates; 0 where the model saw nothing."""
        edges = [
            self._starts[at] + edge
            for at in chosen
            for span in self._spans[at]
            for edge in (span.start, max(span.start, span.end))
        ]
        if not edges:
            return [() for _ in chosen]
        means = np.maximum.reduceat(self._cosines, edges, axis=1)[:, ::2].mean(axis=0)
        scores = iter(means.tolist())
        return [
            tuple(
                score if span.start < span.end else 0.0
                for span, score in zip(self._spans[at], scores, strict=False)
            )
            for at in chosen
        ]


def _coverage(question: QuestionVectors, candidates: Sequence[Candidate]) -> Floats:
    """Return float32 [candidates]: the share of the question's terms that each one has.

    A term counts by its rarity among the candidates, as in BM25.
    """
    asked = np.array(question.sparse.indices, np.uint32)
    if not len(asked):
        return np.zeros(len(candidates), np.float32)
    # A leading term that nobody asks for keeps each candidate's stretch from being empty.
    terms = [np.concatenate([[np.uint32(0)], candidate.terms]) for candidate in candidates]
    starts = np.cumsum([0, *(len(ids) for ids in terms[:-1])])
    shared = np.concatenate(terms)[None, :] == asked[:, None]
    present = np.logical_or.reduceat(shared, starts, axis=1)
    count = present.sum(axis=1)
    rarity = np.log((len(candidates) - count + 0.5) / (count + 0.5) + 1)
    shares: Floats = (rarity @ present / rarity.sum()).astype(np.float32)
    return shares
