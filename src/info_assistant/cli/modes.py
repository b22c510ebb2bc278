"""`modes`: which modes are in force, and the switches that turn them on and off."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import click

from info_assistant.cli.backend import connect
from info_assistant.cli.local import operating_account
from info_assistant.cli.output import print_rows, say
from info_assistant.model.mode import CHOICES, LONGEST_MESSAGE, ModeName
from info_assistant.settings import Settings

_ADDRESS = "/v1/admin/modes"
_COLUMNS = ("name", "value", "source", "actor", "reason", "since", "expires_at")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=30)

Values = Mapping[ModeName, str | None]


def duration(text: str) -> timedelta:
    """Return the time that 90s, 30m, 12h or 7d names. Raises click.BadParameter."""
    found = re.fullmatch(r"(\d{1,7})([smhd])", text)
    time = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < time <= _LONGEST:
        raise click.BadParameter(f"{text!r} is no time up to 30 days; write 90s, 30m, 12h or 7d.")
    return time


def setting(text: str) -> tuple[ModeName, str]:
    """Return the mode and the value that NAME=VALUE names. Raises click.BadParameter."""
    given, _, wanted = text.partition("=")
    if given not in list(ModeName) or not wanted.strip():
        raise click.BadParameter(f"{text!r} is not NAME=VALUE. Names: {', '.join(ModeName)}.")
    name = ModeName(given)
    choices = CHOICES.get(name)
    if choices is None:
        if len(wanted) > LONGEST_MESSAGE:
            raise click.BadParameter(f"{name} may have {LONGEST_MESSAGE} characters.")
        return name, wanted
    if wanted.lower() not in choices:
        raise click.BadParameter(f"{name} is one of {', '.join(choices)}.")
    return name, wanted.lower()


direct_option = click.option(
    "--direct",
    is_flag=True,
    help="Work on object storage itself, for when no backend answers. Shows switches only: what "
    "the environment of a backend sets, only that backend knows.",
)


@click.group(invoke_without_command=True, short_help="Show, set and lift the modes of the service.")
@click.pass_context
def modes(context: click.Context) -> None:
    """Show, set and lift the modes of the service; each change is in force everywhere within 2 s.

    \b
    Examples:
      info-assistant modes
      info-assistant modes set MAINTENANCE_MODE=true --reason "Restoring the index" --expires 30m
      info-assistant modes clear MAINTENANCE_MODE
    """  # noqa: D301  For click, the mark keeps the lines.
    if context.invoked_subcommand is None:
        context.invoke(list_modes)


@modes.command("list")
@direct_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_modes(*, direct: bool = False, as_json: bool = False) -> None:
    """List the modes that are in force, with who turned them on, why and for how long.

    \b
    Example:
      info-assistant modes list --json
    """  # noqa: D301  For click, the mark keeps the lines.
    _show(asyncio.run(_switched() if direct else _in_force()), as_json=as_json)


@modes.command("set")
@click.argument("settings", nargs=-1, required=True, type=setting, metavar="NAME=VALUE…")
@click.option("--reason", required=True, help="Why; it is shown with the mode and kept.")
@click.option("--expires", type=duration, help="Lift it after this time: 90s, 30m, 12h or 7d.")
@direct_option
def set_modes(
    settings: tuple[tuple[ModeName, str], ...],
    reason: str,
    expires: timedelta | None,
    *,
    direct: bool,
) -> None:
    """Throw switches.

    \b
    Examples:
      info-assistant modes set CACHE_ONLY_MODE=true --reason "Provider is down" --expires 30m
      info-assistant modes set MAINTENANCE_MODE=true MAINTENANCE_MESSAGE="Back soon" --reason Move
    """  # noqa: D301  For click, the mark keeps the lines.
    _throw(dict(settings), reason, expires, direct=direct)


@modes.command("clear")
@click.argument("names", nargs=-1, required=True, type=click.Choice(list(ModeName)))
@click.option("--reason", default="No longer needed.", show_default=True, help="Why; it is kept.")
@direct_option
def clear_modes(names: tuple[str, ...], reason: str, *, direct: bool) -> None:
    """Lift switches. What the environment set, no switch can lift; the answer says what can.

    \b
    Example:
      info-assistant modes clear CACHE_ONLY_MODE
    """  # noqa: D301  For click, the mark keeps the lines.
    _throw({ModeName(name): None for name in names}, reason, None, direct=direct)


def _throw(values: Values, reason: str, expires: timedelta | None, *, direct: bool) -> None:
    if direct:
        found = asyncio.run(_switched(values, reason, expires))
    else:
        found = asyncio.run(_in_force(_request(values, reason, expires)))
    _show(found, as_json=False)


def _request(values: Values, reason: str, expires: timedelta | None) -> dict[str, Any]:
    request: dict[str, Any] = {name.value: value for name, value in values.items()}
    request["reason"] = reason
    if expires is not None:
        request["expires_in"] = int(expires.total_seconds())
    return request


async def _in_force(order: Mapping[str, Any] | None = None) -> Sequence[Mapping[str, Any]]:
    """Return what a backend says is in force, after it has done what was ordered."""
    settings = Settings.from_environment()
    async with connect(settings.backend_url, settings.api_key) as backend:
        if order is None:
            reply = await backend.call("GET", _ADDRESS)
        else:
            reply = await backend.call("PUT", _ADDRESS, json=order)
    found: Sequence[Mapping[str, Any]] = reply["modes"]
    return found


async def _switched(
    values: Values | None = None, reason: str = "", expires: timedelta | None = None
) -> Sequence[Mapping[str, Any]]:
    """Return the switches in object storage, after what was ordered is done."""
    # These load the whole product, which the way over a backend does not need.
    from info_assistant.api.wire_health import mode_bodies  # noqa: PLC0415
    from info_assistant.observability.log import configure_logging  # noqa: PLC0415
    from info_assistant.resilience.modes import SwitchOrder  # noqa: PLC0415
    from info_assistant.wiring.administration import administration  # noqa: PLC0415

    configure_logging("WARNING")
    actor = operating_account()
    async with administration(Settings.from_environment(), actor) as administered:
        if values is not None:
            await administered.throw(SwitchOrder(values, actor, reason, expires_in=expires))
        return [body.model_dump(mode="json") for body in mode_bodies(administered.modes.in_force())]


def _show(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for mode in found:
            click.echo(json.dumps(mode, ensure_ascii=False))
    elif found:
        print_rows(_COLUMNS, [[_worded(mode.get(name)) for name in _COLUMNS] for mode in found])
    else:
        say("No mode is in force: everything is as usual.")


def _worded(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
