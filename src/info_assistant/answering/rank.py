"""Rank: order the retrieved passages by late interaction.

A passage's score is the mean, over the question's word pieces, of the best cosine to one of the
passage's (MaxSim; Khattab and Zaharia, ColBERT, 2020), on the embedder's own token vectors, and a
little for each rare word that question and passage share. The vectors were computed when the
passage was indexed, so ranking costs no model call.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate

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
    scores = pieces.best_by_candidate().mean(axis=1) + COVERAGE_WEIGHT * coverage
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

    They stand in one matrix, so that the maxima over stretches of it are found in one go. The
    products fill it candidate by candidate: a copy of one as floats stays in the processor's cache.
    """

    def __init__(self, question: Floats, candidates: Sequence[Candidate]) -> None:
        ends = list(accumulate(len(candidate.tokens) for candidate in candidates))
        self._starts = [0, *ends[:-1]]
        self._spans = [candidate.token_spans for candidate in candidates]
        # The row of zeros lets a stretch end at the very last piece.
        self._cosines = np.zeros((ends[-1] + 1, len(question)), np.float32)
        pieces = question.T / np.float32(INT8_SCALE)
        for candidate, start, end in zip(candidates, self._starts, ends, strict=True):
            rows = candidate.tokens.astype(np.float32)
            np.matmul(rows, pieces, out=self._cosines[start:end])

    def best_by_candidate(self) -> Floats:
        """Return float32 [candidates, question pieces]: the best cosine in each candidate."""
        best: Floats = np.maximum.reduceat(self._cosines[:-1], self._starts, axis=0)
        return best

    def statement_scores(self, chosen: Sequence[int]) -> list[tuple[float, ...]]:
        """Return the MaxSim of each statement of some candidates; 0 where the model saw nothing."""
        # From the last row to the first: what lies between two candidates is passed over.
        backwards = sorted(chosen, reverse=True)
        edges = [
            self._starts[at] + edge
            for at in backwards
            for span in self._spans[at]
            for edge in (span.start, max(span.start, span.end))
        ]
        if not edges:
            return [() for _ in chosen]
        means = np.maximum.reduceat(self._cosines, edges, axis=0)[::2].mean(axis=1)
        scores = iter(means.tolist())
        found = {
            at: tuple(
                score if span.start < span.end else 0.0
                for span, score in zip(self._spans[at], scores, strict=False)
            )
            for at in backwards
        }
        return [found[at] for at in chosen]


def _coverage(question: QuestionVectors, candidates: Sequence[Candidate]) -> Floats:
    """Return float32 [candidates]: the share of the question's terms that each one has.

    A term counts by its rarity among the candidates, as in BM25.
    """
    asked = np.array(question.sparse.indices, np.uint32)
    if not len(asked):
        return np.zeros(len(candidates), np.float32)
    terms = np.concatenate([candidate.terms for candidate in candidates])
    owners = np.repeat(np.arange(len(candidates)), [len(each.terms) for each in candidates])
    wanted, places = np.nonzero(asked[:, None] == terms)
    present = np.zeros((len(asked), len(candidates)), np.bool_)
    present[wanted, owners[places]] = True
    count = present.sum(axis=1)
    rarity = np.log((len(candidates) - count + 0.5) / (count + 0.5) + 1)
    shares: Floats = (rarity @ present / rarity.sum()).astype(np.float32)
    return shares
