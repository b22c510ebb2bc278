"""`up`: the whole stack on this machine, in the foreground, until told to stop."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence

import click

from info_assistant.cli.local import claimed, local_key, require_free
from info_assistant.cli.logs import follow
from info_assistant.cli.output import say
from info_assistant.cli.processes import Part, Supervisor
from info_assistant.cli.stack import Stack, wait_ready
from info_assistant.cli.versions import engines
from info_assistant.cli.welcome import Welcome
from info_assistant.settings import LOCAL_KEY_NAME, Settings

_READY_S = 60.0
_STOP_S = 9.0


@click.command(short_help="Start everything on this machine and keep it running.")
@click.option("--verbose", is_flag=True, help="Show engines, versions and what the parts log.")
@click.option("--no-samples", is_flag=True, help="Do not load the sample documents.")
@click.option("--incidents", is_flag=True, help="Start the incident service as well.")
@click.option(
    "--incidents-port", envvar="INCIDENT_PORT", default=8002, show_default=True, help="Its port."
)
def up(*, verbose: bool, no_samples: bool, incidents: bool, incidents_port: int) -> None:
    """Start everything on this machine and keep it running.

    Starts Redis (Valkey), the vector store, the backend and the web page, each a process of its
    own; restarts one that dies; stops all of them on Ctrl-C. On first use the sample documents are
    loaded.

    \b
    Examples:
      info-assistant up
      info-assistant up --no-samples --verbose
      info-assistant up --incidents
      DATA_DIR=/srv/assistant BACKEND_PORT=9000 info-assistant up
    """  # noqa: D301  For click, the mark keeps the lines.
    settings = Settings.from_environment()
    with claimed(settings.data_dir):
        key = settings.qdrant_api_key or ""
        if settings.qdrant_is_local and not key:
            key = local_key(settings.data_dir / LOCAL_KEY_NAME)
        stack = Stack.of(settings, parent=os.getpid(), qdrant_key=key)
        if incidents:
            stack = stack.with_incidents(settings.bind_host, incidents_port, os.getpid())
        asyncio.run(_run(settings, stack, verbose=verbose, with_samples=not no_samples))
    say("Stopped.")


async def _run(settings: Settings, stack: Stack, *, verbose: bool, with_samples: bool) -> None:
    """Bring the stack up and keep it up until a signal says stop."""
    for address in stack.addresses:
        await require_free(address)
    if verbose:
        for line in engines():
            say(line)
    stop = _stop_on_signals()
    welcome = Welcome(settings, stack, with_samples=with_samples)
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(stack.parts, say, _STOP_S)
        work: list[Coroutine[None, None, None]] = [
            supervisor.run(),
            _greet(supervisor, stack.parts, welcome),
        ]
        if verbose:
            work += [follow(part.name, part.log, say) for part in stack.parts]
        tasks = [group.create_task(coroutine) for coroutine in work]
        await stop.wait()
        say("Stopping …")
        for task in tasks:
            task.cancel()


async def _greet(supervisor: Supervisor, parts: Sequence[Part], welcome: Welcome) -> None:
    await wait_ready(parts, _READY_S, supervisor.mark_ready)
    await welcome.give()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
