"""`runbook`: what is wrong with a runbook, what it says, and what it would do."""

# ruff: noqa: PLC0415  What reads runbooks is loaded by the command that needs it; --help is at once.

import sys
from pathlib import Path

import click

from info_assistant.runbooks.commands.groups import FILE, EngineGroup, print_json


@click.group(cls=EngineGroup, short_help="Check, show and plan runbooks for incidents.")
def runbook() -> None:
    """Check, show and plan runbooks for incidents; they are plain Markdown and stay as they are.

    Nothing but drills needs the product, a cluster or a network: docs/incidents.md.

    \b
    Examples:
      info-assistant runbook lint P0-INCIDENTS.md
      info-assistant runbook show P0-INCIDENTS.md P0-2
      info-assistant runbook plan P0-INCIDENTS.md P0-2 --option 1
      info-assistant runbook drill P0-2
    """  # noqa: D301  For click, the mark keeps the lines.


@runbook.command("lint", short_help="Say what is wrong, and how each command is put right.")
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def lint_command(file: Path, *, as_json: bool) -> None:
    """Say what is wrong with a runbook: each fault with line, reason and corrected form.

    Ends with code 1 if there is an error, that is a command that does not do what it is for.

    \b
    Examples:
      info-assistant runbook lint P0-INCIDENTS.md
      info-assistant runbook lint P0-INCIDENTS.md --json
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands import telling
    from info_assistant.runbooks.linting.findings import Severity
    from info_assistant.runbooks.linting.lint import lint
    from info_assistant.runbooks.reading.markdown import read_runbook

    findings = lint(read_runbook(file))
    if as_json:
        print_json({"findings": telling.finding_rows(findings)})
    else:
        click.echo("\n".join(telling.finding_lines(findings)))
    if any(each.severity is Severity.ERROR for each in findings):
        sys.exit(1)


@runbook.command("show", short_help="Print the text, with misread characters put right.")
@click.argument("file", type=FILE)
@click.argument("scenario", required=False)
def show(file: Path, scenario: str | None) -> None:
    """Print a runbook, or one SCENARIO of it, with misread characters put right; the file stays.

    \b
    Examples:
      info-assistant runbook show P0-INCIDENTS.md
      info-assistant runbook show P0-INCIDENTS.md P0-4
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.telling import scenario_text
    from info_assistant.runbooks.reading.markdown import read_runbook

    read = read_runbook(file)
    if scenario is None:
        click.echo(read.text, nl=not read.text.endswith("\n"))
    else:
        click.echo(scenario_text(read, scenario))


@runbook.command("html", short_help="Print a page that can be read without anything else.")
@click.argument("file", type=FILE)
def html_command(file: Path) -> None:
    """Print a runbook as one HTML page: its text, and each command with its class, put right.

    Keep it, or a printed copy, where it can be read when nothing else can.

    \b
    Examples:
      info-assistant runbook html P0-INCIDENTS.md > P0-INCIDENTS.html
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.offline import page
    from info_assistant.runbooks.reading.markdown import read_runbook

    click.echo(page(read_runbook(file)), nl=False)


@runbook.command("plan", short_help="Print what would be done, step by step.")
@click.argument("file", type=FILE)
@click.argument("scenario", required=False)
@click.option("--option", "number", type=int, metavar="N", help="Only this way to go on.")
@click.option("--as-written", is_flag=True, help="Leave the commands as they are in the file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def plan(
    file: Path, scenario: str | None, number: int | None, *, as_written: bool, as_json: bool
) -> None:
    """Print what would be done, step by step: each command's class, as written and as run.

    Nothing is run. Commands that are not read-only are asked about one by one when they are.

    \b
    Examples:
      info-assistant runbook plan P0-INCIDENTS.md P0-2
      info-assistant runbook plan P0-INCIDENTS.md P0-3 --option 2
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands import telling
    from info_assistant.runbooks.reading.markdown import read_runbook

    read = read_runbook(file)
    chosen = [telling.scenario_of(read, scenario)] if scenario else list(read.scenarios)
    known = telling.known_corrections(read)
    if as_json:
        plans = [telling.plan_data(each, known) for each in chosen]
        print_json({"sha256": read.sha256, "scenarios": plans})
        return
    click.echo(f"{read.name}  sha256 {read.sha256}")
    for each in chosen:
        for line in telling.plan_lines(each, known, number, as_written=as_written):
            click.echo(line)


@runbook.command(
    "drill",
    short_help="Rehearse an option with a real fault (with the product only).",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def drill_elsewhere(words: tuple[str, ...]) -> None:
    """Say that drills come with the product: they start it, and this program has nothing of it.

    The product's own command line puts the real command in this one's place.

    \b
    Examples:
      info-assistant runbook drill P0-3 --option 1
    """  # noqa: D301  For click, the mark keeps the lines.
    del words
    raise click.ClickException(
        "Drills start the product on this machine, and this program goes without it. Install the "
        "product and use `info-assistant runbook drill`."
    )
