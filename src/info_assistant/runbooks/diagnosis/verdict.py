"""From symptoms to an answer: scenarios with their evidence, the runner-up, healthy, or unknown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from info_assistant.runbooks.diagnosis.symptoms import (
    NAMED,
    RULES,
    TITLES,
    WELL_BELOW,
    Symptom,
    scores,
)


class Answer(StrEnum):
    """What kind of answer it is."""

    NAMED = "named"
    HEALTHY = "healthy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """A symptom that was seen, and what was seen, in words with numbers."""

    symptom: Symptom
    words: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a judgement rests on.

    `well` is what was looked at and found in order; `proof` whether that is enough to call the
    service healthy; `besides` is what no scenario is about, such as modes in force; `missing` is
    what could not be looked at.
    """

    findings: Sequence[Finding] = ()
    well: Sequence[str] = ()
    missing: Sequence[str] = ()
    proof: bool = False
    besides: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A scenario with its weight and what speaks for it."""

    code: str
    weight: int
    evidence: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer. `named` goes before all else, the strongest dependency first, P0-1 last."""

    answer: Answer
    named: Sequence[Scored]
    runner_up: Scored | None
    evidence: Evidence

    @property
    def text(self) -> str:
        """The answer on one line."""
        if self.named:
            return " and ".join(f"{each.code} ({TITLES[each.code]})" for each in self.named)
        return str(self.answer)

    def data(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "answer": self.text,
            "verdict": self.answer,
            "scenarios": [_scored(each) for each in self.named],
            "runner_up": _scored(self.runner_up) if self.runner_up else None,
            "well": list(self.evidence.well),
            "besides": list(self.evidence.besides),
            "not_looked_at": list(self.evidence.missing),
        }


def judge(evidence: Evidence) -> Diagnosis:
    """Name what the evidence speaks for; without any it names nothing."""
    weights = scores(each.symptom for each in evidence.findings)
    ranked = sorted(
        (
            Scored(
                code,
                weight,
                [each for each in evidence.findings if RULES[each.symptom].scenario == code],
            )
            for code, weight in weights.items()
        ),
        key=lambda each: (-each.weight, each.code),
    )
    named = [each for each in ranked if each.weight >= NAMED]
    # A dependency is the cause, an outage of the whole may be its effect.
    named.sort(key=lambda each: (each.code == "P0-1", -each.weight, each.code))
    others = [each for each in ranked if 0 < each.weight < NAMED]
    if named:
        answer = Answer.NAMED
    elif evidence.proof and ranked[0].weight < WELL_BELOW:
        answer = Answer.HEALTHY
    else:
        answer = Answer.UNKNOWN
    return Diagnosis(answer, named, others[0] if others else None, evidence)


def outlook_of(found: Diagnosis, scenario: str) -> Iterator[str]:
    """Yield, line by line, what a look after an option for `scenario` says of its success."""
    still = next((each for each in found.named if each.code == scenario), None)
    if still is not None:
        yield f"It did not help, or not yet: the service still shows {scenario}, because"
        yield from (f"  - {finding.words}" for finding in still.evidence)
        yield (
            "Look again with `incident diagnose`, go on with another option, or take back what was "
            "changed with `incident run --reverts`."
        )
    elif found.named:
        yield f"{scenario} is not seen any more, but {found.text} is."
    elif found.answer is Answer.HEALTHY:
        yield "It helped: the service is healthy."
    else:
        yield f"What can be seen from here does not tell whether it helped; {scenario} is not seen."
        yield from (f"  - not looked at: {words}" for words in found.evidence.missing)


def _scored(each: Scored) -> dict[str, Any]:
    return {
        "code": each.code,
        "title": TITLES[each.code],
        "weight": each.weight,
        "evidence": [{"symptom": found.symptom, "words": found.words} for found in each.evidence],
    }
