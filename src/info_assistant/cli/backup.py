"""`backup`: makes backups of everything, proves them, and brings them back."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from info_assistant.cli.local import make_private
from info_assistant.cli.output import Occasionally, print_rows, say
from info_assistant.errors import StoredDataInvalid
from info_assistant.observability.log import configure_logging
from info_assistant.resilience.priority import Priority
from info_assistant.settings import Settings

if TYPE_CHECKING:
    from info_assistant.stores.backup.copying import Progress
    from info_assistant.stores.backup.golden import GoldenQuestion
    from info_assistant.stores.backup.manifest import Verification
    from info_assistant.stores.backup.shelf import Backup

_QUESTIONS = click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Golden questions of your own: JSON lines with tenant, question, document_id, groups.",
)
_SCRATCH = click.option(
    "--scratch",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with room for the restore that proves the backup. Default: the system's own.",
)


@click.group(short_help="Make backups of everything, prove them, and bring them back.")
def backup() -> None:
    """Make backups of everything, prove them, and bring them back.

    A backup holds all of object storage, where the truth is, and copies of the collections in
    Qdrant, so that a restore need not read every document again. It lies at BACKUP_URL. Redis is
    not in it: what is there is made again.

    \b
    Examples:
      info-assistant backup create
      info-assistant backup list
      info-assistant backup restore
    """  # noqa: D301  For click, the mark keeps the lines.


@backup.command("create")
@click.option(
    "--verify/--no-verify",
    default=True,
    show_default=True,
    help="Restore it into a scratch place at once; only then it counts as good.",
)
@_QUESTIONS
@_SCRATCH
def create(*, verify: bool, questions: Path | None, scratch: Path | None) -> None:
    """Make a backup, while everything goes on, and verify it.

    What an earlier backup holds already is shared with it and not stored again. A backup that was
    interrupted is never listed as one.

    \b
    Examples:
      info-assistant backup create
      BACKUP_URL=s3://bucket/backups info-assistant backup create --no-verify

    \b
    Exit code: 0 the backup is made (and good), 1 it is bad, 2 a store does not answer.
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.backup import (  # noqa: PLC0415  Loads the product.
        make_backup,
        shelf_of,
    )

    settings = _prepared()
    asked = _questions(questions)
    with _progress() as told:
        manifest = asyncio.run(make_backup(settings, asked, told))
    say(
        f"{manifest.counts['documents']} documents, {manifest.object_count} objects, "
        f"{_megabytes(manifest.size)} of which {_megabytes(manifest.added_bytes)} are new."
    )
    if missing := manifest.counts["originals_missing"]:
        say(f"{missing} documents had lost their original before: see `info-assistant doctor`.")
    if not manifest.collections:
        say("Nothing of Qdrant is in it; a restore builds the index anew.")
    if verify:
        with _progress() as told:
            found = asyncio.run(_verified(shelf_of(settings), manifest.id, told, scratch))
        _tell_verification(manifest.id, found)
    click.echo(manifest.id)


