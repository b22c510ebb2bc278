"""Extract: choose the stretches of text that answer by themselves, word for word.

An extract is a statement (sentence, list item or table row) that matches the question best, with
the neighbours it needs to be understood: the sentence a list hangs on, the items after a colon,
what a "this" refers to. It never exceeds three statements or 400 characters.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from info_assistant.answering.cite import MAX_QUOTE_CHARACTERS
from info_assistant.model.passage import Passage, Span, edges_of
from info_assistant.ports import RankedPassage

MAX_EXTRACTS = 3
MAX_STATEMENTS = 3
CONSIDERED = 3
"""Extracts come from this many of the best passages."""

COVERAGE_WEIGHT = 0.25
"""How much the share of the question's terms counts beside the two MaxSim scores."""

RELATIVE_FLOOR = 0.8
"""A further extract must score at least this share of the best one."""

Terms = Callable[[str], Sequence[str]]

_CLAUSE = re.compile(r"(?<=[;,:.|])\s+|\n")
_LEANS_ON_PREVIOUS = {
    *("this", "that", "these", "those", "it", "they", "he", "she", "such"),
    *("however", "also", "therefore", "otherwise", "then", "instead"),
}


class Extract(NamedTuple):
    """A stretch [start, end) of a ranked passage's text."""

    ranked: RankedPassage
    span: Span

    @property
    def text(self) -> str:
        """The extract's words."""
        return self.ranked.candidate.passage.text[self.span.start : self.span.end]


class _Statement(NamedTuple):
    """One statement of a ranked passage with its score for a question."""

    ranked: RankedPassage
    place: int
    score: float

    @property
    def passage(self) -> Passage:
        return self.ranked.candidate.passage

    @property
    def span(self) -> Span:
        return self.passage.statements[self.place]


def choose_extracts(question: str, ranked: Sequence[RankedPassage], terms: Terms) -> list[Extract]:
    """Return up to three extracts that answer the question best, in the order of their passages.

    Those of one passage come in reading order.
    """
    asked = frozenset(terms(question))
    statements = _scored(asked, ranked[:CONSIDERED], terms)
    chosen: list[Extract] = []
    for statement in statements:
        if len(chosen) == MAX_EXTRACTS or statement.score < RELATIVE_FLOOR * statements[0].score:
            break
        if _shown(statement, chosen):
            continue
        taken = [extract.span for extract in chosen if extract.ranked is statement.ranked]
        span = _grow(statement.passage, statement.place, taken, asked, terms)
        extract = Extract(statement.ranked, span)
        # A heading tells something only together with what stands below it.
        if extract.text not in statement.passage.heading_path:
            chosen.append(extract)
    return sorted(chosen, key=lambda extract: (-extract.ranked.score, extract.span.start))


def best_extract(ranked: RankedPassage) -> Extract:
    """Return the one extract that shows best why a passage was found."""
    scores = ranked.statement_scores
    if not scores:
        whole = ranked.candidate.passage.text
        return Extract(ranked, Span(0, _word_end(whole, min(len(whole), MAX_QUOTE_CHARACTERS))))
    place = scores.index(max(scores))
    return Extract(ranked, _grow(ranked.candidate.passage, place, (), frozenset(), str.split))


def _scored(
    asked: frozenset[str], ranked: Sequence[RankedPassage], terms: Terms
) -> list[_Statement]:
    """Return every statement, best first."""
    statements = []
    for item in ranked:
        passage = item.candidate.passage
        for place, score in enumerate(item.statement_scores):
            span = passage.statements[place]
            said = asked.intersection(terms(passage.text[span.start : span.end]))
            coverage = len(said) / len(asked) if asked else 0.0
            total = item.score + score + COVERAGE_WEIGHT * coverage
            statements.append(_Statement(item, place, total))
    return sorted(statements, key=lambda statement: -statement.score)


def _shown(statement: _Statement, chosen: Sequence[Extract]) -> bool:
    """Whether an extract chosen before has the statement in it."""
    return any(
        extract.ranked is statement.ranked
        and extract.span.start < statement.span.end
        and statement.span.start < extract.span.end
        for extract in chosen
    )


def _grow(
    passage: Passage, place: int, taken: Sequence[Span], asked: frozenset[str], terms: Terms
) -> Span:
    """Return a statement with the neighbours that it needs or that fit, shown in none of `taken`.

    One that does not fit by itself is shortened.
    """
    text, edges = passage.text, edges_of(passage.statements)
    count, first, last = len(edges) // 2, place, place

    def fits(low: int, high: int) -> bool:
        if low < 0 or high >= count or high - low >= MAX_STATEMENTS:
            return False
        start, end = edges[2 * low], edges[2 * high + 1]
        if end - start > MAX_QUOTE_CHARACTERS:
            return False
        return not taken or all(span.end <= start or end <= span.start for span in taken)

    if not fits(first, last):
        return _shorten(text, passage.statements[place], asked, terms)
    while first and fits(first - 1, last) and _leans_on_previous(text, edges, first):
        first -= 1
    while fits(first, last + 1):
        last += 1
    while fits(first - 1, last):
        first -= 1
    return Span(edges[2 * first], edges[2 * last + 1])


def _leans_on_previous(text: str, edges: Sequence[int], place: int) -> bool:
    """Whether a statement, not the first, cannot be understood without the one before it."""
    if text[edges[2 * place - 2] : edges[2 * place - 1]].rstrip().endswith(":"):
        return True
    words = text[edges[2 * place] : edges[2 * place + 1]].split(maxsplit=1)
    return bool(words) and words[0].strip(",;:").lower() in _LEANS_ON_PREVIOUS


def _shorten(text: str, statement: Span, asked: frozenset[str], terms: Terms) -> Span:
    """Return the run of clauses of an overlong statement that shares most with the question."""
    span = Span(statement.start, len(text[: statement.end].rstrip()))
    cuts = [span.start, *(m.end() for m in _CLAUSE.finditer(text, span.start, span.end)), span.end]
    runs = [Span(start, _run_end(text, start, cuts)) for start in cuts[:-1]]
    best = max(runs, key=lambda run: len(asked.intersection(terms(text[run.start : run.end]))))
    return Span(best.start, len(text[: best.end].rstrip()))


def _run_end(text: str, start: int, cuts: Sequence[int]) -> int:
    """Return where the clauses end that fit into a quote from `start` on."""
    limit = start + MAX_QUOTE_CHARACTERS
    fitting = [cut for cut in cuts if start < cut <= limit]
    return fitting[-1] if fitting else _word_end(text, limit)


def _word_end(text: str, at: int) -> int:
    """Return the last end of a word at or before `at`, or `at` inside one endless word."""
    if at >= len(text):
        return len(text.rstrip())
    lowest = max(0, at - MAX_QUOTE_CHARACTERS // 2)
    blanks = (place for place in range(at, lowest, -1) if text[place].isspace())
    return next(blanks, at)
