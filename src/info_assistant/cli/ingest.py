"""`ingest`: takes files and folders into the library through the backend's own intake."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from info_assistant.cli.backend import Patience, connect
from info_assistant.cli.bulk import Bulk, Wishes
from info_assistant.cli.files import Selection, Skipped, select
from info_assistant.cli.output import Occasionally, say, table_of_outcomes
from info_assistant.cli.sending import Outcome, Result
from info_assistant.settings import Settings

_SHOWN_SKIPS = 20
_INTERRUPTED = 130


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
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C and take in what changes.")
@click.option(
    "--prune",
    is_flag=True,
    help="Remove documents that were taken in from these folders and whose file is gone.",
)
@click.option("--yes", is_flag=True, help="Do not ask before removing.")
def ingest(paths: tuple[Path, ...], patience: float, **wishes: object) -> None:
    """Take files and folders into the library.

    Folders are walked; hidden files and kinds without a reader are left out and named. A document
    is known by its path below the folder you name, so the command is safe to repeat, also after
    Ctrl-C or a crash: unchanged files are skipped, changed ones become new versions.

    \b
    Examples:
      info-assistant ingest ~/policies
      info-assistant ingest leave.pdf travel.docx
      info-assistant ingest hr/ --prefix hr/ --access hr --access works-council
      info-assistant ingest ~/policies --watch --prune --yes

    \b
    Exit code: 0 all files are in, 1 a file failed, 2 the backend cannot be reached, 130 stopped.
    """  # noqa: D301  For click, the mark keeps the lines.
    wanted = Wishes(paths, **wishes)  # type: ignore[arg-type]
    selection = select(paths, wanted.prefix)
    _tell_skipped(selection.skipped)
    if not (selection.files or wanted.watch or wanted.prune):
        say("Nothing to take in: no readable file was found.")
        return
    try:
        outcomes = asyncio.run(_run(wanted, selection, patience))
    except KeyboardInterrupt:
        say("Stopped. What was accepted goes on in the backend; the same command does the rest.")
        raise click.exceptions.Exit(0 if wanted.watch else _INTERRUPTED) from None
    table_of_outcomes(outcomes)
    counts = Counter(outcome.result for outcome in outcomes)
    say(", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    if counts[Result.FAILED]:
        raise click.exceptions.Exit(1)


async def _run(wanted: Wishes, selection: Selection, patience_s: float) -> Sequence[Outcome]:
    settings = Settings.from_environment()
    patience = Patience(patience_s, tell=Occasionally(say))
    target = settings.backend_url, settings.api_key
    async with connect(*target, patience=patience) as backend:
        bulk = await Bulk.on(backend, wanted, settings)
        outcomes = await bulk.once(selection)
        if wanted.watch:
            await bulk.watch()
        return outcomes


def _tell_skipped(skipped: Sequence[Skipped]) -> None:
    for item in skipped[:_SHOWN_SKIPS]:
        say(f"Left out: {item.path} ({item.reason})")
    if len(skipped) > _SHOWN_SKIPS:
        say(f"Left out: {len(skipped) - _SHOWN_SKIPS} more")