@backup.command("list")
def list_backups() -> None:
    """Show every backup: when, how large, whether it is good, and how long its restore takes.

    Columns: id, state, age, size, documents, restored in (the RTO, as the verification measured
    it). The age of the newest good backup is what a loss would cost now, the RPO. A backup is
    `good` once a verification has restored it; `unverified` before that.

    \b
    Example:
      info-assistant backup list
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.backup import shelf_of  # noqa: PLC0415  Loads the product.

    found = asyncio.run(shelf_of(Settings.from_environment()).all())
    print_rows(
        ("backup", "state", "age", "size", "documents", "restored in"), list(map(_row, found))
    )
    good = next((each.manifest for each in found if each.good and each.manifest), None)
    say(
        f"RPO now: {_age(good.began_at)}, the age of the newest good backup."
        if good
        else "There is no good backup: what is lost stays lost. Run `info-assistant backup create`."
    )


@backup.command("verify")
@click.argument("backup_id", required=False)
@click.option("--checksums-only", is_flag=True, help="Read and compare; restore nothing.")
@_QUESTIONS
@_SCRATCH
def verify(
    backup_id: str | None, *, checksums_only: bool, questions: Path | None, scratch: Path | None
) -> None:
    """Prove a backup, by default the newest: checksums, a restore into scratch, golden questions.

    What comes of it is kept beside the backup. Golden questions were chosen from the documents
    when the backup was made; --questions asks others.

    \b
    Examples:
      info-assistant backup verify
      info-assistant backup verify --checksums-only

    \b
    Exit code: 0 the backup is good, 1 it is bad.
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.evaluation.verify_backup import (  # noqa: PLC0415  Loads the product.
        BackupVerifier,
    )
    from info_assistant.wiring.backup import shelf_of  # noqa: PLC0415  The same.

    shelf = shelf_of(_prepared())
    chosen = backup_id or _newest(asyncio.run(shelf.all()))
    asked = _questions(questions)
    with _progress() as told:
        if checksums_only:
            wrong = asyncio.run(BackupVerifier(shelf, told).check(chosen))
            if wrong:
                raise StoredDataInvalid(f"{chosen} is bad: {' '.join(wrong)}")
        else:
            found = asyncio.run(_verified(shelf, chosen, told, scratch, asked))
    if checksums_only:
        click.echo(f"{chosen}: every checksum fits. Only a restore proves more than that.")
    else:
        _tell_verification(chosen, found)
        click.echo(f"{chosen} is good; it was restored in {found.restore_s:.1f} s.")


@backup.command("restore")
@click.argument("backup_id", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--tombstones-from",
    metavar="URL",
    help="Where deletions are known that came after the backup: the lost object storage, or a "
    "copy of it. Those still in this installation's object storage count in any case.",
)
@click.option("--even-bad", is_flag=True, help="Restore a backup that a verification called bad.")
@click.option(
    "--objects-only",
    is_flag=True,
    help="Restore object storage while Qdrant is down or scaled to 0; workers build the index "
    "anew from the documents once it is back.",
)
def restore(
    backup_id: str | None,
    *,
    yes: bool,
    tombstones_from: str | None,
    even_bad: bool,
    objects_only: bool,
) -> None:
    """Bring a backup back, by default the newest good one, into this installation, empty or not.

    What is there and newer stays. Documents that were deleted since the backup stay deleted.
    Readers get the old index until the restored one is complete and takes its place. If it is
    interrupted, run it again: until then nothing is indexed.

    \b
    Examples:
      info-assistant backup restore
      info-assistant backup restore 20261126T213300Z-ab12cd --yes
      info-assistant backup restore --tombstones-from s3://old-bucket/documents
      info-assistant backup restore --objects-only --yes

    \b
    Exit code: 0 all is back, 1 the backup is bad, 2 a store does not answer.
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.backup import (  # noqa: PLC0415  Loads the product.
        RestoreOrder,
        restore_backup,
        shelf_of,
    )

    settings = _prepared()
    shelf = shelf_of(settings)
    manifest = asyncio.run(shelf.chosen(backup_id, even_bad=even_bad))
    _confirm(manifest.id, settings, yes=yes)
    order = RestoreOrder(manifest.id, tombstones_from, even_bad, objects_only=objects_only)
    with _progress() as told:
        outcome = asyncio.run(restore_backup(settings, shelf, order, told))
    restored = outcome.objects
    click.echo(
        f"{outcome.backup_id}: {restored.written} objects restored, {restored.there} were there, "
        f"{restored.deleted} left out because their documents were deleted since."
    )
    for alias, points in outcome.points.items():
        click.echo(f"{alias}: {points} points")
    for note in outcome.notes:
        say(note)
    say("Restart backends that ran meanwhile, if object storage had been lost.")


@backup.command("prune")
@click.option("--keep", type=click.IntRange(1), help="How many to leave. Default: BACKUP_KEEP.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(*, keep: int | None, yes: bool) -> None:
    """Delete all but the newest backups, and what only they needed.

    The newest good one always stays. Backups that were interrupted go once they are a day old.

    \b
    Examples:
      info-assistant backup prune
      info-assistant backup prune --keep 7 --yes
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.backup import shelf_of  # noqa: PLC0415  Loads the product.

    settings = Settings.from_environment()
    keep = keep or settings.backup.keep
    if not yes:
        _require_terminal()
        click.confirm(f"Delete all but the {keep} newest backups?", abort=True)
    gone = asyncio.run(shelf_of(settings).prune(keep))
    for each in gone.backups:
        click.echo(each)
    say(f"{len(gone.backups)} backups deleted, {_megabytes(gone.freed_bytes)} freed.")


