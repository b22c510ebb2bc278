"""The engine in a process of its own, which asks the drill for each consent: JSON lines, both ways.

It is a process so that it can be killed like one, and has the environment of the stage only.
"""

import argparse
import json
import sys

from info_assistant.errors import InfoAssistantError
from info_assistant.rehearsal.stage import check_ours
from info_assistant.runbooks.commands.incident import incidents
from info_assistant.runbooks.commands.run import Wish, follow, take_back
from info_assistant.runbooks.errors import EngineError
from info_assistant.runbooks.settings import environment

QUESTION = "\x1e"
"""A line that begins so is a question, as JSON; all others are for people to read."""

STOPPED = 3
"""The exit code of a run that ended before its last step."""


class Drill:
    """The person of a drill: passes every question on to who leads it, and says what comes back."""

    def agrees(self, question: str) -> bool:
        """Return whether the drill says yes."""
        return self._answer({"question": question}) == "yes"

    def types(self, question: str, wanted: str) -> bool:
        """Return whether the drill types exactly `wanted`."""
        return bool(wanted) and self._answer({"question": question, "wanted": wanted}) == wanted

    def _answer(self, asked: dict[str, str]) -> str:
        sys.stdout.write(f"{QUESTION}{json.dumps(asked)}\n")
        sys.stdout.flush()
        return sys.stdin.readline().strip()


def main() -> int:
    """Follow an option of an incident's runbook, or take back what was changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("incident")
    parser.add_argument("--scenario", default="")
    parser.add_argument("--option", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    given = dict(str(each).split("=", 1) for each in asked.set)
    store = incidents(given)
    try:
        check_ours(environment())
        if asked.option:
            wish = Wish(asked.scenario, asked.option, as_written=False, given=given)
            follow(store, asked.incident, wish, Drill())
        else:
            take_back(store, asked.incident, given, Drill())
    except (EngineError, InfoAssistantError) as problem:
        sys.stdout.write(f"{problem.message}\n")
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
