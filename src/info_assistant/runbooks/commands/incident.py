"""`incident`: the record of an incident, from opening to closing."""
# ruff: noqa: PLC0415  What reads runbooks is loaded by the command that needs it; --help is at once.

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from info_assistant.runbooks.commands import after, service
from info_assistant.runbooks.commands.diagnose import diagnose
from info_assistant.runbooks.commands.groups import FILE, EngineGroup, print_json
from info_assistant.runbooks.commands.run import id_option, resume, run
from info_assistant.runbooks.commands.sending import follow_up

if TYPE_CHECKING:
    from info_assistant.runbooks.record.incident import Incident
    from info_assistant.runbooks.record.store import Incidents

runbook_option = click.option(
    "--runbook",
    "file",
    type=FILE,
    envvar="INCIDENT_RUNBOOK",
    show_envvar=True,
    help="The runbook that is followed; else the one that comes with this program.",
)


def incidents(given: Mapping[str, str] | None = None) -> "Incidents":
    """Return the incidents of this machine; secrets of the environment and `given` are masked."""
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.record.redaction import Redaction
    from info_assistant.runbooks.record.store import Incidents

    variables = settings.environment()
    return Incidents(
        settings.incident_folder(variables),
        Redaction.of_environment({**variables, **(given or {})}),
        author=settings.author(variables),
    )


@click.group(cls=EngineGroup, short_help="Open, record and close incidents, and follow a runbook.")
def incident() -> None:
    """Open, record and close incidents, and follow a runbook.

    The record is kept on this machine; nothing of this needs the product, a cluster or a network:
    docs/incidents.md.

    \b
    Examples:
      info-assistant incident open P0-2
      info-assistant incident run
      info-assistant incident note "Disk of qdrant-1 is full"
      info-assistant incident status
      info-assistant incident resolve "Qdrant answers again; no data was lost"
    """  # noqa: D301  For click, the mark keeps the lines.


