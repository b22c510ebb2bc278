"""Ask a question set of a stack, and measure what comes back."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from info_assistant.evaluation.measures import (
    area_under_curve,
    contains_what_it_must,
    first_hit,
    is_refusal,
    mean,
    passages_of,
    wilson,
)
from info_assistant.evaluation.questions import GoldQuestion
from info_assistant.model.answer import Answer, Citation
from info_assistant.model.passage import Passage

DEPTH = 10
"""Ranks beyond this one count as misses."""

Ranking = Literal["bm25", "dense"]
Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer with the confidence that the pipeline had in its evidence."""

    answer: Answer
    confidence: float


class AskableStack(Protocol):
    """A library that can be asked; what `evaluation.scratch` sets up."""

    async def ask(self, question: str, *, without: Sequence[str] = ()) -> Asked:
        """Ask as a user would; `without` takes documents (by source) out of the library."""

    async def alone(self, question: str, ranking: Ranking) -> Sequence[Passage]:
        """Return the ten best passages by one ranking alone."""

    async def is_verbatim(self, citation: Citation) -> bool:
        """Whether the document's text has the quote at the place the citation names."""


@dataclass(frozen=True, slots=True)
class RankMeasures:
    """How far up the first passage with gold evidence stands, over the answerable questions."""

    ranks: tuple[int | None, ...]

    def hit(self, k: int) -> float:
        """Return the share of questions with a hit among the first `k` passages."""
        return mean([float(rank is not None and rank <= k) for rank in self.ranks])

    @property
    def mrr(self) -> float:
        """Return the mean reciprocal rank within the first ten."""
        return mean(
            [1 / rank if rank is not None and rank <= DEPTH else 0.0 for rank in self.ranks]
        )

    def as_json(self) -> dict[str, object]:
        """Return the measures under their published names."""
        shares = {f"hit@{k}": round(self.hit(k), 4) for k in (1, 5, 10)}
        return {**shares, "mrr@10": round(self.mrr, 4)}


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one question set."""

    hybrid: RankMeasures
    bm25: RankMeasures
    dense: RankMeasures
    contains: tuple[bool, ...]
    answered: tuple[bool, ...]
    refused: tuple[bool, ...]
    verbatim: tuple[bool, ...]
    confidences: tuple[float, ...]
    removed_confidences: tuple[float, ...] = ()
    removed_refused: tuple[bool, ...] = ()
    misses: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """Return the report in the shape of the contract; fractions 0…1."""
        return {
            **self.hybrid.as_json(),
            "answer_contains": _share(self.contains),
            "refused_unanswerable": _share(self.refused),
            "answered_answerable": _share(self.answered),
            "quotes_verbatim": _share(self.verbatim),
            **self._gold_removed(),
            "ci95": self._intervals(),
            "bm25": self.bm25.as_json(),
            "dense": self.dense.as_json(),
            "questions": {"answerable": len(self.answered), "unanswerable": len(self.refused)},
        }

    def _gold_removed(self) -> dict[str, object]:
        """Return how well the score tells the same question with and without its documents.

        `gold_removed` is the area under the curve; None for all where that was not asked.
        """
        if not self.removed_confidences:
            return {"gold_removed": None}
        points = sorted({*self.confidences, *self.removed_confidences})
        steps = points[:: max(1, len(points) // 20)]
        curve = [
            {
                "threshold": round(threshold, 4),
                "answered_with_gold": _share([c >= threshold for c in self.confidences]),
                "refused_without_gold": _share([c < threshold for c in self.removed_confidences]),
            }
            for threshold in steps
        ]
        area = area_under_curve(self.confidences, self.removed_confidences)
        return {
            "gold_removed": round(area, 4),
            "gold_removed_refused": _share(self.removed_refused),
            "gold_removed_curve": curve,
        }

    def _intervals(self) -> dict[str, list[float]]:
        outcomes: dict[str, Sequence[bool]] = {
            f"hit@{k}": [rank is not None and rank <= k for rank in self.hybrid.ranks]
            for k in (1, 5, 10)
        }
        outcomes |= {
            "answer_contains": self.contains,
            "refused_unanswerable": self.refused,
            "answered_answerable": self.answered,
            "quotes_verbatim": self.verbatim,
        }
        intervals = {name: wilson(sum(values), len(values)) for name, values in outcomes.items()}
        return {name: [round(i.low, 4), round(i.high, 4)] for name, i in intervals.items()}


def _share(values: Sequence[bool]) -> float | None:
    """Return the share of true ones, or None where nothing was asked."""
    return round(mean([float(value) for value in values]), 4) if values else None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one question brought."""

    question: GoldQuestion
    asked: Asked
    verbatim: tuple[bool, ...]
    hybrid: int | None = None
    bm25: int | None = None
    dense: int | None = None
    removed: Asked | None = None


async def evaluate(
    stack: AskableStack,
    questions: Sequence[GoldQuestion],
    *,
    gold_removed: bool = False,
    advance: Advance = lambda: None,
) -> Report:
    """Ask every question once (answerable ones again without their documents, if wanted)."""
    outcomes = []
    async for outcome in _outcomes(stack, questions, gold_removed=gold_removed):
        outcomes.append(outcome)
        advance()
    return _report(outcomes)


async def _outcomes(
    stack: AskableStack, questions: Sequence[GoldQuestion], *, gold_removed: bool
) -> AsyncIterator[_Outcome]:
    for question in questions:
        asked = await stack.ask(question.question)
        citations = (*asked.answer.citations, *asked.answer.see_also)
        verbatim = tuple([await stack.is_verbatim(citation) for citation in citations])
        if not question.answerable:
            yield _Outcome(question, asked, verbatim)
            continue
        gold = question.gold
        removed = None
        if gold_removed:
            sources = [item.document for item in gold]
            removed = await stack.ask(question.question, without=sources)
        yield _Outcome(
            question,
            asked,
            verbatim,
            hybrid=first_hit(gold, passages_of(asked.answer)),
            bm25=first_hit(gold, await stack.alone(question.question, "bm25")),
            dense=first_hit(gold, await stack.alone(question.question, "dense")),
            removed=removed,
        )


def _report(outcomes: Sequence[_Outcome]) -> Report:
    answerable = [outcome for outcome in outcomes if outcome.question.answerable]
    removed = [outcome.removed for outcome in answerable if outcome.removed is not None]
    return Report(
        hybrid=RankMeasures(tuple(outcome.hybrid for outcome in answerable)),
        bm25=RankMeasures(tuple(outcome.bm25 for outcome in answerable)),
        dense=RankMeasures(tuple(outcome.dense for outcome in answerable)),
        contains=tuple(
            contains_what_it_must(outcome.question, outcome.asked.answer) for outcome in answerable
        ),
        answered=tuple(not is_refusal(outcome.asked.answer) for outcome in answerable),
        refused=tuple(
            is_refusal(outcome.asked.answer)
            for outcome in outcomes
            if not outcome.question.answerable
        ),
        verbatim=tuple(value for outcome in outcomes for value in outcome.verbatim),
        confidences=tuple(outcome.asked.confidence for outcome in answerable),
        removed_confidences=tuple(asked.confidence for asked in removed),
        removed_refused=tuple(is_refusal(asked.answer) for asked in removed),
        misses=tuple(
            outcome.question.id
            for outcome in answerable
            if outcome.hybrid is None or outcome.hybrid > DEPTH
        ),
    )
