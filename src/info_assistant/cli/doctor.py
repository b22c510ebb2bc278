"""`doctor`: says what is wrong with this installation and how to mend it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from info_assistant.cli import checks
from info_assistant.cli.backup_checks import check_backups
from info_assistant.cli.checks import Finding, Health
from info_assistant.cli.consistency import check_consistency
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
@click.option("--repair", is_flag=True, help="Mend what can be mended, beside a running system.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(context: click.Context, *, verbose: bool, repair: bool, as_json: bool) -> None:
    """Say what is wrong with this installation and how to mend it.

    Looks at Python, the data folder, the embedding model, the ports, sign-in, object storage, the
    vector store, the providers of language models and the backend, and compares originals,
    catalogue, list and search index with each other. Changes nothing without --repair, and works
    whether or not the stack runs.

    \b
    Examples:
      info-assistant doctor
      info-assistant doctor --verbose
      info-assistant doctor --repair
      info-assistant doctor providers

    \b
    Exit code: 0 nothing is wrong, 1 something is.
    """  # noqa: D301  For click, the mark keeps the lines.
    if context.invoked_subcommand is not None:
        return
    if verbose and not as_json:
        for line in engines():
            click.echo(line)
    findings = asyncio.run(_examine(Settings.from_environment(), repair=repair))
    report(findings, as_json=as_json)


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
    report(asyncio.run(check_providers(Settings.from_environment())))


def report(findings: Sequence[Finding], *, as_json: bool = False) -> None:
    """Show what was found, as one JSON object or in lines; exit with 1 if something is wrong."""
    wrong = any(finding.health is Health.WRONG for finding in findings)
    if as_json:
        found = {"ok": not wrong, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            _show(finding)
    if wrong:
        raise click.exceptions.Exit(1)


async def _examine(settings: Settings, *, repair: bool) -> Sequence[Finding]:
    return [
        checks.check_python(),
        checks.check_data_dir(settings.data_dir),
        checks.check_model(),
        *await checks.check_ports(settings),
        *await checks.check_sign_in(settings),
        await checks.check_object_storage(settings),
        *await checks.check_writers(settings),
        *await check_backups(settings),
        await checks.check_vector_store(settings),
        *await check_providers(settings),
        *await checks.check_backend(settings.backend_url),
        *await check_consistency(settings, repair=repair),
    ]


def _show(finding: Finding) -> None:
    mark, colour = _MARKS.get(finding.health, _WRONG)
    click.echo(f"{click.style(f'{mark:<6}', colour)}{finding.subject}: {plain(finding.words)}")
    if finding.remedy:
        click.echo(f"      → {plain(finding.remedy)}")
