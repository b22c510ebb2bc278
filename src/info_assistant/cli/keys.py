"""`keys`: lets programs in, and shuts them out again."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from info_assistant.cli.local import operating_account
from info_assistant.cli.output import print_rows, say
from info_assistant.model.identity import DEFAULT_TENANT, Role
from info_assistant.settings import Settings

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from info_assistant.identity.administration import Administration
    from info_assistant.identity.keys import ApiKey, NewKey

_COLUMNS = ("id", "name", "tenant", "role", "groups", "state", "created", "expires")


@click.group(short_help="Let programs in with API keys, and shut them out again.")
def keys() -> None:
    """Let programs in with API keys, and shut them out again.

    Works on object storage directly, also while nothing else runs; each change is in force
    everywhere within two seconds. Keys count with AUTH=keys and AUTH=oidc.

    \b
    Examples:
      info-assistant keys create --role contributor --name "records import"
      info-assistant keys list
      info-assistant keys revoke 1f0c2a9be35d
    """  # noqa: D301  For click, the mark keeps the lines.


@keys.command("create")
@click.option("--name", required=True, help="Who or what uses the key.")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@click.option("--group", "groups", multiple=True, help="An access group; may be repeated.")
@click.option("--expires-days", type=click.IntRange(1, 3650), help="Days until it expires.")
def create_key(
    name: str, role: str, tenant: str, groups: tuple[str, ...], expires_days: int | None
) -> None:
    """Make a key and print it, once: nobody can look it up again.

    \b
    Examples:
      info-assistant keys create --role reader --name "intranet search" --group staff
      export API_KEY=$(info-assistant keys create --role operator --name me --expires-days 30)
    """  # noqa: D301  For click, the mark keeps the lines.
    from info_assistant.identity.keys import NewKey  # noqa: PLC0415  Only this command needs it.

    expires_at = datetime.now(UTC) + timedelta(days=expires_days) if expires_days else None
    wanted = NewKey(tenant, Role(role), name, frozenset(groups), expires_at)
    key, secret = asyncio.run(_create(wanted))
    say(f"Key {key.id} for {key.name!r}: {key.role} of {key.tenant}. It is shown only now:")
    click.echo(secret)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_keys(*, as_json: bool) -> None:
    """List every key that was ever made, without its secret.

    \b
    Example:
      info-assistant keys list
    """  # noqa: D301  For click, the mark keeps the lines.
    rows = [_row(key) for key in asyncio.run(_all())]
    if as_json:
        for row in rows:
            click.echo(json.dumps(dict(zip(_COLUMNS, row, strict=True)), ensure_ascii=False))
    else:
        print_rows(_COLUMNS, rows)


@keys.command("revoke")
@click.argument("key_ids", nargs=-1, required=True, metavar="ID…")
def revoke_keys(key_ids: tuple[str, ...]) -> None:
    """End keys for good; every backend refuses them within two seconds.

    \b
    Example:
      info-assistant keys revoke 1f0c2a9be35d
    """  # noqa: D301  For click, the mark keeps the lines.
    for key_id in key_ids:
        asyncio.run(_revoke(key_id))
        click.echo(f"revoked {key_id}")


def _administration() -> "AbstractAsyncContextManager[Administration]":
    from info_assistant.wiring.administration import administration  # noqa: PLC0415  Loads the stores.

    return administration(Settings.from_environment(), operating_account())


async def _create(wanted: "NewKey") -> "tuple[ApiKey, str]":
    async with _administration() as administered:
        return await administered.create_key(wanted)


async def _all() -> "Sequence[ApiKey]":
    async with _administration() as administered:
        return administered.keys.all()


async def _revoke(key_id: str) -> None:
    async with _administration() as administered:
        await administered.revoke_key(key_id)


def _row(key: "ApiKey") -> Sequence[str]:
    return (
        key.id,
        key.name,
        key.tenant,
        key.role.value,
        ",".join(sorted(key.groups)),
        key.state(datetime.now(UTC)),
        f"{key.created_at:%Y-%m-%d %H:%M}",
        f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "",
    )
