"""`incident serve`, `watch`, `update`, `escalate`, `handoff`, `outbox`: tell, keep the clock."""
# ruff: noqa: PLC0415  What sends is loaded by the command that sends; --help is at once.

import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from info_assistant.runbooks.model import Contact

from info_assistant.runbooks.commands.groups import FILE, print_json
from info_assistant.runbooks.commands.run import id_option

PORT = 8002


@click.command(short_help="Listen to alerts, page, tell people, keep the clock.")
@click.option(
    "--host",
    envvar=["INCIDENT_HOST", "BIND_ADDRESS"],
    default="127.0.0.1",
    show_default=True,
    help="Its address.",
)
@click.option("--port", envvar="INCIDENT_PORT", default=PORT, show_default=True, help="Its port.")
@click.option(
    "--runbook", "file", type=FILE, envvar="INCIDENT_RUNBOOK", help="What new incidents follow."
)
@click.option("--parent", type=int, hidden=True, help="End with this process.")
def serve(host: str, port: int, file: Path | None, parent: int | None) -> None:
    """Listen to Alertmanager, open incidents, page at once, keep cadence and escalation.

    Alertmanager sends to /v1/alerts; /metrics, /livez and /readyz tell of the service itself. It
    needs nothing of the product. One service for one store of records; what it was doing when it
    was killed goes on when it is started again.

    \b
    Examples:
      info-assistant incident serve
      INCIDENT_HOST=0.0.0.0 INCIDENT_DIR=incidents info-assistant incident serve
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import (
        keeper_here,
        say_aside,
        senders_of,
        setup_here,
    )
    from info_assistant.runbooks.commands.speech import Speech
    from info_assistant.runbooks.reading.markdown import parse_runbook, read_bytes
    from info_assistant.runbooks.service.alerts import Desk
    from info_assistant.runbooks.service.provider_status import pages_of
    from info_assistant.runbooks.service.serving import Service
    from info_assistant.runbooks.shipped import NAME, shipped_runbook

    variables = settings.environment()
    data, name = (read_bytes(file), file.name) if file else (shipped_runbook(), NAME)
    store = incidents()
    setup = setup_here(parse_runbook(data, name))
    keeper = keeper_here(store, setup, kept=True)
    say = Speech(say_aside)
    service = Service(
        Desk(store, settings.incident_folder(variables), data, name),
        keeper,
        senders_of(store, setup, keeper, say),
        pages_of(variables),
        variables.get("INCIDENT_ALERTS_TOKEN", ""),
        say,
    )
    over = told_to_stop(parent)
    try:
        there = service.start(host, port)
    except OSError as error:
        raise click.ClickException(
            f"{host}:{port} cannot be listened on ({error.strerror}). Set INCIDENT_PORT."
        ) from error
    click.echo(f"Listens on {host}:{there}. Tells: {', '.join(setup.receivers) or 'nobody'}.")
    if setup.missing:
        click.echo(f"Not set up: {', '.join(setup.missing)} (docs/incidents.md).")
    over.wait()
    service.stop()
    click.echo("Stopped.")


def told_to_stop(parent: int | None = None) -> threading.Event:
    """Return what is set by Ctrl-C, by a signal to end, or when the process `parent` is gone."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    if parent is not None:
        threading.Thread(target=_watch_parent, args=(parent, over), daemon=True).start()
    return over


def _watch_parent(parent: int, over: threading.Event) -> None:
    while os.getppid() == parent and not over.wait(1.0):
        continue
    over.set()


@click.command(short_help="Keep the clock here while no service does.")
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
def watch(*, once: bool) -> None:
    """Keep the clock of this machine's incidents in the foreground, and send what waits.

    For when `incident serve` does not run. Ctrl-C ends it; the record has everything.

    \b
    Examples:
      info-assistant incident watch
      info-assistant incident watch --once
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import keeper_here, senders_of, setup_here
    from info_assistant.runbooks.record.timeline import sentence

    store = incidents()
    setup = setup_here()
    keeper = keeper_here(store, setup, kept=not once)
    senders = senders_of(store, setup, keeper).values()
    over = told_to_stop()
    while True:
        for event in keeper.tick():
            click.echo(f"{event.at:%H:%M:%S}Z  {sentence(event)}")
        for sender in senders:
            sender.run_once()
        if once or over.wait(1.0):
            return


@click.command(short_help="Tell everybody where the incident stands.")
@click.argument("text", default="")
@click.option("--customers", is_flag=True, help="Print the notice to customers instead.")
@click.option("--executives", is_flag=True, help="Print the brief for executives instead.")
@click.option("--dry-run", is_flag=True, help="Only print what would be said.")
@id_option
def update(
    text: str, name: str | None, *, customers: bool, executives: bool, dry_run: bool
) -> None:
    """Tell everybody where the incident stands, with words of yours if you like.

    The runbook's template is filled in; what no check confirms is left out and named. Where nobody
    is set up, the text is printed for you to paste.

    \b
    Examples:
      info-assistant incident update "Disk of qdrant-1 is full, we enlarge it"
      info-assistant incident update --customers
      info-assistant incident update --dry-run
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import flush, keeper_here, setup_here
    from info_assistant.runbooks.telling import notices

    store = incidents()
    current = store.current(name)
    setup = setup_here(store.runbook(current))
    keeper = keeper_here(store, setup, kept=True)
    incident = store.read(current)
    case, clock = keeper.case(incident), keeper.clock(incident)
    if customers or executives:
        brief = notices.executive_brief(case, clock)
        shown = notices.customer_notice(case) if customers else brief
        click.echo(shown.text)
        _left_out(shown.left_out)
        return
    inside = keeper.composer(current).inside(case, clock)
    public = notices.public_text(case, clock)
    if dry_run or not setup.receivers:
        click.echo(f"To the team:\n\n{inside.text}\n\nTo the public:\n\n{public.text}\n")
    _left_out([*inside.left_out, *public.left_out])
    if not dry_run:
        keeper.say(current, text)
        flush(store, setup)
        told = ", ".join(setup.receivers) or "nobody is set up; paste what is above"
        click.echo(f"Told: {told}.")


