"""What a check of a runbook finds."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """As written it does not do what it is there for, or does harm."""
    WARNING = "warning"
    """It works only under a condition that the runbook does not check."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `as_run` is the same intent put right; empty where a person has to decide."""

    line: int
    rule: str
    severity: Severity
    message: str
    as_written: str = ""
    as_run: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule says of a command, before its line and texts are known."""

    rule: str
    severity: Severity
    message: str


def error(rule: str, message: str) -> Remark:
    """Return a remark that a command does not do what it is there for."""
    return Remark(rule, Severity.ERROR, message)


def warning(rule: str, message: str) -> Remark:
    """Return a remark that a command works only under a condition."""
    return Remark(rule, Severity.WARNING, message)


def note(rule: str, message: str) -> Remark:
    """Return a remark that is good to know."""
    return Remark(rule, Severity.NOTE, message)
