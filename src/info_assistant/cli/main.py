"""The command line's front door: names every command and loads one only when it is called.

Keeping the imports inside the loaders is what makes `--help` immediate; nothing here may import a
part of the product at module level except the error tree.
"""
# ruff: noqa: PLC0415  An import inside a loader is paid for only by the command that needs it.

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from info_assistant.errors import InfoAssistantError, Unavailable

FAILED = 1
"""Exit code: the work was done, but not all of it succeeded, or the request made no sense."""

UNREACHABLE = 2
"""Exit code: something that the command depends on does not answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command as the overview shows it, and how to get at the whole of it."""

    name: str
    summary: str
    load: Callable[[], click.Command]


def _up() -> click.Command:
    from info_assistant.cli.up import up

    return up


def _serve() -> click.Command:
    from info_assistant.cli.roles import serve

    return serve


def _frontend() -> click.Command:
    from info_assistant.cli.roles import frontend

    return frontend


def _worker() -> click.Command:
    from info_assistant.cli.roles import worker

    return worker


def _local_qdrant() -> click.Command:
    from info_assistant.cli.roles import local_qdrant

    return local_qdrant


def _drill() -> click.Command:
    from info_assistant.cli.drill import drill

    return drill


def _ask() -> click.Command:
    from info_assistant.cli.ask import ask

    return ask


def _ingest() -> click.Command:
    from info_assistant.cli.ingest import ingest

    return ingest


def _documents() -> click.Command:
    from info_assistant.cli import curation

    return curation.documents


def _keys() -> click.Command:
    from info_assistant.cli.keys import keys

    return keys


def _tenants() -> click.Command:
    from info_assistant.cli.tenants import tenants

    return tenants


def _rebuild() -> click.Command:
    from info_assistant.cli.rebuild import rebuild

    return rebuild


def _backup() -> click.Command:
    from info_assistant.cli.backup import backup

    return backup


def _restore() -> click.Command:
    from info_assistant.cli.backup import restore

    return click.Command(
        "restore",
        callback=restore.callback,
        params=restore.params,
        help=(restore.help or "").replace("assistant backup restore", "assistant restore"),
        short_help="Bring a backup back; the same as `backup restore`.",
    )


def _evaluate() -> click.Command:
    from info_assistant.evaluation.command import evaluate

    return evaluate


def _usage() -> click.Command:
    from info_assistant.cli.usage import usage

    return usage


def _local_redis() -> click.Command:
    from info_assistant.cli.local_redis import local_redis

    return local_redis


def _modes() -> click.Command:
    from info_assistant.cli.modes import modes

    return modes


def _doctor() -> click.Command:
    from info_assistant.cli.doctor import doctor

    return doctor


def _failover() -> click.Command:
    from info_assistant.cli.failover import failover

    return failover


def _runbook() -> click.Command:
    from copy import copy

    from info_assistant.cli.rehearse import drill
    from info_assistant.runbooks.commands.runbook import runbook

    # A copy: the engine's own group keeps what says that drills come with the product.
    whole = copy(runbook)
    whole.commands = {**runbook.commands, "drill": drill}
    return whole


def _incident() -> click.Command:
    from info_assistant.runbooks.commands.incident import incident

    return incident


ENTRIES: Sequence[Entry] = (
    Entry("up", "Start everything on this machine and keep it running.", _up),
    Entry("ask", "Ask a question and read the answer with its citations.", _ask),
    Entry("ingest", "Take files and folders into the library.", _ingest),
    Entry(
        "documents",
        "List, edit, withdraw or delete documents; say who sees them.",
        _documents,
    ),
    Entry("modes", "Show, set and lift the modes of the service.", _modes),
    Entry("usage", "Show what language models cost, by day and model, and the budget.", _usage),
    Entry("doctor", "Say what is wrong with this installation and how to mend it.", _doctor),
    Entry("incident", "Open, record and close incidents, and follow a runbook.", _incident),
    Entry("failover", "Lead readers to the second region, and back.", _failover),
    Entry("runbook", "Check, show and plan runbooks for incidents.", _runbook),
    Entry(
        "evaluate",
        "Measure retrieval and answers on a set of QUESTIONS, one JSON object a line.",
        _evaluate,
    ),
    Entry("keys", "Let programs in with API keys, and shut them out again.", _keys),
    Entry("tenants", "Create and list tenants, and set what each may use.", _tenants),
    Entry("rebuild", "Recreate what can be derived from object storage.", _rebuild),
    Entry("backup", "Make backups of everything, prove them, and bring them back.", _backup),
    Entry("restore", "Bring a backup back; the same as `backup restore`.", _restore),
    Entry("serve", "Run the backend alone.", _serve),
    Entry("worker", "Take documents in, without an API.", _worker),
    Entry("frontend", "Run the web page alone.", _frontend),
    Entry("local-qdrant", "Run the one-machine vector store alone.", _local_qdrant),
    Entry("local-redis", "Run the one-machine Redis alone.", _local_redis),
    Entry("drill", "Run stand-ins for demonstrations, such as an identity provider.", _drill),
)


class LazyGroup(click.Group):
    """A group that knows its commands by name and one line each until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer needs them."""
        del ctx
        return [entry.name for entry in ENTRIES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command, or return None for an unknown name."""
        del ctx
        return next((entry.load() for entry in ENTRIES if entry.name == cmd_name), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without loading a single command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.summary) for entry in ENTRIES])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="info-assistant", prog_name="info-assistant")
def program() -> None:
    """Answers questions over your own documents, and quotes them word for word.

    \b
    Start here:
      info-assistant up                      start everything, with sample documents
      info-assistant ingest ~/policies       take in a folder of your own
      info-assistant ask "How much leave do I have?"

    Every command explains itself: info-assistant ingest --help
    """  # noqa: D301  For click, the mark keeps the lines.


def main() -> None:
    """Run the command line; our own errors become plain words and an exit code."""
    failure: BaseException | None = None
    try:
        program.main(prog_name="info-assistant")
    except* InfoAssistantError as several:
        failure = several
    # Concurrent tasks tend to meet the same fault; the first one tells the story.
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, InfoAssistantError):
        click.echo(failure.message, err=True)
        sys.exit(UNREACHABLE if isinstance(failure, Unavailable) else FAILED)