def _left_out(found: Iterable[tuple[str, str]]) -> None:
    for sentence, reason in dict(found).items():
        click.echo(f"left out: {sentence!r}: {reason}", err=True)


@click.command(short_help="Call the next tier of people now.")
@click.argument("reason")
@click.option("--tier", type=click.IntRange(0), help="This tier, counted from 0; else the next.")
@id_option
def escalate(reason: str, tier: int | None, name: str | None) -> None:
    """Call the next tier of the runbook's escalation path now, whoever has acknowledged.

    \b
    Examples:
      info-assistant incident escalate "We need somebody who knows Qdrant"
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import flush, keeper_here, setup_here
    from info_assistant.runbooks.record.timeline import sentence

    store = incidents()
    current = store.current(name)
    setup = setup_here(store.runbook(current))
    event = keeper_here(store, setup, kept=False).escalate(current, tier, reason)
    flush(store, setup)
    if event is not None:
        click.echo(f"{current}: {sentence(event)}.")
    if "pagerduty" not in setup.receivers:
        for contact in store.runbook(current).contacts:
            click.echo(f"  call by hand: {contact.role}: {_ways(contact)}")


def _ways(contact: "Contact") -> str:
    """Return how somebody is reached; what only stands for a number is none."""
    from info_assistant.runbooks.shell.placeholders import find_placeholders

    known = {"name": contact.name, **contact.ways}
    lacks = [way for way, value in known.items() if find_placeholders(value)]
    told = [f"{way} {value}" for way, value in known.items() if value and way not in lacks]
    return ", ".join([*told, *(f"no {way} is known" for way in lacks)])


@click.command(short_help="Give the incident to somebody else.")
@click.argument("to")
@click.option("--here", is_flag=True, help="From now on this machine keeps the clock and sends.")
@id_option
def handoff(to: str, name: str | None, *, here: bool) -> None:
    """Give the incident to somebody, who is called until they acknowledge it.

    On another machine, after `incident join`, `--here` takes the clock over as well.

    \b
    Examples:
      info-assistant incident handoff ben
      info-assistant incident handoff ben --here
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import follow_up
    from info_assistant.runbooks.record.events import Kind

    store = incidents()
    current = store.current(name)
    data = {"to": to, **({"keeper": store.station()} if here else {})}
    store.tell(current, Kind.HANDED_OFF, data)
    click.echo(f"{current}: handed over to {to}, who has to `incident ack`.")
    follow_up(current)


@click.group(invoke_without_command=True, short_help="Show, send or give up messages that wait.")
@id_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def outbox(context: click.Context, name: str | None, *, as_json: bool) -> None:
    """Show what was told to whom and what still waits, with the reason.

    \b
    Examples:
      info-assistant incident outbox
      info-assistant incident outbox flush
      info-assistant incident outbox drop 3f1c5a --reason "the page is gone"
    """  # noqa: D301  For click, the mark keeps the lines.
    if context.invoked_subcommand is not None:
        return
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import waiting_lines
    from info_assistant.runbooks.outbox.messages import outbox_of

    store = incidents()
    current = store.current(name)
    found = outbox_of(store.read(current)).messages.values()
    if as_json:
        print_json([{**each.message.data(), "stage": each.stage} for each in found])
        return
    for stage in sorted({each.stage for each in found}):
        click.echo(f"{stage}: {sum(each.stage is stage for each in found)}")
    for line in waiting_lines(store, current):
        click.echo(f"  {line}")


@outbox.command("flush", short_help="Try now to deliver what waits.")
@click.option("--all", "everybody", is_flag=True, help="Also what another machine was to send.")
def outbox_flush(*, everybody: bool) -> None:
    """Try now to deliver what waits, for all incidents of this machine."""
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import flush, setup_here
    from info_assistant.runbooks.outbox.messages import outbox_of

    store = incidents()
    flush(store, setup_here(), everybody=everybody)
    fine, _ = store.survey()
    left = sum(len(outbox_of(each).waiting()) for each in fine)
    click.echo(f"{left} messages wait.")


@outbox.command("drop", short_help="Give up a message.")
@click.argument("message")
@click.option("--reason", required=True, help="Why it is not to be delivered any more.")
@id_option
def outbox_drop(message: str, reason: str, name: str | None) -> None:
    """Give up a message that waits; the record keeps it, and why."""
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.outbox.messages import outbox_of
    from info_assistant.runbooks.record.events import Kind

    store = incidents()
    current = store.current(name)
    fitting = [
        each.message
        for each in outbox_of(store.read(current)).waiting()
        if each.message.id.startswith(message)
    ]
    if len(fitting) != 1:
        raise click.ClickException(f"{len(fitting)} waiting messages begin with {message!r}.")
    data = {"message": fitting[0].id, "receiver": fitting[0].receiver, "reason": reason}
    store.tell(current, Kind.DROPPED, data)
    click.echo(f"{current}: {fitting[0].id} is given up.")


COMMANDS: tuple[click.Command, ...] = (serve, watch, update, escalate, handoff, outbox)
