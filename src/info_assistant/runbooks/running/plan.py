"""What an `incident run` goes through: commands and things to do by hand, in their order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.runbooks.errors import NotAllowed
from info_assistant.runbooks.linting.cases import Case, Facts, case_of
from info_assistant.runbooks.linting.lint import Correction
from info_assistant.runbooks.model import Command, Form, Option, Role, Scenario, Step
from info_assistant.runbooks.reading.blocks import holes_in
from info_assistant.runbooks.shell.classify import classify_script
from info_assistant.runbooks.shell.effects import Effect
from info_assistant.runbooks.shell.scripts import parse_script


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do: a command (then `correction` is there), or something by hand."""

    line: int
    text: str
    correction: Correction | None = None

    @property
    def step(self) -> str:
        """What tells it apart in the record: its line and its text."""
        return f"{self.line}:{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"


def options_of(scenario: Scenario) -> list[Option]:
    """Return the ways to go on; steps of a resolution without options are one."""
    if scenario.options:
        return scenario.options
    sections = [each for each in scenario.sections if each.role is Role.RESOLUTION and each.steps]
    return [Option("Steps", section.title, "", section.line, section.steps) for section in sections]


def option_of(scenario: Scenario, number: int) -> Option:
    """Return the way to go on of that number, from 1. Raises NotAllowed."""
    known = options_of(scenario)
    if not 1 <= number <= len(known):
        names = "; ".join(f"{at}: {each.title}" for at, each in enumerate(known, start=1))
        raise NotAllowed(f"{scenario.code} has no option {number}. It has {names or 'none'}.")
    return known[number - 1]


def investigation_of(scenario: Scenario) -> list[Step]:
    """Return the steps that look and change nothing by intent."""
    return [
        step
        for section in scenario.sections
        if section.role in {Role.INVESTIGATION, Role.SYMPTOMS}
        for step in section.steps
    ]


def tasks_of(
    steps: Sequence[Step], known: dict[tuple[int, str], Correction], *, as_written: bool
) -> list[Task]:
    """Return the tasks of steps; what only works before another line comes before it."""
    tasks: list[tuple[float, Task]] = []
    seen: set[str] = set()
    for step in steps:
        tasks += [(note.line, Task(note.line, note.text)) for note in step.notes]
        for block in step.blocks:
            tasks += [(item.line, Task(item.line, item.text)) for item in block.items]
            for command in block.commands:
                correction = known[command.line, command.text]
                text = command.text if as_written else correction.as_run
                prompted = command.form is Form.INPUT or command.effect is Effect.INTERACTIVE
                if prompted and correction.changed and not as_written:
                    if text in seen:
                        continue  # A prompt and the first line typed at it become one command.
                    seen.add(text)
                place: float = command.line
                if correction.before_line and not as_written:
                    place = correction.before_line - 0.5
                tasks.append((place, Task(command.line, text, correction)))
    return [task for _, task in sorted(tasks, key=lambda pair: pair[0])]


def case_as_run(text: str, line: int, facts: Facts) -> Case:
    """Return the command that is really run, taken apart and judged anew."""
    statements = parse_script(text)
    judgement = classify_script(text)
    statement = statements[0] if len(statements) == 1 else None
    command = Command(
        text, line, line, judgement.effect, judgement.why, judgement.endless,
        placeholders=holes_in(text, statement), statement=statement,
    )  # fmt: skip
    return case_of(command, (command,), facts)


def graver(one: Effect, other: Effect) -> Effect:
    """Return the graver of two classes."""
    return one if one.rank >= other.rank else other
