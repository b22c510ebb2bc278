"""The table of what may be said, and when it is true: every sentence about the service has a check.

A sentence that no rule knows is left out like one that does not hold, and the operator is told: a
reader cannot tell a sentence that nobody checked from one that is true.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, Status
from info_assistant.runbooks.telling.facts import PROVIDERS, Facts


@dataclass(frozen=True, slots=True)
class Case:
    """What a sentence is judged by."""

    facts: Facts
    incident: Incident
    kept: bool = True
    """Whether something keeps the clock, so that a promised update will come."""


Check = Callable[[Case], bool | None]
"""True: it is so. False: it is not. None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Sentences that `pattern` finds are true when `check` says so; `needs` says of what."""

    pattern: re.Pattern[str]
    check: Check
    needs: str


def _not(value: bool | None) -> bool | None:  # noqa: FBT001  A value, not a choice.
    return None if value is None else not value


def _both(*values: bool | None) -> bool | None:
    if False in values:
        return False
    return None if None in values else True


def _either(*values: bool | None) -> bool | None:
    if True in values:
        return True
    return None if None in values else False


def _cached(case: Case) -> bool | None:
    """Whether saved answers can be given: the cache is there, in use, and the service answers."""
    facts = case.facts
    off = facts.modes.get("REDIS_ENABLED", "").lower() == "false"
    maintenance = facts.modes.get("MAINTENANCE_MODE", "").lower() == "true"
    return _both(facts.is_ok("redis"), not off, not maintenance, facts.reachable)


def nobody_writes(case: Case) -> bool | None:
    """Whether a provider is down and its lack is felt: seen, or nobody else is there."""
    facts = case.facts
    down = facts.provider_down(*PROVIDERS)
    quoted = facts.modes.get("LLM_PROVIDER") == "extractive"  # Then nobody is asked to write.
    if not down or quoted:
        return down and False
    writer = facts.writer
    return facts.failing or (None if writer is None else not writer)


def _another_writes(case: Case) -> bool | None:
    """Whether a provider is down, and another one was chosen and is well."""
    facts = case.facts
    writer = facts.writer
    chosen = None if writer is None else bool(writer)
    return _both(facts.provider_down(*PROVIDERS), chosen, facts.answers, facts.reachable)


def _open(case: Case) -> bool:
    return case.incident.status is Status.OPEN


def _rule(pattern: str, check: Check, needs: str) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), check, needs)


_NO_LOSS = re.compile(r"no data (?:was|is|has been) lost", re.IGNORECASE)

RULES: Sequence[Rule] = (
    _rule(
        r"system outage|"
        r"users? (?:are )?(?:unable|cannot|can not|can't).*(?:access|reach)|cannot be reached",
        lambda case: _both(_open(case), _not(case.facts.reachable)),
        "that the service cannot be reached",
    ),
    _rule(
        r"(?:users|readers) (?:can )?reach the (?:service|system) again|service answers again",
        lambda case: _both(case.facts.reachable, case.facts.answers),
        "that the service answers",
    ),
    _rule(
        r"questions cannot be (?:answered|searched)|cannot search|documents cannot be",
        lambda case: _both(_open(case), case.facts.is_down("qdrant")),
        "that Qdrant is down",
    ),
    _rule(
        r"answers (?:are|may be) slower|queries will be slower",
        lambda case: case.facts.slower,
        "that answers were seen to take longer than before",
    ),
    _rule(
        r"no cache|none is cached",
        lambda case: case.facts.is_down("redis"),
        "that Redis is down",
    ),
    _rule(
        r"answered anew",
        lambda case: _both(case.facts.is_down("redis"), case.facts.answers, case.facts.reachable),
        "that Redis is down, and the service answers",
    ),
    _rule(
        r"(?:cached|saved|answered before|before still).*",
        _cached,
        "that Redis is well, in use, and the service answers",
    ),
    _rule(
        r"(?:provider|language model) outage",
        lambda case: _both(
            _open(case),
            case.facts.provider_down(*PROVIDERS),
            not _another_writes(case),
        ),
        "that a provider is down, and no other one writes",
    ),
    _rule(
        r"waiting for openai",
        lambda case: _both(_open(case), case.facts.provider_down("openai")),
        "that OpenAI is down",
    ),
    _rule(
        r"(?:new )?(?:queries|questions) may (?:be slow|fail)|slower or unavailable",
        lambda case: _either(nobody_writes(case), case.facts.is_down("qdrant")),
        "that Qdrant is down, or a provider, and questions fail or no other one is there",
    ),
    _rule(
        r"answers are written by another provider",
        _another_writes,
        "that a provider is down, and another one was chosen and is well",
    ),
    _rule(
        r"no data (?:was|is|has been) lost|without loss of data",
        lambda case: any(
            _NO_LOSS.search(str(event.data.get("text", "")))
            for event in case.incident.events
            if event.kind in {Kind.MITIGATED, Kind.RESOLVED}
        ),
        "that whoever mitigated or resolved said so",
    ),
    _rule(
        r"\b(?:will update|updates?) every \d+ min|next update|we(?:'re| are) monitoring",
        lambda case: case.kept and case.incident.status in {Status.OPEN, Status.MITIGATED},
        "that the clock of the incident is kept",
    ),
    _rule(
        r"(?:someone|somebody|an engineer) (?:takes care|is working)|we are investigating",
        lambda case: _either(not case.incident.unattended, None),
        "that somebody has acknowledged",
    ),
)  # fmt: skip


def judged(sentence: str, case: Case) -> tuple[bool, str]:
    """Return whether a sentence may be said, and what is missing if not.

    All rules that know the sentence have to agree.
    """
    known = [rule for rule in RULES if rule.pattern.search(sentence)]
    if not known:
        return False, "no check is known for it"
    for rule in known:
        answer = rule.check(case)
        if not answer:
            state = "it is not so" if answer is False else "nobody knows"
            return False, f"it needs {rule.needs}; {state}"
    return True, ""