async def _verified(
    shelf: object,
    backup_id: str,
    told: "Progress",
    scratch: Path | None,
    questions: "tuple[GoldenQuestion, ...]" = (),
) -> "Verification":
    from info_assistant.evaluation.verify_backup import (  # noqa: PLC0415  Loads the product.
        BackupVerifier,
    )
    from info_assistant.stores.backup.shelf import Shelf  # noqa: PLC0415  The same.

    assert isinstance(shelf, Shelf)  # noqa: S101  For the type alone.
    return await BackupVerifier(shelf, told, scratch, questions).verify(backup_id)


def _tell_verification(backup_id: str, found: "Verification") -> None:
    """Return if a backup is good. Raises StoredDataInvalid."""
    if not found.good:
        raise StoredDataInvalid(f"{backup_id} is bad: {' '.join(found.findings)}")
    say(f"Verified: restored in {found.restore_s:.1f} s, {found.questions} questions found again.")


def _prepared() -> Settings:
    """Return the settings; what is read from here on is slow work that others go before."""
    settings = Settings.from_environment()
    if settings.backup.url.startswith("file:"):
        from urllib.parse import unquote, urlsplit  # noqa: PLC0415  Only here.

        make_private(Path(unquote(urlsplit(settings.backup.url).path)))
    os.nice(Priority.UPKEEP)
    configure_logging("WARNING")
    return settings


def _questions(path: Path | None) -> "tuple[GoldenQuestion, ...]":
    from info_assistant.stores.backup.golden import decoded_questions  # noqa: PLC0415  Rare.

    return tuple(decoded_questions(path.read_bytes())) if path else ()


def _newest(found: "Sequence[Backup]") -> str:
    """Return the newest complete backup. Raises StoredDataInvalid where there is none."""
    for each in found:
        if each.state != "incomplete":
            return each.id
    raise StoredDataInvalid("There is no backup yet. Run `info-assistant backup create`.")


def _confirm(backup_id: str, settings: Settings, *, yes: bool) -> None:
    if yes:
        return
    _require_terminal()
    say(
        f"This restores {backup_id} into {settings.blob_url} and puts its search index in the "
        f"place of the one at {settings.qdrant_url}."
    )
    if click.prompt("Type restore to go on", default="", show_default=False) != "restore":
        raise click.Abort


def _require_terminal() -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here. Add --yes if you mean it.")


def _row(each: "Backup") -> tuple[str, str, str, str, str, str]:
    found, proof = each.manifest, each.verification
    if found is None:
        return each.id, each.state, "", "", "", ""
    took = f"{proof.restore_s:.1f} s" if proof and proof.good else ""
    documents = str(found.counts.get("documents", ""))
    return each.id, each.state, _age(found.began_at), _megabytes(found.size), documents, took


def _age(at: datetime) -> str:
    minutes = int((datetime.now(UTC) - at).total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show how far a long work has come: bars on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        tell = Occasionally(say)
        yield lambda stage, done, total: tell(f"{stage}: {done}/{total}")
        return
    from rich.progress import Progress as Bars  # noqa: PLC0415  Slow to import.

    with Bars(console=console) as bars:
        tasks: dict[str, object] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield show
