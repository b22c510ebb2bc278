"""`rebuild`: recreates what can be derived from object storage."""

import click

from info_assistant.cli.output import say
from info_assistant.settings import Settings


@click.group(short_help="Recreate what can be derived from object storage.")
def rebuild() -> None:
    """Recreate what can be derived from object storage, where the truth is.

    \b
    Example:
      info-assistant rebuild qdrant
    """  # noqa: D301  For click, the mark keeps the lines.


@rebuild.command("qdrant")
def rebuild_qdrant() -> None:
    """Recreate the search index and the documents' states in Qdrant.

    Empties both first, then reads every document again from object storage. Until it is done,
    answers come only from the documents that are in again; nothing else is lost by an interruption
    than time. The vector store must run.

    \b
    Example:
      info-assistant rebuild qdrant
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring import run_rebuild  # noqa: PLC0415  Loads the whole product.

    count = run_rebuild(Settings.from_environment(), _tell)
    click.echo(f"{count} documents")


def _tell(done: int, total: int) -> None:
    say(f"{done}/{total} documents")
