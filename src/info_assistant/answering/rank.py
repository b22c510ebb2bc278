"""Rank: order the retrieved passages by late interaction.

A passage's score is the mean, over the question's word pieces, of the best cosine to one of the
passage's (MaxSim; Khattab and Zaharia, ColBERT, 2020), on the embedder's own token vectors, and a
little for each rare word that question and passage share. The vectors were computed when the
passage was indexed, so ranking costs no model call.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, islice
from math import log

import numpy as np

from info_assistant.model.passage import Candidate, Passage, QuestionVectors
from info_assistant.model.vectors import Floats
from info_assistant.ports import RankedPassage

INT8_SCALE = 127.0

COVERAGE_WEIGHT = 0.1
"""What sharing all of the question's terms adds to a passage's score; see docs/decisions."""


_NO_TERM = bytes(np.dtype(np.uint32).itemsize)


def rank(
    question: QuestionVectors,
    candidates: Sequence[Candidate],
    *,
    limit: int,
    may_show: Callable[[Passage], bool] = lambda _passage: True,
) -> tuple[RankedPassage, ...]:
    """Return the `limit` best candidates that may be shown, without repeats."""
    shown = [c for c in candidates if c.token_count and may_show(c.passage)]
    visible = _distinct(_of_newest_versions(shown))
    if not visible:
        return ()
    pieces = _PieceCosines(question.tokens, visible)
    shares = _coverage(question, visible)
    alike = pieces.mean_best()
    scores = [a + COVERAGE_WEIGHT * share for a, share in zip(alike, shares, strict=True)]
    order = sorted(range(len(visible)), key=scores.__getitem__, reverse=True)[:limit]
    return tuple(
        [
            RankedPassage(visible[at], scores[at], shares[at], own)
            for at, own in zip(order, pieces.statement_scores(order), strict=True)
        ]
    )


def _of_newest_versions(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep one version of each document: for a moment two of them may be in the index."""
    newest: dict[str, int] = {}
    for candidate in candidates:
        passage = candidate.passage
        if newest.setdefault(passage.document_id, passage.version) < passage.version:
            newest[passage.document_id] = passage.version
    return [c for c in candidates if c.passage.version == newest[c.passage.document_id]]


def likeness(
    sentence: QuestionVectors, cited: Sequence[Candidate]
) -> Mapping[str, Sequence[float]]:
    """Return, by passage, how alike a sentence and each statement are: MaxSim, as `ports.Likeness`.

    Embed the sentence as a question is embedded.
    """
    found = [candidate for candidate in cited if candidate.token_count]
    if not found or not len(sentence.tokens):
        return {}
    scores = _PieceCosines(sentence.tokens, found).statement_scores(range(len(found)))
    return {each.passage.id: own for each, own in zip(found, scores, strict=True)}


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Drop passages whose words repeat those of a better one."""
    by_text: dict[str, Candidate] = {}
    for candidate in candidates:
        by_text.setdefault(candidate.passage.text, candidate)
    return list(by_text.values())


class _PieceCosines:
    """The cosines between each of a question's word pieces and each of all candidates'.

    They stand in one matrix, so that the maxima over stretches of it are found in one go, and each
    is divided by the number of the question's pieces, so that maxima need only be summed for their
    mean. The products fill it candidate by candidate: the rows of one stay in the processor's cache
    from their unpacking on.
    """

    def __init__(self, question: Floats, candidates: Sequence[Candidate]) -> None:
        ends = list(accumulate([candidate.token_count for candidate in candidates]))
        self._starts = [0, *ends[:-1]]
        self._edges = [candidate.token_edges for candidate in candidates]
        # The row of zeros lets a stretch end at the very last piece.
        self._cosines = np.empty((ends[-1] + 1, len(question)), np.float32)
        self._cosines[-1] = 0
        # Rows that lie one behind the other, and `dot`: two thirds of the time of `matmul`.
        pieces = np.ascontiguousarray(question.T) / np.float32(INT8_SCALE * len(question))
        for candidate, start, end in zip(candidates, self._starts, ends, strict=True):
            candidate.tokens.astype(np.float32).dot(pieces, out=self._cosines[start:end])

    def mean_best(self) -> list[float]:
        """Return, by candidate, the mean of the best cosines of the question's pieces."""
        best = np.maximum.reduceat(self._cosines[:-1], self._starts, axis=0)
        means: list[float] = np.add.reduce(best, axis=1).tolist()
        return means

    def statement_scores(self, chosen: Sequence[int]) -> list[tuple[float, ...]]:
        """Return the MaxSim of each statement of some candidates; 0 where the model saw nothing."""
        # From the last row to the first: what lies between two candidates is passed over.
        backwards = sorted(chosen, reverse=True)
        edges = [self._starts[at] + edge for at in backwards for edge in self._edges[at]]
        if not edges:
            return [() for _ in chosen]
        best = np.maximum.reduceat(self._cosines, edges, axis=0)[::2]
        means: list[float] = np.add.reduce(best, axis=1).tolist()
        scores = iter(
            [
                mean if start < end else 0.0
                for mean, start, end in zip(means, edges[::2], edges[1::2], strict=True)
            ]
        )
        found = {at: tuple(islice(scores, len(self._edges[at]) // 2)) for at in backwards}
        return [found[at] for at in chosen]


def _coverage(question: QuestionVectors, candidates: Sequence[Candidate]) -> list[float]:
    """Return, by candidate, the share of the question's terms that it has.

    A term counts by its rarity among the candidates, as in BM25.
    """
    shares = [0.0] * len(candidates)
    asked = np.array(question.sparse.indices, np.uint32)
    if not len(asked):
        return shares
    # A leading term that nobody asks for keeps each candidate's stretch from being empty.
    terms = np.frombuffer(
        _NO_TERM + _NO_TERM.join([each.terms.tobytes() for each in candidates]), np.uint32
    )
    starts = list(accumulate([len(each.terms) + 1 for each in candidates[:-1]], initial=0))
    present = np.logical_or.reduceat(asked[:, None] == terms, starts, axis=1).tolist()
    # For so few numbers plain Python is quicker than numpy, whose code is not at hand.
    counts = map(sum, present)
    rarity = [log((len(candidates) - count + 0.5) / (count + 0.5) + 1) for count in counts]
    whole = sum(rarity)
    for rare, holders in zip(rarity, present, strict=True):
        for at, holds in enumerate(holders):
            if holds:
                shares[at] += rare / whole
    return shares
