"""`incident run` and `incident resume`: the steps of a runbook, one by one."""
# ruff: noqa: PLC0415  What reads runbooks is loaded by the command that needs it; --help is at once.

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from info_assistant.runbooks.errors import NotAllowed

if TYPE_CHECKING:
    from info_assistant.runbooks.model import Runbook
    from info_assistant.runbooks.record.store import Incidents
    from info_assistant.runbooks.running.plan import Task
    from info_assistant.runbooks.running.runner import Person, Runner


class Terminal:
    """Asks the person at the terminal; where there is none, every answer is no."""

    def __init__(self) -> None:
        """Look whether somebody can see a question and answer it."""
        self._there = sys.stdin.isatty() and sys.stdout.isatty()

    def agrees(self, question: str) -> bool:
        """Return whether the person says yes; the default is no."""
        return self._answer(f"{question} [y/N] ").lower() in {"y", "yes"}

    def types(self, question: str, wanted: str) -> bool:
        """Return whether the person types exactly `wanted`."""
        return bool(wanted) and self._answer(f"{question}: ") == wanted

    def _answer(self, question: str) -> str:
        if not self._there:
            click.echo(f"{question}no terminal, so the answer is no")
            return ""
        try:
            return input(question).strip()
        except EOFError:
            return ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to do: the scenario, one of its options (0: only look), and in which form.

    `given` are values for what stands for something in commands; lines in `skip` are left out.
    """

    scenario: str
    option: int
    as_written: bool
    given: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[int, ...] = ()


def _pairs(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """Return NAME=VALUE pairs. Raises click.BadParameter."""
    if bad := [each for each in given if not each.partition("=")[2]]:
        raise click.BadParameter(f"{bad[0]!r} is not NAME=VALUE.")
    return {each.partition("=")[0]: each.partition("=")[2] for each in given}


id_option = click.option("--id", "name", help="The incident, or a part of its name that tells it.")
set_option = click.option(
    "--set",
    "given",
    multiple=True,
    callback=_pairs,
    metavar="NAME=VALUE",
    help="What stands for a value, such as POD-ID=7d9f or PAGE_ID=abc.",
)


@click.command(short_help="Follow the runbook, step by step.")
@click.option("--option", type=click.IntRange(1), metavar="N", help="Which way to go on.")
@click.option("--scenario", metavar="CODE", help="Another scenario than the incident's.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done; record nothing.")
@click.option("--as-written", is_flag=True, help="Run commands as they are in the file.")
@click.option("--reverts", is_flag=True, help="Take back what was changed, the last change first.")
@set_option
@id_option
def run(  # noqa: PLR0913  One parameter an option.
    option: int | None,
    scenario: str | None,
    given: dict[str, str],
    name: str | None,
    *,
    dry_run: bool,
    as_written: bool,
    reverts: bool,
) -> None:
    """Follow the runbook of the incident: without --option look, with it act.

    What only reads runs at once. All else is shown first and asked about, what destroys by typing
    the resource's name; without a terminal the answer is no. What cannot be resolved is not run.

    \b
    Examples:
      info-assistant incident run
      info-assistant incident run --option 2 --dry-run
      info-assistant incident run --option 1 --set GOOD-REVISION=41
      info-assistant incident run --reverts
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.incident import incidents

    store = incidents(given)
    current = store.current(name)
    known = store.read(current)
    code = scenario or known.scenario
    if not code and not reverts:
        raise NotAllowed(f"{current} has no scenario yet. Name one with --scenario.")
    wish = Wish(code, option or 0, as_written, given)
    if dry_run:
        _show(store.runbook(current), wish)
    elif reverts:
        take_back(store, current, given, Terminal())
    else:
        follow(store, current, wish, Terminal())


