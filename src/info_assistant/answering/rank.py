"""Rank: order the retrieved passages by late interaction.

A passage's score is the mean, over the question's word pieces, of the best cosine to one of the
passage's (MaxSim; Khattab and Zaharia, ColBERT, 2020), on the embedder's own token vectors, and a
little for each rare word that question and passage share. The vectors were computed when the
passage was indexed, so ranking costs no model call.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, islice

import numpy as np

from info_assistant.model.passage import Candidate, Passage, QuestionVectors, edges_of
from info_assistant.model.vectors import Floats
from info_assistant.ports import RankedPassage

INT8_SCALE = 127.0

COVERAGE_WEIGHT = 0.1
"""What sharing all of the question's terms adds to a passage's score; see docs/decisions."""


_NO_TERM = np.zeros(1, np.uint32)


def rank(
    question: QuestionVectors,
    candidates: Sequence[Candidate],
    *,
    limit: int,
    may_show: Callable[[Passage], bool] = lambda _passage: True,
) -> tuple[RankedPassage, ...]:
    """Return the `limit` best candidates that may be shown, without repeats."""
    shown = [c for c in candidates if len(c.tokens) and may_show(c.passage)]
    visible = _distinct(_of_newest_versions(shown))
    if not visible:
        return ()
    pieces = _PieceCosines(question.tokens, visible)
    coverage = _coverage(question, visible)
    scores = (pieces.mean_best() + COVERAGE_WEIGHT * coverage).tolist()
    shares = coverage.tolist()
    order = sorted(range(len(visible)), key=scores.__getitem__, reverse=True)[:limit]
    return tuple(
        RankedPassage(visible[at], scores[at], shares[at], own)
        for at, own in zip(order, pieces.statement_scores(order), strict=True)
    )


def _of_newest_versions(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep one version of each document: for a moment two of them may be in the index."""
    newest: dict[str, int] = {}
    for candidate in candidates:
        passage = candidate.passage
        newest[passage.document_id] = max(passage.version, newest.get(passage.document_id, 0))
    return [c for c in candidates if c.passage.version == newest[c.passage.document_id]]


def likeness(
    sentence: QuestionVectors, cited: Sequence[Candidate]
) -> Mapping[str, Sequence[float]]:
    """Return, by passage, how alike a sentence and each statement are: MaxSim, as `ports.Likeness`.

    Embed the sentence as a question is embedded.
    """
    found = [candidate for candidate in cited if len(candidate.tokens)]
    if not found or not len(sentence.tokens):
        return {}
    scores = _PieceCosines(sentence.tokens, found).statement_scores(range(len(found)))
    return {each.passage.id: own for each, own in zip(found, scores, strict=True)}


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

    def mean_best(self) -> Floats:
        """Return float32 [candidates]: the mean of the best cosines of the question's pieces."""
        return _means(np.maximum.reduceat(self._cosines[:-1], self._starts, axis=0))

    def statement_scores(self, chosen: Sequence[int]) -> list[tuple[float, ...]]:
        """Return the MaxSim of each statement of some candidates; 0 where the model saw nothing."""
        # From the last row to the first: what lies between two candidates is passed over.
        backwards = sorted(chosen, reverse=True)
        edges = np.array(
            [self._starts[at] + edge for at in backwards for edge in edges_of(self._spans[at])],
            np.intp,
        )
        if not len(edges):
            return [() for _ in chosen]
        means = _means(np.maximum.reduceat(self._cosines, edges, axis=0)[::2])
        means[edges[::2] >= edges[1::2]] = 0.0
        scores = iter(means.tolist())
        found = {at: tuple(islice(scores, len(self._spans[at]))) for at in backwards}
        return [found[at] for at in chosen]


def _means(best: Floats) -> Floats:
    """Return the mean of each row."""
    means: Floats = np.add.reduce(best, axis=1) / np.float32(best.shape[1])
    return means


def _coverage(question: QuestionVectors, candidates: Sequence[Candidate]) -> Floats:
    """Return float32 [candidates]: the share of the question's terms that each one has.

    A term counts by its rarity among the candidates, as in BM25.
    """
    asked = np.array(question.sparse.indices, np.uint32)
    if not len(asked):
        return np.zeros(len(candidates), np.float32)
    # A leading term that nobody asks for keeps each candidate's stretch from being empty.
    terms = np.concatenate([part for each in candidates for part in (_NO_TERM, each.terms)])
    starts = list(accumulate((len(each.terms) + 1 for each in candidates[:-1]), initial=0))
    present = np.logical_or.reduceat(asked[:, None] == terms, starts, axis=1)
    count = np.add.reduce(present, axis=1, dtype=np.intp)
    rarity = np.log((len(candidates) - count + 0.5) / (count + 0.5) + 1)
    shares: Floats = (rarity @ present / np.add.reduce(rarity)).astype(np.float32)
    return shares
