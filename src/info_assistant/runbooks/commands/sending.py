"""What commands share that tell people: the receivers of this machine, and one round of sending."""
# ruff: noqa: PLC0415  What sends is loaded by the command that sends; --help is at once.

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from info_assistant.runbooks.keeping.keeper import Keeper
    from info_assistant.runbooks.outbox.messages import Outgoing
    from info_assistant.runbooks.outbox.sending import Sender
    from info_assistant.runbooks.receivers.configured import Setup
    from info_assistant.runbooks.record.store import Incidents

ROUND_S = 8.0
"""A command waits no longer for receivers; what is left is sent by the next one, or the service."""


def setup_here(runbook: object = None) -> "Setup":
    """Return the receivers that this machine's environment names. Raises NotConfigured."""
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.model import Runbook
    from info_assistant.runbooks.receivers.configured import setup_of
    from info_assistant.runbooks.shipped import NAME, shipped_runbook

    variables = settings.environment()
    if not isinstance(runbook, Runbook):
        from info_assistant.runbooks.reading.markdown import parse_runbook

        runbook = parse_runbook(shipped_runbook(), NAME)
    return setup_of(variables, settings.incident_folder(variables), runbook)


def keeper_here(store: "Incidents", setup: "Setup", *, kept: bool) -> "Keeper":
    """Return who keeps the clock here; `kept` says whether it goes on after this command."""
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.diagnosis.places import places_of
    from info_assistant.runbooks.keeping.keeper import Keeper
    from info_assistant.runbooks.telling.facts import Looking

    variables = settings.environment()
    public = variables.get("INCIDENT_PUBLIC_URL")
    places = places_of(variables, {"public": public} if public else {})
    receivers = list(setup.receivers.values())
    return Keeper(store, lambda _runbook: receivers, Looking(places), kept=kept)


def say_aside(words: str) -> None:
    """Say what belongs to no output."""
    click.echo(words, err=True)


def senders_of(
    store: "Incidents", setup: "Setup", keeper: "Keeper", say: Callable[[str], None] = say_aside
) -> "dict[str, Sender]":
    """Return a sender for each receiver; the keeper words anew what is delivered late."""
    from info_assistant.runbooks.keeping.lateness import Lateness
    from info_assistant.runbooks.outbox.sending import Sender

    late = Lateness(keeper)
    return {name: Sender(each, store, late.wording, say) for name, each in setup.receivers.items()}


def flush(store: "Incidents", setup: "Setup", *, everybody: bool = False) -> None:
    """Try to deliver what waits, all receivers side by side, for at most 8 s."""

    def run(sender: "Sender") -> None:
        from info_assistant.runbooks.errors import RecordError

        try:
            sender.run_once(everybody=everybody)
        except RecordError as problem:
            click.echo(problem.message, err=True)

    keeper = keeper_here(store, setup, kept=False)
    threads = [
        threading.Thread(target=run, args=(each,), daemon=True)
        for each in senders_of(store, setup, keeper).values()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + ROUND_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))


def follow_up(name: str) -> None:
    """Do what is due for an incident and try to deliver it; say what is left and how to go on.

    Nothing of this can fail the command: the record has what happened, and the rest follows.
    """
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.errors import EngineError

    if not settings.tells_somebody(settings.environment()):
        return
    store = incidents()
    try:
        setup = setup_here()
        keeper_here(store, setup, kept=False).tend(name)
        flush(store, setup)
        waiting = list(waiting_lines(store, name))
    except EngineError as problem:
        click.echo(f"Nobody was told: {problem.message}", err=True)
        return
    if waiting:
        click.echo(f"{len(waiting)} messages wait; `incident outbox` shows them.")


def waiting_lines(store: "Incidents", name: str) -> Iterator[str]:
    """Yield what waits to be delivered, a line each."""
    from info_assistant.runbooks.outbox.attempts import AttemptNotes
    from info_assistant.runbooks.outbox.messages import outbox_of

    notes = AttemptNotes(store.record(name).folder)
    for each in outbox_of(store.read(name)).waiting():
        tried = notes.read(each.message.id)
        said = f", {tried.count} attempts: {tried.reason}" if tried.count else ""
        yield f"{each.message.id}  {_worded(each)}{said}"


def _worded(each: "Outgoing") -> str:
    return f"{each.message.receiver:<11}{each.message.act:<11}{each.queued.at:%H:%M:%S}Z"
