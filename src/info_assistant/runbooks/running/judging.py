"""What a command's end means: by what it printed, not by its exit code alone."""

import re
from dataclasses import dataclass
from enum import StrEnum

from info_assistant.runbooks.linting.cases import Case
from info_assistant.runbooks.running.shell import NOT_THERE, Result


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    NOTHING_FOUND = "nothing found"
    """A filter matched nothing: an answer, and no failure."""
    LATE = "its time was up"


@dataclass(frozen=True, slots=True)
class Ended:
    """An outcome, and the reason in words."""

    outcome: Outcome
    reason: str = ""

    @property
    def fine(self) -> bool:
        """Whether the next step may follow."""
        return self.outcome in {Outcome.DONE, Outcome.NOTHING_FOUND}


_REDIS_ERROR = re.compile(
    r"^(\(error\) )?(ERR|NOAUTH|WRONGPASS|NOPERM|READONLY|MOVED|LOADING|MASTERDOWN|CLUSTERDOWN)\b"
    r"|^Could not connect to Redis",
    re.MULTILINE,
)
_EMPTY = re.compile(r"^\s*(No resources found.*)?\s*$", re.DOTALL)


def judge(case: Case, result: Result) -> Ended:
    """Return how a command ended."""
    if result.exit_code is None:
        return Ended(Outcome.LATE, f"it was ended after {result.seconds:.0f} s")
    last = case.simples[-1].words if case.simples else ()
    filters = len(case.simples) > 1 and last and last[0].value in {"grep", "egrep"}
    if filters and result.exit_code == 1 and not result.output.strip():
        return Ended(Outcome.NOTHING_FOUND, "no line matches")
    if result.exit_code != 0:
        missing = result.exit_code == NOT_THERE
        why = "a program is not there" if missing else f"exit code {result.exit_code}"
        return Ended(Outcome.FAILED, f"{why}: {_last_line(result.output)}")
    if "-cli" in case.command.text and _REDIS_ERROR.search(result.output):
        return Ended(Outcome.FAILED, f"Redis answers {_last_line(result.output)}")
    taken = case.kubectl
    selects = taken.parsed.value("-l", "--selector") if taken and taken.verb == "get" else None
    if selects and _EMPTY.match(result.output):
        return Ended(Outcome.FAILED, f"nothing has the label {selects}")
    return Ended(Outcome.DONE)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"
