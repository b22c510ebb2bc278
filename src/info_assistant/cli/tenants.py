"""`tenants`: who shares this installation, and how much each may use."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from info_assistant.cli.local import operating_account
from info_assistant.cli.output import print_rows
from info_assistant.model.tenant import TenantLimits
from info_assistant.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from info_assistant.identity.administration import Administration
    from info_assistant.model.tenant import Tenant

_LIMITS = (
    ("questions_per_minute", "Questions that all its callers together may ask a minute."),
    ("question_burst", "How many of them may come at once; default: those of ten seconds."),
    ("uploads_per_minute", "Uploads a minute."),
    ("documents", "Documents that may be kept."),
    ("budget_usd", "US dollars that answers by language models may cost a month (UTC)."),
)
_COLUMNS = ("name", "title", *(name for name, _ in _LIMITS), "created")


def _with_limits(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each limit."""
    for name, words in reversed(_LIMITS):
        flag = f"--{name.replace('_', '-')}"
        command = click.option(flag, name, type=click.IntRange(min=1), help=words)(command)
    return command


@click.group(short_help="Create and list tenants, and set what each may use.")
def tenants() -> None:
    """Create and list tenants, and set what each may use.

    Tenants share an installation and see nothing of each other; the tenant `default` is always
    there. Works on object storage directly, also while nothing else runs; each change is in force
    everywhere within two seconds.

    \b
    Examples:
      info-assistant tenants create water --title "Ministry of Water" --questions-per-minute 60
      info-assistant tenants list
      info-assistant tenants set-limits water --documents 5000
    """  # noqa: D301  For click, the mark keeps the lines.


@tenants.command("create")
@click.argument("name")
@click.option("--title", default="", help="What people call it.")
@_with_limits
def create_tenant(name: str, title: str, **limits: int | None) -> None:
    """Create the tenant NAME: up to 63 of a-z, 0-9 and hyphens in between.

    \b
    Example:
      info-assistant tenants create water --title "Ministry of Water" --questions-per-minute 60
    """  # noqa: D301  For click, the mark keeps the lines.
    asyncio.run(_create(name, title, TenantLimits(**limits)))
    click.echo(f"created {name}")


@tenants.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_tenants(*, as_json: bool) -> None:
    """List the tenants with their limits; an empty field is without limit.

    \b
    Example:
      info-assistant tenants list
    """  # noqa: D301  For click, the mark keeps the lines.
    found = asyncio.run(_all())
    if as_json:
        for tenant in found:
            click.echo(json.dumps(dict(zip(_COLUMNS, _row(tenant), strict=True))))
        return
    texts = [["" if cell is None else str(cell) for cell in _row(tenant)] for tenant in found]
    print_rows(_COLUMNS, texts)


@tenants.command("set-limits")
@click.argument("name")
@_with_limits
def set_limits(name: str, **limits: int | None) -> None:
    """Replace all limits of the tenant NAME; what is not given is without limit from now on.

    \b
    Examples:
      info-assistant tenants set-limits water --questions-per-minute 60 --documents 5000
      info-assistant tenants set-limits water --budget-usd 200
      info-assistant tenants set-limits water
    """  # noqa: D301  For click, the mark keeps the lines.
    asyncio.run(_set_limits(name, TenantLimits(**limits)))
    click.echo(f"changed {name}")


def _administration() -> "AbstractAsyncContextManager[Administration]":
    from info_assistant.wiring.administration import administration  # noqa: PLC0415  Loads the stores.

    return administration(Settings.from_environment(), operating_account())


async def _create(name: str, title: str, limits: TenantLimits) -> None:
    async with _administration() as administered:
        await administered.create_tenant(name, title, limits)


async def _set_limits(name: str, limits: TenantLimits) -> None:
    async with _administration() as administered:
        await administered.set_limits(name, limits)


async def _all() -> "Sequence[Tenant]":
    async with _administration() as administered:
        return administered.tenants.all()


def _row(tenant: "Tenant") -> Sequence[Any]:
    limits = (getattr(tenant.limits, name) for name, _ in _LIMITS)
    created = f"{tenant.created_at:%Y-%m-%d %H:%M}" if tenant.created_at else ""
    return (tenant.name, tenant.title, *limits, created)
