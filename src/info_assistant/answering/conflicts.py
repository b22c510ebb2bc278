"""Conflicts: where the sources of an answer say different things of the same.

The statements that an answer quotes are compared with those of the other passages found that speak
to the question as well. Vectors say which are alike enough to be looked at; rules on words decide
(`grounding/differing.py`). Both sides are shown, and nobody is told which one is right.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from info_assistant.answering.cite import MAX_QUOTE_CHARACTERS, cite
from info_assistant.answering.grounding.differing import Difference, difference
from info_assistant.answering.grounding.statements import Quote, Statements
from info_assistant.answering.grounding.words import Terms, split_words
from info_assistant.model.answer import Answer, Citation, Conflict, ConflictSide
from info_assistant.model.passage import Passage
from info_assistant.model.vectors import Bytes, Floats
from info_assistant.ports import RankedPassage

ALIKE = 0.7
"""Statements that are less alike (MaxSim, both ways) are not compared word by word."""

RELEVANT = 0.8
"""A statement speaks to the question if it scores this share of the best one."""

MOST = 3
"""Conflicts that an answer shows, and further sides that each of them shows."""

SOURCES_DIFFER = (
    "The sources of this answer differ on a point that it speaks to. What each of them says is "
    "shown side by side."
)
"""The notice of an answer with conflicts."""

_INT8_SCALE = 127.0
_MOST_OF_A_PASSAGE = 3


@dataclass(frozen=True, slots=True)
class _Statement:
    """Statement number `place` of a passage that is number `n` of an answer."""

    n: int
    ranked: RankedPassage
    place: int
    cited: bool

    @property
    def passage(self) -> Passage:
        return self.ranked.candidate.passage


class ConflictFinder:
    """Finds conflicts between the passages of answers."""

    def __init__(self, terms: Terms) -> None:
        """Take the function that stems words, as `providers.bm25.TermVectors.terms` does."""
        self._terms = terms

    def find(
        self,
        question: str,
        ranked: Sequence[RankedPassage],
        citations: Sequence[Citation],
        see_also: Sequence[Citation],
    ) -> tuple[Conflict, ...]:
        """Return where the passages of an answer differ. Raises nothing."""
        cited = {each.passage.document_id for each in citations}
        found = {each.candidate.passage.document_id for each in ranked}
        if not cited or len(found) == 1:
            return ()
        chosen = list(_chosen(ranked, citations, see_also))
        pairs = _alike(chosen)
        return tuple(self._conflicts(question, chosen, pairs))[:MOST] if pairs else ()

    def _conflicts(
        self, question: str, chosen: Sequence[_Statement], pairs: Sequence[tuple[int, int]]
    ) -> Iterator[Conflict]:
        """Yield a conflict for each statement that others differ from, each pair once."""
        asked = split_words(question, self._terms).known
        quotes = self._quotes(chosen, {at for pair in pairs for at in pair})
        told: set[int] = set()
        for at in dict.fromkeys(first for first, _ in pairs):
            differing: list[tuple[int, Difference]] = []
            for other in (second for first, second in pairs if first == at):
                found = None if other in told else difference(quotes[at], quotes[other], asked)
                if found is not None and all(found.kind is known.kind for _, known in differing):
                    differing.append((other, found))
            if differing and at not in told:
                told |= {at, *(other for other, _ in differing)}
                yield _conflict(chosen, at, differing[:MOST])

    def _quotes(self, chosen: Sequence[_Statement], wanted: Iterable[int]) -> Mapping[int, Quote]:
        """Return the wanted ones of some statements, each read with what it hangs on."""
        held: dict[str, Statements] = {}
        quotes: dict[int, Quote] = {}
        for at in wanted:
            passage, place = chosen[at].passage, chosen[at].place
            if passage.id not in held:
                held[passage.id] = Statements(passage, self._terms)
            quotes[at] = Quote(held[passage.id], place, place)
        return quotes


def _conflict(
    chosen: Sequence[_Statement], at: int, differing: Sequence[tuple[int, Difference]]
) -> Conflict:
    own = _side(chosen[at], differing[0][1].values[0])
    others = (_side(chosen[other], found.values[1]) for other, found in differing)
    return Conflict(differing[0][1].kind, (own, *others))


def _side(statement: _Statement, value: str) -> ConflictSide:
    passage = statement.passage
    span = passage.statements[statement.place]
    quoted = cite(statement.n, passage, span.start, span.end)
    return ConflictSide(statement.n, value, quoted.quote, quoted.start, quoted.end)


def _chosen(
    ranked: Sequence[RankedPassage], citations: Sequence[Citation], see_also: Sequence[Citation]
) -> Iterator[_Statement]:
    """Yield the statements that are quoted, and others that speak to the question."""
    numbers = {each.passage.id: each.n for each in (*see_also, *reversed(citations))}
    best = max((max(each.statement_scores, default=0.0) for each in ranked), default=0.0)
    for each in ranked:
        passage, scores = each.candidate.passage, each.statement_scores
        if passage.id not in numbers:
            continue
        quoted = [each for each in citations if each.passage.id == passage.id]
        cited = {at for at in range(len(scores)) if _is_quoted(passage, at, quoted)}
        order = sorted(range(len(scores)), key=lambda at: (at in cited, scores[at]), reverse=True)
        for at in order[: max(_MOST_OF_A_PASSAGE, len(cited))]:
            span = passage.statements[at]
            relevant = at in cited or scores[at] >= RELEVANT * best
            if relevant and span.end - span.start <= MAX_QUOTE_CHARACTERS:
                yield _Statement(numbers[passage.id], each, at, at in cited)


def _is_quoted(passage: Passage, at: int, quoted: Sequence[Citation]) -> bool:
    span = passage.statements[at]
    start, end = passage.start + span.start, passage.start + span.end
    return any(each.start < end and start < each.end for each in quoted)


def _alike(chosen: Sequence[_Statement]) -> list[tuple[int, int]]:
    """Return the pairs of a cited statement and one of another document that are alike enough."""
    # Each passage's pieces are unpacked once, though several of its statements may be chosen.
    candidates = {each.passage.id: each.ranked.candidate for each in chosen}
    unpacked = {name: candidate.tokens for name, candidate in candidates.items()}
    rows = [_rows(each, unpacked[each.passage.id]) for each in chosen]
    kept = [at for at, each in enumerate(rows) if len(each)]
    if len(kept) < 2:  # noqa: PLR2004
        return []
    pieces = np.concatenate([rows[at] for at in kept])
    starts = list(accumulate((len(rows[at]) for at in kept[:-1]), initial=0))
    lengths = np.array([len(rows[at]) for at in kept], np.float32)
    best = np.maximum.reduceat(pieces @ pieces.T, starts, axis=1)
    one_way = np.add.reduceat(best, starts, axis=0) / lengths[:, None]
    both = np.minimum(one_way, one_way.T)
    return [
        (kept[a], kept[b])
        for a, b in np.argwhere(both >= ALIKE).tolist()
        if chosen[kept[a]].cited
        and chosen[kept[a]].passage.document_id != chosen[kept[b]].passage.document_id
    ]


def _rows(statement: _Statement, tokens: Bytes) -> Floats:
    """Return float32 [pieces, dimension]: what a statement has of its passage's, as unit rows."""
    edges = statement.ranked.candidate.token_edges
    start, end = edges[2 * statement.place : 2 * statement.place + 2]
    return tokens[start:end].astype(np.float32) / np.float32(_INT8_SCALE)


def with_conflicts(answer: Answer, counts: Callable[[Passage], bool]) -> Answer:
    """Return an answer with those conflicts whose documents all count, and a notice of them."""
    if not answer.conflicts:
        return answer
    passages = {each.n: each.passage for each in (*answer.citations, *answer.see_also)}
    left = tuple(
        conflict
        for conflict in answer.conflicts
        if all(side.n in passages and counts(passages[side.n]) for side in conflict.sides)
    )
    notices = (*answer.notices, SOURCES_DIFFER) if left else answer.notices
    return replace(answer, conflicts=left, notices=notices)
