"""`incident postmortem`, `checklist`, `metrics`, `providers`: what comes after, and beside."""
# ruff: noqa: PLC0415  What writes pages is loaded by the command that writes; --help is at once.

import re
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path

import click

from info_assistant.runbooks.commands.groups import FILE, print_json
from info_assistant.runbooks.commands.run import id_option


class _Mail(click.ParamType[str]):
    """A mail address that a calendar takes as it is."""

    name = "MAIL"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it, or end the command in words."""
        if not re.fullmatch(r"[^\s<>,;:\"@]+@[^\s<>,;:\"@]+", value):
            self.fail(f"{value!r} is no mail address; write ann@example.org.", param, ctx)
        return value


@click.command(short_help="Write the post-mortem from the record.")
@click.option("--out", type=FILE, help="The file; else it is printed.")
@click.option("--ics", type=FILE, help="Write an invitation to this calendar file.")
@click.option("--when", metavar="TIME", help="When it is held (UTC); else a time is proposed.")
@click.option("--guest", "guests", multiple=True, type=_Mail(), help="Who is invited.")
@click.option("--host", type=_Mail(), help="Who invites; else INCIDENT_MAIL_FROM.")
@click.option("--changes", is_flag=True, help="Only the changes that the record suggests.")
@click.option("--publish", is_flag=True, help="Send it to the status page and the ticket.")
@id_option
def postmortem(  # noqa: PLR0913  One parameter an option.
    out: Path | None,
    ics: Path | None,
    when: str | None,
    guests: tuple[str, ...],
    host: str | None,
    name: str | None,
    *,
    changes: bool,
    publish: bool,
) -> None:
    """Write the post-mortem: overview, impact, timeline with evidence, what went well, actions.

    Every time is from the record. Causes are yours to fill in: a page that is there already is not
    written over. --publish sends the page that --out wrote before and you have completed, if it is
    there.

    \b
    Examples:
      info-assistant incident postmortem --id p0-2 --out p0-2.md --ics p0-2.ics
      info-assistant incident postmortem --id p0-2 --changes
      info-assistant incident postmortem --id p0-2 --out p0-2.md --publish
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.afterwards.invitation import Company, invitation, proposed_time
    from info_assistant.runbooks.afterwards.lessons import lessons_of
    from info_assistant.runbooks.afterwards.postmortem import postmortem as page
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.settings import environment

    store = incidents()
    incident = store.read(store.current(name))
    if changes:
        click.echo("\n".join(f"- {each}" for each in lessons_of(incident)) or "None.")
        return
    if ics is not None:
        company = Company(host or parseaddr(environment().get("INCIDENT_MAIL_FROM", ""))[1], guests)
        if guests and not company.host:
            raise click.ClickException("Who invites? Name an address with --host.")
        begins = _time(when) if when else proposed_time(incident)
        ics.write_bytes(invitation(incident, begins, company).encode())
        click.echo(f"Wrote {ics}: {begins:%Y-%m-%d %H:%M} UTC.")
    text = out.read_text(encoding="utf-8") if publish and out and out.is_file() else page(incident)
    if publish:
        _publish(incident.id, text)
    elif out is not None:
        _write_new(out, text)
        click.echo(f"Wrote {out}.")
    elif ics is None:
        click.echo(text, nl=False)


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as page:
            page.write(text)
    except FileExistsError:
        raise click.ClickException(
            f"{file} is there already, with what people may have filled in. Choose another name, "
            "or remove it."
        ) from None


def _publish(name: str, text: str) -> None:
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.commands.sending import flush, keeper_here, setup_here

    store = incidents()
    setup = setup_here(store.runbook(name))
    keeper_here(store, setup, kept=False).publish(name, text)
    flush(store, setup)
    click.echo(f"{name}: the post-mortem is on its way.")


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time; write 2026-11-30T10:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.command(short_help="Show what is to be done afterwards, and tick it.")
@click.option("--done", metavar="ITEM", help="The item, or a part of it that tells it.")
@id_option
def checklist(done: str | None, name: str | None) -> None:
    """Show the runbook's lists for 1 hour, 24 hours and 1 week after an incident, or tick an item.

    \b
    Examples:
      info-assistant incident checklist --id p0-2
      info-assistant incident checklist --id p0-2 --done "status page"
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks.afterwards.checklists import checklists_of, done_items
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.record.events import Kind

    store = incidents()
    current = store.current(name)
    lists = checklists_of(store.runbook(current), store.read(current).scenario)
    if done is not None:
        items = [item for each in lists for item in each.items if done.lower() in item.lower()]
        if len(items) != 1:
            raise click.ClickException(f"{len(items)} items fit {done!r}.")
        store.tell(current, Kind.CHECKED, {"item": items[0]})
    ticked = done_items(store.read(current))
    for each in lists:
        click.echo(each.title)
        for item in each.items:
            click.echo(f"  [{'x' if item in ticked else ' '}] {item}")


@click.command(short_help="Show how long incidents take, over all of them.")
@click.option("--drills", is_flag=True, help="Of drills instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def metrics(*, drills: bool, as_json: bool) -> None:
    """Show MTTD, MTTA, time to mitigate and MTTR over all incidents: mean, median and number.

    \b
    Examples:
      info-assistant incident metrics
      info-assistant incident metrics --json
    """  # noqa: D301  For click, the mark keeps the lines.
    from dataclasses import asdict
    from datetime import timedelta

    from info_assistant.runbooks.afterwards.figures import figures_of
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.record.timeline import span

    fine, broken = incidents().survey()
    for name, problem in broken.items():
        click.echo(f"{name} is left out: {problem}", err=True)
    found = figures_of(fine, drills=drills)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        if each.mean_s is None or each.median_s is None:
            click.echo(f"{each.name:<18}none yet  ({each.definition})")
            continue
        mean, middle = (span(timedelta(seconds=s)) for s in (each.mean_s, each.median_s))
        click.echo(
            f"{each.name:<18}mean {mean}, median {middle}, n = {each.count}  ({each.definition})"
        )


@click.command(short_help="Show what providers say of themselves.")
def providers() -> None:
    """Ask the status pages of providers, in every form that is known; none is assumed.

    PROVIDER_STATUS_PAGES names them (openai=https://status.openai.com,…); else those of the
    providers whose keys are set.

    \b
    Examples:
      info-assistant incident providers
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.service.provider_status import PAGES, pages_of, provider_status

    for name, url in (pages_of(settings.environment()) or PAGES).items():
        found = provider_status(url)
        click.echo(f"{name:<11}{found.state:<12}{found.words}")


COMMANDS: tuple[click.Command, ...] = (postmortem, checklist, metrics, providers)
