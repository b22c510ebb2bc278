"""`documents reindex`: embeds all documents anew while questions are answered."""

import os
import time

import click

from info_assistant.cli.output import Occasionally, say
from info_assistant.resilience.priority import Priority
from info_assistant.settings import Settings


@click.command("reindex")
def reindex() -> None:
    """Build the search index anew, beside the one in use, and put it in its place.

    Questions are answered from the old index until the new one is complete; documents that change
    meanwhile are right in both. An interrupted run goes on where it was when it is started again.
    Needs room in the vector store for both. Run it where the settings of the backend are.

    \b
    Example:
      info-assistant documents reindex
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.processes import run_reindex  # noqa: PLC0415  Loads the whole product.

    # Questions on this machine go first.
    os.nice(Priority.UPKEEP)
    tell = Occasionally(say)
    began = time.monotonic()
    count = run_reindex(
        Settings.from_environment(), lambda done, total: tell(f"{done}/{total} documents")
    )
    click.echo(f"{count} documents in {time.monotonic() - began:.0f} s")