@click.command(short_help="Go on where the last run stopped.")
@click.option("--skip", type=int, multiple=True, metavar="LINE", help="Leave this line out.")
@set_option
@id_option
def resume(skip: tuple[int, ...], given: dict[str, str], name: str | None) -> None:
    """Go on where the last run stopped, after a refusal, a failure or a crash.

    What was done is not done again. A change that began and has no end is looked at first, and
    never repeated without a question.

    \b
    Examples:
      info-assistant incident resume
      info-assistant incident resume --skip 157
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.incident import incidents

    store = incidents(given)
    current = store.current(name)
    chosen = store.read(current).chosen
    if not chosen:
        raise NotAllowed(f"Nothing was run in {current} yet. Begin with `incident run`.")
    before = (str(chosen["scenario"]), int(chosen["option"]), bool(chosen["as_written"]))
    follow(store, current, Wish(*before, given, skip), Terminal())


def _planned(runbook: "Runbook", wish: Wish) -> "tuple[list[Task], dict[str, Any], str]":
    """Return the tasks, what is recorded of the choice, and the condition that must hold."""
    from info_assistant.runbooks.commands.telling import known_corrections, scenario_of
    from info_assistant.runbooks.running.plan import investigation_of, option_of, tasks_of

    scenario = scenario_of(runbook, wish.scenario)
    choice: dict[str, Any] = {
        "scenario": scenario.code,
        "option": wish.option,
        "as_written": wish.as_written,
        "label": "Investigation",
        "title": scenario.title,
    }
    condition = ""
    if wish.option:
        option = option_of(scenario, wish.option)
        steps, condition = list(option.steps), option.condition
        choice |= {"label": option.label, "title": option.title}
    else:
        steps = investigation_of(scenario)
    return (
        tasks_of(steps, known_corrections(runbook), as_written=wish.as_written),
        choice,
        condition,
    )


def _show(runbook: "Runbook", wish: Wish) -> None:
    from info_assistant.runbooks.linting.cases import facts_of
    from info_assistant.runbooks.running.inverses import checks_of, inverse_of
    from info_assistant.runbooks.running.plan import case_as_run

    tasks, choice, condition = _planned(runbook, wish)
    click.echo(f"{choice['label']}: {choice['title']}. Nothing is run and nothing recorded.")
    if condition:
        click.echo(f"would ask: is it so, {condition}?")
    for task in tasks:
        if task.correction is None:
            click.echo(f"line {task.line} by hand: {task.text}")
            continue
        case = case_as_run(task.text, task.line, facts_of(runbook))
        click.echo(f"line {task.line} [{case.command.effect}] {task.text}")
        if case.command.placeholders:
            click.echo(f"    needs: {', '.join(case.command.placeholders)}")
        inverse = inverse_of(case)
        if inverse is not None:
            click.echo(f"    notes the way back from: {inverse.probe}")
        for check in checks_of(case):
            click.echo(f"    verifies with: {check.command}")


def follow(store: "Incidents", current: str, wish: Wish, person: "Person") -> None:
    """Carry a wish out for an incident, asking `person`, and look whether it helped.

    Raises Stopped where the run ends early, NotAllowed, RecordError.
    """
    from info_assistant.runbooks.record.events import Kind
    from info_assistant.runbooks.record.log import hold

    runbook = store.runbook(current)
    tasks, choice, condition = _planned(runbook, wish)
    with hold(store.record(current).folder / "run.lock", 0.0):
        if dict(store.read(current).chosen) != choice:
            if condition and not person.agrees(f"Only {condition}. Is it so?"):
                raise NotAllowed(f"It is for another case: {condition}.")
            store.tell(current, Kind.CHOSEN, choice)
        runner = _runner(store, current, wish.given, person)
        for task in tasks:
            if task.line in wish.skip:
                runner.skip(task, "left out on purpose")
        runner.run(tasks)
    if wish.option:
        _look_afterwards(store, current, str(choice["scenario"]))
    click.echo(
        "Done. What is seen now? `incident note`, `incident mitigate` or `incident resolve`."
    )


def _look_afterwards(store: "Incidents", current: str, scenario: str) -> None:
    """Say and record whether the service still shows what an option is meant to end.

    A step that took effect is no proof that it helped: each may do what it says, for another cause.
    """
    from info_assistant.runbooks.commands.diagnose import diagnosis_of, observe
    from info_assistant.runbooks.diagnosis.symptoms import TITLES
    from info_assistant.runbooks.diagnosis.verdict import outlook_of
    from info_assistant.runbooks.record.events import Kind

    if scenario not in TITLES:
        return
    click.echo("Looking whether it helped, for at most 15 s …")
    found = diagnosis_of(observe({}))
    store.tell(current, Kind.DIAGNOSED, found.data())
    click.echo("\n".join(outlook_of(found, scenario)))


def take_back(store: "Incidents", current: str, given: Mapping[str, str], person: "Person") -> None:
    """Take back what was changed, the last change first, asking `person`. Raises Stopped."""
    from info_assistant.runbooks.record.log import hold

    with hold(store.record(current).folder / "run.lock", 0.0):
        _runner(store, current, given, person).take_back()
    click.echo("Nothing is left to be taken back.")


def _runner(
    store: "Incidents", current: str, given: Mapping[str, str], person: "Person"
) -> "Runner":
    from info_assistant.runbooks.linting.cases import facts_of
    from info_assistant.runbooks.running.runner import Runner, Tools
    from info_assistant.runbooks.running.shell import Bash
    from info_assistant.runbooks.running.values import Values
    from info_assistant.runbooks.settings import environment

    shell = Bash(environment())
    tools = Tools(shell, person, Values(given, environment(), shell), click.echo)
    return Runner(store, current, facts_of(store.runbook(current)), tools)
