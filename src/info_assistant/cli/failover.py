"""`failover`: leads readers to the second region, and back."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from info_assistant.cli.output import say
from info_assistant.settings import Settings

if TYPE_CHECKING:
    from info_assistant.cli.checks import Finding
    from info_assistant.cli.failover_checks import Loss
    from info_assistant.regions.failover import Failover, PlanFiles
    from info_assistant.regions.records import RecordSet

_UNKNOWN = "unknown"

file_option = click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("failover.json"),
    show_default=True,
    help="Where the plan is; the way back is beside it, as failover-back.json.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask whether to go on.")


@click.group(short_help="Lead readers to the second region, and back.")
def failover() -> None:
    """Lead readers to the second region, and back, by weighted DNS records of Route 53.

    Works without a backend. The records, the second region and its backups are named by settings
    (ROUTE53_…, SECOND_REGION_…); docs/failover.md says how to set all of it up. Needs boto3: pip
    install 'info-assistant[route53]'.

    \b
    Examples:
      info-assistant failover check     what holds now; changes nothing
      info-assistant failover plan      write failover.json and the way back
      info-assistant failover apply     lead readers to the second region
      info-assistant failover back      set every record as it was
      info-assistant failover ship --from s3://backups/assistant
    """  # noqa: D301  For click, the mark keeps the lines.


@failover.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(*, as_json: bool) -> None:
    """Say where readers are led now and whether the second region could take them.

    \b
    Example:
      info-assistant failover check

    \b
    Exit code: 0 readers could be led over, 1 something is in the way.
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.cli.doctor import report  # noqa: PLC0415  Slow to import.
    from info_assistant.cli.failover_checks import check_records  # noqa: PLC0415  The same.

    settings = Settings.from_environment()
    records = check_records(_failover(settings), settings.region.record)
    region, loss = _look(settings)
    report([*records, region, loss.finding], as_json=as_json)


@failover.command("plan")
@file_option
def plan(path: Path) -> None:
    """Write the change that leads readers to the second region, and the one that takes it back.

    Both are batches of changes that `aws route53 change-resource-record-sets` takes too. Nothing
    is changed. A way back that may still be needed is not replaced.

    \b
    Example:
      info-assistant failover plan --file failover.json
    """  # noqa: D301  For click, the mark keeps the lines.
    made, files = _failover(Settings.from_environment()).plan(), _files(path)
    files.write(made)
    _show(made.before, made.after)
    say(f"Written: {files.there}, and the way back as {files.back}. Nothing is changed yet.")


@failover.command("apply")
@file_option
@click.option(
    "--accept-loss",
    metavar="MINUTES",
    help=f"The loss that you accept, in minutes; `{_UNKNOWN}` where nobody knows it.",
)
@click.option("--despite-health", is_flag=True, help="Even though the second region is not well.")
@yes_option
def apply(path: Path, accept_loss: str | None, *, despite_health: bool, yes: bool) -> None:
    """Lead readers to the second region as planned; return when all name servers do so.

    Refuses where the records are not those that the plan was made for, where the second region is
    not well, and where its newest good backup is older than SECOND_REGION_RPO_MINUTES, unless you
    type how many minutes of changes you accept to lose.

    \b
    Examples:
      info-assistant failover apply
      info-assistant failover apply --accept-loss 190 --yes
    """  # noqa: D301  For click, the mark keeps the lines.
    settings = Settings.from_environment()
    leading, planned = _failover(settings), _files(path).read()
    region, loss = _look(settings)
    _refuse_unwell(region, despite=despite_health)
    _refuse_loss(loss, accept_loss)
    _show(planned.before, planned.after)
    _agree("Lead readers to the second region?", yes=yes)
    if leading.apply(planned):
        say(
            "Every name server leads to the second region. To go back: info-assistant failover back"
        )
    else:
        say("Readers are led to the second region already; nothing was changed.")


@failover.command("back")
@file_option
@yes_option
def back(path: Path, *, yes: bool) -> None:
    """Set every record as it was before the plan; return when all name servers do so.

    What was changed in the second region meanwhile is not in the first one: back it up there and
    restore it here first.

    \b
    Example:
      info-assistant failover back
    """  # noqa: D301  For click, the mark keeps the lines.
    planned = _files(path).read()
    _show(planned.after, planned.before)
    _agree("Set the records as they were?", yes=yes)
    if _failover(Settings.from_environment()).back(planned):
        say("Every name server answers as before.")
    else:
        say("The records are as they were before; nothing was changed.")


@failover.command("ship")
@click.option("--from", "url", required=True, help="Where backups are made (BACKUP_URL there).")
def ship(url: str) -> None:
    """Copy the newest good backup to where the second region finds it (SECOND_REGION_BACKUP_URL).

    Copies only what is not there; interrupted, it goes on when it is run again. Run it after each
    backup: what it takes is part of the loss that a failover brings.

    \b
    Example:
      info-assistant failover ship --from s3://backups-first-region/assistant
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.cli.second_region import ship_backup  # noqa: PLC0415  Slow to import.

    shipped = ship_backup(Settings.from_environment(), url)
    say(
        f"Backup {shipped.id} is there: {shipped.files} files, {shipped.bytes / 1e6:.1f} MB copied."
    )


def _failover(settings: Settings) -> "Failover":
    from info_assistant.cli.second_region import failover_of  # noqa: PLC0415  Slow to import.

    return failover_of(settings)


def _files(path: Path) -> "PlanFiles":
    from info_assistant.regions.failover import PlanFiles  # noqa: PLC0415  The same.

    return PlanFiles(path)


def _look(settings: Settings) -> "tuple[Finding, Loss]":
    from info_assistant.cli import failover_checks  # noqa: PLC0415  Slow to import.

    return failover_checks.check_second_region(settings), failover_checks.check_loss(settings)


def _refuse_unwell(region: "Finding", *, despite: bool) -> None:
    from info_assistant.cli.checks import Health  # noqa: PLC0415  Slow to import.

    say(f"{region.subject}: {region.words}")
    if region.health is Health.WRONG and not despite:
        raise click.ClickException(
            "The second region is not well, so nothing was changed. Mend it, or say "
            "--despite-health if it serves readers better than this one all the same."
        )


def _refuse_loss(loss: "Loss", typed: str | None) -> None:
    """Return if the loss is within what was promised, or somebody typed that they accept it."""
    say(f"{loss.finding.subject}: {loss.finding.words}")
    if loss.acceptable:
        return
    wanted = _UNKNOWN if loss.minutes is None else str(loss.minutes)
    if typed is None and sys.stdin.isatty():
        typed = click.prompt(f"To accept this loss, type {wanted}", default="", show_default=False)
    if typed == wanted:
        return
    if loss.minutes is not None and typed and typed.isdecimal() and int(typed) >= loss.minutes:
        return
    raise click.ClickException(
        "The loss is larger than promised (SECOND_REGION_RPO_MINUTES), and nobody has accepted "
        f"it, so nothing was changed. Ship a newer backup, or accept it: --accept-loss {wanted}"
    )


def _agree(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(
            "There is no terminal to ask on, so nothing was changed. Say --yes to go on unasked."
        )
    click.confirm(question, default=False, abort=True)


def _show(before: "Sequence[RecordSet]", after: "Sequence[RecordSet]") -> None:
    weights = {record.key: record.weight for record in before}
    for record in after:
        click.echo(f"{record}: weight {weights[record.key]} → {record.weight}")
