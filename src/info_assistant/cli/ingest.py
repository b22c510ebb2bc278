"""`ingest`: takes files and folders into the library through the backend's own intake."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from info_assistant.cli.backend import Patience, connect
from info_assistant.cli.files import Selection, Skipped, select
from info_assistant.cli.output import Occasionally, progress, say, table_of_outcomes
from info_assistant.cli.sending import Outcome, Result, send
from info_assistant.settings import Settings

_IN_FLIGHT = 6
_SHOWN_SKIPS = 20


@click.command(short_help="Take files and folders into the library.")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH…"
)
@click.option("--prefix", default="", help="Put this before every source, such as `hr/`.")
@click.option(
    "--access",
    multiple=True,
    metavar="GROUP",
    help="Only members of this group may see the documents; repeat it for several. Without it new "
    "documents are open to everyone, and known ones stay as they are.",
)
@click.option(
    "--patience",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to repeat what a busy or restarting backend refuses.",
)
def ingest(paths: tuple[Path, ...], prefix: str, access: tuple[str, ...], patience: float) -> None:
    """Take files and folders into the library.

    Folders are walked; hidden files and kinds without a reader are left out and named. A document
    is known by its path below the folder you name, so the command is safe to repeat: unchanged
    files are skipped, changed ones become new versions.

    \b
    Examples:
      info-assistant ingest ~/policies
      info-assistant ingest leave.pdf travel.docx
      info-assistant ingest hr/ --prefix hr/ --access hr --access works-council

    \b
    Exit code: 0 all files are in, 1 a file failed, 2 the backend cannot be reached.
    """  # noqa: D301  For click, the mark keeps the lines.
    selection = select(paths, prefix)
    _tell_skipped(selection.skipped)
    if not selection.files:
        say("Nothing to take in: no readable file was found.")
        return
    outcomes = asyncio.run(_run(selection, access, patience))
    table_of_outcomes(outcomes)
    counts = Counter(outcome.result for outcome in outcomes)
    say(", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    if counts[Result.FAILED]:
        raise click.exceptions.Exit(1)


async def _run(selection: Selection, access: Sequence[str], patience_s: float) -> list[Outcome]:
    settings = Settings.from_environment()
    patience = Patience(patience_s, tell=Occasionally(say))
    target = settings.backend_url, settings.api_key
    async with connect(*target, patience=patience) as backend:
        with progress("Taking in documents", len(selection.files)) as done:
            return await send(backend, selection.files, done, _IN_FLIGHT, access)


def _tell_skipped(skipped: Sequence[Skipped]) -> None:
    for item in skipped[:_SHOWN_SKIPS]:
        say(f"Left out: {item.path} ({item.reason})")
    if len(skipped) > _SHOWN_SKIPS:
        say(f"Left out: {len(skipped) - _SHOWN_SKIPS} more")