def _instant(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> datetime | None:
    """Return the time that 2026-11-26T03:12Z, or 03:12 of today (UTC), names."""
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        if len(text) <= len("23:59:59"):
            found = datetime.combine(now.date(), datetime.strptime(text, "%H:%M").time(), UTC)  # noqa: DTZ007
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; write 03:12 or 2026-11-26T03:12Z."
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found > now:
        raise click.BadParameter(f"{text} (UTC) is in the future.")
    return found


@incident.command("open", short_help="Begin an incident and its record.")
@click.argument("scenario", required=False)
@runbook_option
@click.option("--title", help="What is wrong; else the scenario's title.")
@click.option("--severity", default="P0", show_default=True, help="How grave it is.")
@click.option("--started", callback=_instant, metavar="TIME", help="When it began (UTC).")
@click.option("--detected", callback=_instant, metavar="TIME", help="When it was noticed (UTC).")
@click.option("--diagnose", "look", is_flag=True, help="Look first, and record what was found.")
@click.option("--drill", is_flag=True, help="It is an exercise; all that is said says so.")
def open_incident(  # noqa: PLR0913  One parameter an option.
    scenario: str | None,
    file: Path | None,
    title: str | None,
    severity: str,
    started: datetime | None,
    detected: datetime | None,
    *,
    look: bool,
    drill: bool,
) -> None:
    """Begin an incident: its record, and a copy of the runbook that holds for all of it.

    With --diagnose the scenario is what `incident diagnose` names, where you name none.

    \b
    Examples:
      info-assistant incident open P0-2 --started 03:12
      info-assistant incident open --diagnose
      info-assistant incident open --runbook P0-INCIDENTS.md --title "Answers are slow"
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.commands import diagnose as diagnosing
    from info_assistant.runbooks.commands.telling import scenario_of
    from info_assistant.runbooks.reading.markdown import parse_runbook, read_bytes
    from info_assistant.runbooks.record.store import Opening
    from info_assistant.runbooks.shipped import NAME, shipped_runbook

    data = read_bytes(file) if file else shipped_runbook()
    name = file.name if file else NAME
    runbook = parse_runbook(data, name)
    diagnosis = diagnosing.diagnosis_of(diagnosing.observe({})) if look else None
    found = scenario_of(runbook, scenario) if scenario else None
    if found is None and diagnosis is not None and diagnosis.named:
        found = runbook.scenario(diagnosis.named[0].code)
    opening = Opening(
        title or (found.title if found else "Not named yet"),
        found.code if found else "",
        severity,
        started,
        detected,
        drill,
    )
    store = incidents()
    opened = store.open(opening, data, name)
    click.echo(f"Opened {opened.id}: {opened.title}")
    if diagnosis is not None:
        diagnosing.tell(diagnosis, opened.id)
        click.echo(f"Diagnosis: {diagnosis.text}")
        opened = store.read(opened.id)
    if found is not None:
        click.echo("Next: info-assistant incident run")
    _head(opened)
    follow_up(opened.id)


def _head(shown: "Incident") -> None:
    click.echo(f"Record: event {shown.events[-1].number}, head {shown.head}")


def _tell(kind: str, text: str, name: str | None) -> None:
    """Append an event with a text to the incident that is meant, and say so."""
    from info_assistant.runbooks.record.events import Kind

    store = incidents()
    current = store.current(name)
    store.tell(current, Kind(kind), {"text": text} if text else {})
    click.echo(f"{current}: {kind}.")
    _head(store.read(current))
    if kind != Kind.NOTED:
        follow_up(current)


@incident.command(short_help="Write down what is seen or done.")
@click.argument("text")
@id_option
def note(text: str, name: str | None) -> None:
    """Write down what is seen or done. Secrets are masked before anything is written.

    \b
    Examples:
      info-assistant incident note "Called the storage team, they look at it"
    """  # noqa: D301  For click, the mark keeps the lines.
    _tell("noted", text, name)


@incident.command(short_help="Say that somebody takes care of it.")
@id_option
def ack(name: str | None) -> None:
    """Say that you take care of the incident; the first one counts.

    \b
    Examples:
      info-assistant incident ack
    """  # noqa: D301  For click, the mark keeps the lines.
    _tell("acknowledged", "", name)


@incident.command(short_help="Say that users are served again, the cause may still be there.")
@click.argument("text")
@id_option
def mitigate(text: str, name: str | None) -> None:
    """Say that users are served again; the cause may still be there.

    \b
    Examples:
      info-assistant incident mitigate "Answers from Anthropic"
    """  # noqa: D301  For click, the mark keeps the lines.
    _tell("mitigated", text, name)


@incident.command(short_help="Say that the cause is gone.")
@click.argument("text")
@id_option
def resolve(text: str, name: str | None) -> None:
    """Say that the cause is gone, and whether data was lost.

    \b
    Examples:
      info-assistant incident resolve "Disk enlarged; no data was lost"
    """  # noqa: D301  For click, the mark keeps the lines.
    _tell("resolved", text, name)


@incident.command(short_help="End a resolved incident.")
@click.argument("text", default="")
@click.option("--keep", metavar="REASON", help="Why changes that were made meanwhile stay.")
@id_option
def close(text: str, keep: str | None, name: str | None) -> None:
    """End a resolved incident. Changes made meanwhile are taken back first, or kept on purpose.

    \b
    Examples:
      info-assistant incident close
      info-assistant incident close --keep "REDIS_ENABLED=false stays until Monday, see OPS-12"
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.record.events import Kind

    store = incidents()
    current = store.current(name)
    for each in store.read(current).open_reverts if keep else ():
        store.tell(current, Kind.REVERTED, {"step": each.key, "reason": f"kept: {keep}"})
    _tell("closed", text, current)


@incident.command(short_help="Show where an incident stands.")
@id_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def status(name: str | None, *, as_json: bool) -> None:
    """Show where an incident stands: times, steps with an unknown outcome, what to take back.

    \b
    Examples:
      info-assistant incident status
      info-assistant incident status --id p0-2 --json
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.record.timeline import status_data, status_lines

    store = incidents()
    shown = store.read(store.current(name))
    if as_json:
        print_json(status_data(shown))
        return
    click.echo("\n".join(status_lines(shown)))
    _head(shown)


@incident.command("list", short_help="List the incidents of this machine.")
def list_incidents() -> None:
    """List the incidents of this machine, oldest first; one that is broken is shown as such.

    \b
    Examples:
      info-assistant incident list
    """  # noqa: D301  For click, the mark keeps the lines.
    fine, broken = incidents().survey()
    lines = {each.id: f"{each.status}  {each.title}" for each in fine}
    lines |= {name: f"BROKEN  {problem}" for name, problem in broken.items()}
    for name in sorted(lines):
        click.echo(f"{name}  {lines[name]}")


@incident.command(short_help="Print everything that happened, in order.")
@id_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def timeline(name: str | None, *, as_json: bool) -> None:
    """Print everything that happened, in order; times are UTC.

    \b
    Examples:
      info-assistant incident timeline
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.record.timeline import timeline as lines

    store = incidents()
    shown = store.read(store.current(name))
    if as_json:
        print_json([json.loads(event.text) for event in shown.events])
    else:
        click.echo("\n".join(lines(shown)))


@incident.command(short_help="Write an incident to a file, for others or as a page.")
@id_option
@click.option("--out", type=FILE, help="The file; else it is printed.")
@click.option("--md", is_flag=True, help="As a Markdown page, with what commands printed.")
def export(name: str | None, out: Path | None, *, md: bool) -> None:
    """Write all of an incident to a file, with which another person joins on another machine.

    \b
    Examples:
      info-assistant incident export --out p0-2.json
      info-assistant incident export --md --out p0-2.md
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.record.timeline import page

    store = incidents()
    current = store.current(name)
    text = page(store.read(current)) if md else json.dumps(store.export(current), indent=1) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{out} cannot be written: {error.strerror}.") from error
    click.echo(f"Wrote {current} to {out}.")


@incident.command(short_help="Go on with an incident that was begun on another machine.")
@click.argument("file", type=click.File(encoding="utf-8"))
def join(file: TextIO) -> None:
    """Go on with an incident that was begun elsewhere, from what `incident export` wrote there.

    May be done again with a newer file. Where both sides went on meanwhile, both are kept.

    \b
    Examples:
      info-assistant incident join p0-2.json
    """  # noqa: D301  For click, the mark keeps the lines.
    joined, fresh = incidents().join(file.read())
    click.echo(f"{joined.id}: {fresh} new events.")
    _head(joined)


@incident.command("verify-log", short_help="Check that the record is what was written.")
@id_option
@click.option("--head", help="The hash of an event that was noted elsewhere; it has to be there.")
def verify_log(name: str | None, head: str | None) -> None:
    """Check that the record is what was written: nothing changed, put in, taken out or cut off.

    \b
    Examples:
      info-assistant incident verify-log
      info-assistant incident verify-log --head 3f1c…
    """  # noqa: D301  For click, the mark keeps the lines.
    store = incidents()
    current = store.current(name)
    shown = store.read(current)
    store.runbook(current)
    if head and not any(event.hash.startswith(head) for event in shown.events):
        raise click.ClickException(
            f"No event of {current} has the hash {head}: its end was cut off, or it is another one."
        )
    click.echo(f"{current}: {len(shown.events)} events and the runbook are what was written.")
    _head(shown)


for _command in (diagnose, run, resume, *service.COMMANDS, *after.COMMANDS):
    incident.add_command(_command)
