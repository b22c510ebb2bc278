"""`doctor`: says what is wrong with this installation and how to mend it."""

import asyncio
from collections.abc import Sequence

import click

from info_assistant.cli import checks
from info_assistant.cli.checks import Finding, Health
from info_assistant.cli.output import plain
from info_assistant.cli.provider_checks import check_providers
from info_assistant.cli.versions import engines
from info_assistant.settings import Settings

_MARKS = {Health.GOOD: ("ok", "green"), Health.WARNING: ("note", "yellow")}
_WRONG = ("WRONG", "red")


@click.group(
    short_help="Say what is wrong with this installation and how to mend it.",
    invoke_without_command=True,
)
@click.option("--verbose", is_flag=True, help="Show the engine and version behind each part too.")
@click.pass_context
def doctor(context: click.Context, *, verbose: bool) -> None:
    """Say what is wrong with this installation and how to mend it.

    Looks at Python, the data folder, the embedding model, the ports, sign-in, object storage, the
    vector store, the providers of language models and the backend. Changes nothing, and works
    whether or not the stack runs.

    \b
    Examples:
      info-assistant doctor
      info-assistant doctor --verbose
      info-assistant doctor providers

    \b
    Exit code: 0 nothing is wrong, 1 something is.
    """  # noqa: D301  For click, the mark keeps the lines.
    if context.invoked_subcommand is not None:
        return
    if verbose:
        for line in engines():
            click.echo(line)
    _report(asyncio.run(_examine(Settings.from_environment())))


@doctor.command("providers", short_help="Say whether the keys of language models are good.")
def providers() -> None:
    """Say of each provider whether its key is valid, over quota or rate-limited.

    Asks each for its list of models, which costs nothing.

    \b
    Examples:
      info-assistant doctor providers

    \b
    Exit code: 0 every key that is set is good, 1 one is not.
    """  # noqa: D301  For click, the mark keeps the lines.
    _report(asyncio.run(check_providers(Settings.from_environment())))


def _report(findings: Sequence[Finding]) -> None:
    """Show what was found; exit with 1 if something is wrong."""
    for finding in findings:
        _show(finding)
    if any(finding.health is Health.WRONG for finding in findings):
        raise click.exceptions.Exit(1)


async def _examine(settings: Settings) -> Sequence[Finding]:
    return [
        checks.check_python(),
        checks.check_data_dir(settings.data_dir),
        checks.check_model(),
        *await checks.check_ports(settings),
        *await checks.check_sign_in(settings),
        await checks.check_object_storage(settings),
        await checks.check_vector_store(settings),
        *await check_providers(settings),
        *await checks.check_backend(settings.backend_url),
    ]


def _show(finding: Finding) -> None:
    mark, colour = _MARKS.get(finding.health, _WRONG)
    click.echo(f"{click.style(f'{mark:<6}', colour)}{finding.subject}: {plain(finding.words)}")
    if finding.remedy:
        click.echo(f"      → {plain(finding.remedy)}")
