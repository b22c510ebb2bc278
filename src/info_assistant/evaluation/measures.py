"""The measures: hits by rank, contents, refusals, and how far each can be trusted."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.evaluation.questions import Gold, GoldQuestion
from info_assistant.model.answer import Answer, AnswerStatus, Citation
from info_assistant.model.passage import Passage

_NOISE = re.compile(r"[\W_]+")
_SPACE = re.compile(r"\s+")


def letters_and_digits(text: str) -> str:
    """Return what two extractors of the same page agree on."""
    return _NOISE.sub("", text.casefold())


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Return Wilson's 95 % interval for a share (E. B. Wilson, 1927)."""
    if n == 0:
        return Interval(0.0, 1.0)
    z = 1.959964
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def first_hit(gold: Sequence[Gold], passages: Sequence[Passage]) -> int | None:
    """Return the rank, from 1, of the first passage that contains one of the gold quotes."""
    wanted = [(item.document, letters_and_digits(item.quote)) for item in gold]
    for place, passage in enumerate(passages, 1):
        text = letters_and_digits(passage.text)
        if any(source == passage.source and quote in text for source, quote in wanted):
            return place
    return None


def passages_of(answer: Answer) -> list[Passage]:
    """Return an answer's passages in rank order, each once."""
    listed: Sequence[Citation] = (*answer.citations, *answer.see_also)
    return list({citation.passage.id: citation.passage for citation in listed}.values())


def contains_what_it_must(question: GoldQuestion, answer: Answer) -> bool:
    """Whether the answer has every text it must have, and none that it must not."""
    text = _plain(answer.text)
    return all(_plain(part) in text for part in question.must_contain) and not any(
        _plain(part) in text for part in question.must_not_contain
    )


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.casefold()).strip()


def is_refusal(answer: Answer) -> bool:
    """Whether the answer says that the documents hold none."""
    return answer.status in {AnswerStatus.NO_EVIDENCE, AnswerStatus.NOT_SUPPORTED}


def area_under_curve(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return the chance that a positive scores above a negative (ties count half)."""
    if not positives or not negatives:
        return math.nan
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0 for none."""
    return sum(values) / len(values) if values else 0.0
