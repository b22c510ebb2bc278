"""An option of a runbook is tried: something breaks, the engine carries it out, somebody looks.

What breaks is a model or a machine of real processes: a `Stage`. The engine, its record and
kubectl are real.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from info_assistant.drills.machine.faults import Fault
from info_assistant.runbooks.commands.telling import known_corrections
from info_assistant.runbooks.linting.cases import facts_of
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.running.plan import option_of, tasks_of
from info_assistant.runbooks.running.runner import Runner, Stopped, Tools
from info_assistant.runbooks.running.shell import Bash, Result
from info_assistant.runbooks.running.values import Values
from info_assistant.runbooks.shell.classify import classify_script

GIVEN = {"GOOD-REVISION": "1", "ZXXXXX": "Z0123456789"}
WORKS, UNHELPFUL, CRASHES = "works", "does not help", "crashes midway"
VARIANTS = (WORKS, UNHELPFUL, CRASHES)


class Stage(Protocol):
    """A service that can be broken, and the environment in which commands find it."""

    @property
    def folder(self) -> Path:
        """Where commands are run."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of commands."""
        ...

    def inject(self, fault: Fault) -> None:
        """Let something go wrong. Raises an error where it did not."""
        ...

    def serves(self) -> bool:
        """Return whether users are served now."""
        ...


@dataclass(frozen=True)
class Option:
    """An option, how its outage comes about, and what keeps the option from helping."""

    scenario: str
    number: int
    breaks: Fault
    keeps: Sequence[Fault] = ()
    by_hand: Fault | None = None
    """What people bring about where the option is a list for people."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.scenario} option {self.number}"


@dataclass(frozen=True)
class Pace:
    """How patient a trial is. Timeouts of kubectl are divided by `quicker`, to 15 s at least."""

    quicker: float
    within_s: float
    """How soon a command has to show its effect, and users have to be served."""
    shown_s: float = 10.0
    """How soon an outage has to show."""


@dataclass(frozen=True)
class Theatre:
    """Where options are tried. `hopeless` is the pace where the option does not help."""

    stage: Callable[[Option, Path], AbstractContextManager[Stage]]
    pace: Pace
    hopeless: Pace

    def pace_of(self, variant: str) -> Pace:
        """Return how patient a trial is."""
        return self.hopeless if variant == UNHELPFUL else self.pace


@dataclass(frozen=True)
class Outcome:
    """What became of a trial; `ends` is how the engine's run ended, in a word.

    `changes_run` counts how often the change was made after which the engine was killed: 0 where
    the option is a list for people, and nothing can be killed; 2 where nothing shows whether it was
    made, so that the person was asked and said yes.
    """

    option: str
    variant: str
    outage_shown: bool
    serves: bool
    ends: str
    reason: str
    changes_run: int
    holds: bool


class EngineKilled(BaseException):
    """Plays a kill of the engine: nothing of it catches this."""


class Yes:
    """A person who agrees to everything and types what is asked for."""

    def __init__(self, by_hand: Callable[[], None]) -> None:
        """Do `by_hand` when asked whether something is done."""
        self._by_hand = by_hand

    def agrees(self, question: str) -> bool:
        """Say yes."""
        if "by hand" in question:
            self._by_hand()
        return True

    def types(self, question: str, wanted: str) -> bool:
        """Type it."""
        del question, wanted
        return True


class FastBash:
    """A bash whose kubectl waits `quicker` times less; it counts what was run.

    `kill_after` lets the engine die right after the first change whose command holds this text.
    """

    def __init__(self, stage: Stage, quicker: float, kill_after: str = "") -> None:
        """Run commands in the folder of `stage`."""
        self._bash = Bash({**stage.variables, "PWD": str(stage.folder)})
        self._folder = stage.folder
        self._quicker = quicker
        self.kill_after = kill_after
        self.ran: Counter[str] = Counter()

    def run(self, command: str, timeout_s: float) -> Result:
        """Run a command. Raises EngineKilled."""
        self.ran[command] += 1
        quick = re.sub(
            r"--timeout=(\d+)s",
            lambda found: f"--timeout={max(15, int(int(found[1]) / self._quicker))}s",
            command,
        )
        result = self._bash.run(f"cd {self._folder} && {quick}", timeout_s)
        if self.kill_after and self.kill_after in command and _changes(command):
            self.kill_after = ""
            raise EngineKilled
        return result


def _changes(command: str) -> bool:
    """Return whether a command does not only look, such as before a change or after it."""
    return classify_script(command).effect.rank > 0


def trial(option: Option, variant: str, folder: Path, runbook: Path, theatre: Theatre) -> Outcome:
    """Break, let the engine carry the option of `runbook` out, and look from outside."""
    pace = theatre.pace_of(variant)
    with theatre.stage(option, folder) as stage:
        stage.inject(option.breaks)
        if variant == UNHELPFUL:
            for fault in option.keeps:
                stage.inject(fault)
        shown = _comes(lambda: not stage.serves(), pace.shown_s)

        def by_hand() -> None:
            if option.by_hand is not None and variant != UNHELPFUL:
                stage.inject(option.by_hand)

        ends, reason, changes = _carried_out(option, variant, stage, (runbook, pace, by_hand))
        good = variant != UNHELPFUL
        serves = _comes(stage.serves, pace.within_s if good else 2.0)
    holds = shown and serves is good and (not good or ends == "finished")
    return Outcome(option.name, variant, shown, serves, ends, reason, changes, holds)


def _comes(condition: Callable[[], bool], within_s: float) -> bool:
    """Return whether a condition comes to hold; it is looked at once at least."""
    until, pause = time.monotonic() + within_s, threading.Event()
    while not condition():
        if time.monotonic() > until:
            return False
        pause.wait(0.1)
    return True


def _carried_out(
    option: Option, variant: str, stage: Stage, how: tuple[Path, Pace, Callable[[], None]]
) -> tuple[str, str, int]:
    file, pace, by_hand = how
    store = Incidents(stage.folder / "incidents", Redaction(), author=("ada", "desk"))
    opening = Opening("Tried", option.scenario)
    name = store.open(opening, file.read_bytes(), file.name).id
    runbook = store.runbook(name)
    scenario = next(each for each in runbook.scenarios if each.code == option.scenario)
    steps = option_of(scenario, option.number).steps
    tasks = tasks_of(steps, known_corrections(runbook), as_written=False)
    first = next((t.text for t in tasks if t.correction and t.correction.command.effect.rank), "")
    kill = " ".join(first.split()[:4]) if variant == CRASHES else ""
    bash = FastBash(stage, pace.quicker, kill)
    values = Values(GIVEN, stage.variables, bash)
    tools = Tools(bash, Yes(by_hand), values, lambda _line: None, verify_s=pace.within_s)
    ends, reason = "killed", ""
    while ends == "killed":
        try:
            Runner(store, name, facts_of(runbook), tools).run(tasks)
            ends = "finished"
        except EngineKilled:
            continue
        except Stopped as stopped:
            ends, reason = "stopped", str(stopped)
    if kill and bash.kill_after:
        raise RuntimeError(f"{option}: nothing held {kill!r}, so the engine was never killed")
    changes = sum(n for text, n in bash.ran.items() if kill and kill in text and _changes(text))
    return ends, reason, changes
