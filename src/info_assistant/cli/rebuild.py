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
      info-assistant rebuild redis
      info-assistant rebuild conversations
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
    from info_assistant.wiring.processes import run_rebuild  # noqa: PLC0415  Loads the whole product.

    count = run_rebuild(Settings.from_environment(), _tell)
    click.echo(f"{count} documents")


@rebuild.command("redis")
def rebuild_redis() -> None:
    """Sum what tenants spent this month anew, from the ledger into Redis.

    Backends do so by themselves when Redis has lost something; this is for totals in doubt. Until
    each backend has told what it has not shipped yet, some seconds, each spends only its share of
    what is left. Counters of limits, streams and cached answers need no rebuilding.

    \b
    Example:
      info-assistant rebuild redis
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.processes import run_redis_rebuild  # noqa: PLC0415  Loads the whole product.

    spent = run_redis_rebuild(Settings.from_environment())
    for tenant, micro_usd in sorted(spent.items()):
        click.echo(f"{tenant}\t{micro_usd / 1e6:.6f} USD")
    if not spent:
        say("No tenant has a budget, so nothing is summed in Redis.")


@rebuild.command("conversations")
def rebuild_conversations() -> None:
    """List conversations that are missing in their askers' lists, from the answer records.

    For those begun before there were lists, or with a backend of an older version; what was deleted
    stays gone. Backends may run meanwhile.

    \b
    Example:
      info-assistant rebuild conversations
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.wiring.processes import run_conversation_lists  # noqa: PLC0415  Loads the whole product.

    count = run_conversation_lists(Settings.from_environment())
    click.echo(f"{count} questions were missing in lists of conversations")


def _tell(done: int, total: int) -> None:
    say(f"{done}/{total} documents")
