"""Rank: order the retrieved passages by late interaction, and judge whether they hold an answer.

A passage's score is the mean, over the question's word pieces, of the best cosine to one of the
passage's (MaxSim; Khattab and Zaharia, ColBERT, 2020), on the embedder's own token vectors. They
were computed when the passage was indexed, so ranking costs no model call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from info_assistant.answering.evidence import NO_EVIDENCE, Evidence, weigh
from info_assistant.model.passage import Candidate, Floats, QuestionVectors, Span
from info_assistant.ports import RankedPassage

INT8_SCALE = 127.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best passages, best first, with the evidence that they answer the question."""

    passages: tuple[RankedPassage, ...]
    evidence: Evidence


def rank(
    question: QuestionVectors,
    candidates: Sequence[Candidate],
    *,
    limit: int,
    is_hidden: Callable[[str], bool] = lambda _document_id: False,
) -> Ranking:
    """Return the `limit` best candidates, without repeats and without documents hidden by now."""
    visible = _distinct(
        [c for c in candidates if len(c.tokens) and not is_hidden(c.passage.document_id)]
    )
    if not visible:
        return Ranking((), NO_EVIDENCE)
    similarities = _similarities(question.tokens, visible)
    matches = [similarity.max(axis=1) for similarity in similarities]
    scores = np.array([match.mean() for match in matches])
    order = np.argsort(-scores, kind="stable")[:limit]
    ranked = tuple(
        RankedPassage(
            visible[at],
            float(scores[at]),
            _statement_scores(similarities[at], visible[at].token_spans),
        )
        for at in order
    )
    return Ranking(ranked, weigh(question, ranked, [matches[at] for at in order]))


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Drop passages whose words repeat those of a better one."""
    seen: set[str] = set()
    kept = []
    for candidate in candidates:
        words = "".join(candidate.passage.text.split()).lower()
        if words not in seen:
            seen.add(words)
            kept.append(candidate)
    return kept


def _similarities(question: Floats, candidates: Sequence[Candidate]) -> list[Floats]:
    """Return for each candidate float32 [question pieces, its pieces], the cosines of all pairs."""
    # One product for all candidates is several times cheaper than one for each.
    everything = np.concatenate([candidate.tokens for candidate in candidates])
    cosines = question @ everything.astype(np.float32).T / INT8_SCALE
    edges = np.cumsum([len(candidate.tokens) for candidate in candidates])[:-1]
    return np.split(cosines, edges, axis=1)


def _statement_scores(similarity: Floats, spans: Sequence[Span]) -> tuple[float, ...]:
    """Return each statement's own MaxSim; 0 for one that the model no longer saw."""
    return tuple(
        float(similarity[:, span.start : span.end].max(axis=1).mean())
        if span.end > span.start
        else 0.0
        for span in spans
    )
