"""Templates of a runbook filled in: values, ticks from the record, and only what holds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from info_assistant.runbooks.record.incident import Incident, Status
from info_assistant.runbooks.shell.placeholders import find_placeholders
from info_assistant.runbooks.telling.assertions import Case, judged

STATUS_WORDS = {
    Status.OPEN: "investigating",
    Status.MITIGATED: "monitoring",
    Status.RESOLVED: "resolved",
    Status.CLOSED: "resolved",
}
_LABEL = re.compile(r"^(\*{1,2}[^*\n]+\*{1,2}|[A-Z][A-Za-z ]{1,30}):(?:\s+(.*))?$")
_BOX = re.compile(r"^(?P<begin>\s*[-*] \[)[ xX](?P<end>\] )(?P<text>.+)$")
_NEXT = re.compile(r"\[TIME \+ (\d+) ?min(?:utes)?\]", re.IGNORECASE)
_EVERY = re.compile(r"every \d+ ?min(?:utes)?", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_HEADLINE = re.compile(r"^(?P<sign>\W*)(?P<name>\*{1,2}[^*\n]+\*{1,2})\s+-\s+(?P<claim>.+)$")
_TICKS = (
    ("infrastructure", re.compile(r"infrastructure", re.IGNORECASE)),
    ("dependencies", re.compile(r"dependenc", re.IGNORECASE)),
    ("rollback", re.compile(r"roll ?(?:back|ed back)", re.IGNORECASE)),
    ("restart", re.compile(r"restart", re.IGNORECASE)),
    ("scaling", re.compile(r"scal", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values, and what was left out with the reason, for the operator."""

    text: str
    left_out: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """The times of a template: this moment, and how often people are told."""

    now: datetime
    interval_s: int

    @property
    def next_update(self) -> datetime:
        """When the next word comes."""
        return self.now + timedelta(seconds=self.interval_s)


def stamp(at: datetime) -> str:
    """Return a time for people all over the world."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def filled(template: str, case: Case, clock: Clock) -> Filled:
    """Fill in a template; a line that loses all of its sentences goes with its label."""
    kept: list[str] = []
    left_out: list[tuple[str, str]] = []
    for line in template.split("\n"):
        done = _line(line, case, clock, left_out)
        if done is not None:
            kept.append(done)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return Filled(text, tuple(left_out))


def _line(line: str, case: Case, clock: Clock, left_out: list[tuple[str, str]]) -> str | None:
    if not line.strip():
        return ""
    if box := _BOX.match(line):
        ticked = _ticked(box["text"], case)
        return f"{box['begin']}{'x' if ticked else ' '}{box['end']}{box['text']}"
    if headline := _HEADLINE.match(line):
        return _headline(headline, case, left_out)
    label, text = _parts(line)
    value = _value(label, case)
    if value is not None or (label and not text):  # Without a text it is the head of a list.
        return f"{label}: {value or ''}".rstrip()
    return _claims(label, text, case, clock, left_out)


def _headline(found: re.Match[str], case: Case, left_out: list[tuple[str, str]]) -> str:
    fine, reason = judged(found["claim"], case)
    if fine:
        return found[0]
    left_out.append((found["claim"], reason))
    return found["sign"] + found["name"]


def _parts(line: str) -> tuple[str, str]:
    """Return the label of a line with its marks, and what stands behind it."""
    found = _LABEL.match(line)
    return (found[1], (found[2] or "").strip()) if found else ("", line.strip())


def _value(label: str, case: Case) -> str | None:
    """Return what a line of a known label has to say; None for one that claims something."""
    name = label.strip("*").lower()
    if name == "status":
        return STATUS_WORDS[case.incident.status].upper()
    if name in {"started", "since"}:
        return stamp(case.incident.times["started"])
    return None


def _claims(
    label: str, text: str, case: Case, clock: Clock, left_out: list[tuple[str, str]]
) -> str | None:
    kept = []
    for sentence in _SENTENCE.split(text):
        whole = f"{label}: {sentence}" if label else sentence
        fine, reason = judged(whole, case)
        said = _NEXT.sub(stamp(clock.next_update), sentence)
        said = _EVERY.sub(f"every {clock.interval_s // 60} minutes", said)
        if fine and not find_placeholders(said):
            kept.append(said)
        else:
            left_out.append((sentence, reason or "a value is missing"))
    if not kept:
        return None
    return f"{label}: {' '.join(kept)}" if label else " ".join(kept)


def _ticked(text: str, case: Case) -> bool:
    return any(word in case.facts.done for word, pattern in _TICKS if pattern.search(text))


def drill_marked(text: str, incident: Incident) -> str:
    """Return a text that nobody takes for real where the incident is a drill."""
    return f"DRILL, not a real incident. {text}" if incident.drill else text
