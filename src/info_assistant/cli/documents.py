"""`documents`: what the library holds, who may see it, and how to delete something from it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import click

from info_assistant.cli.backend import Backend, connect
from info_assistant.cli.output import plain, print_rows, say
from info_assistant.cli.reindex import reindex
from info_assistant.model.document import document_id as id_of
from info_assistant.model.identity import EVERYONE
from info_assistant.settings import Settings

_PAGE = 200
_GROUPS, _KEY = "groups:", "key:"
_STATES = ("accepted", "reading", "indexing", "ready", "failed", "interrupted", "withdrawn")


@click.group(short_help="List, edit, withdraw or delete documents; say who sees them.")
def documents() -> None:
    """Look after the documents of the library: what is said of them, whether answers use them, who
    may see them. A DOCUMENT is named by its id or by its source.

    \b
    Examples:
      info-assistant documents list --state failed
      info-assistant documents show hr/leave.md
      info-assistant documents edit hr/leave.md --superseded 2027-01-01
      info-assistant documents withdraw hr/leave.md --reason "Replaced by the 2027 guide"
      info-assistant documents restore hr/leave.md
      info-assistant documents delete hr/leave.md
      info-assistant documents set-access hr/leave.md hr works-council
      info-assistant documents explain-access groups:it hr/leave.md
    """  # noqa: D205, D301  For click, the mark keeps the lines.


documents.add_command(reindex)


@documents.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only documents in this state.")
@click.option("--query", "-q", "q", default=None, help="Only titles or sources with these words.")
@click.option("--tag", help="Only documents with this tag.")
@click.option("--marking", help="Only documents with this protective marking.")
@click.option("--review-before", metavar="DATE", help="Only those to be reviewed before this day.")
@click.option("--superseded-by", metavar="DATE", help="Only those that count no more on this day.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_documents(*, as_json: bool, **sought: str | None) -> None:
    """List the documents of the library, with the state of each.

    \b
    Examples:
      info-assistant documents list --state failed -q leave
      info-assistant documents list --review-before 2027-01-01
    """  # noqa: D301  For click, the mark keeps the lines.
    found = asyncio.run(_all(sought))
    if as_json:
        for document in found:
            click.echo(json.dumps(document, ensure_ascii=False))
        return
    print_rows(("id", "source", "state", "passages", "remark"), [_row(each) for each in found])
    if sys.stdout.isatty():
        say(f"{len(found)} documents")


@documents.command("show")
@click.argument("document", metavar="DOCUMENT")
@click.option("--json", "as_json", is_flag=True, help="Print the backend's reply as it is.")
def show_document(document: str, *, as_json: bool) -> None:
    """Show one document: its state, what is said of it, and what holds it back.

    \b
    Example:
      info-assistant documents show hr/leave.md
    """  # noqa: D301  For click, the mark keeps the lines.
    shown = asyncio.run(on_document(document, "GET"))
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for name, value in shown.items():
        if value not in (None, "", []):
            click.echo(f"{name:<12} {plain(worded(value))}")


@documents.command("delete")
@click.argument("names", nargs=-1, required=True, metavar="DOCUMENT…")
@click.option("--purge", is_flag=True, help="Take their quotes out of old answers' records too.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
def delete_documents(names: tuple[str, ...], *, purge: bool, yes: bool) -> None:
    """Delete documents: they leave answers at once and for good.

    Records of old answers keep what they quoted, for records requests, and show it to nobody
    through this service. With --purge the quotes go within minutes and only their hashes stay.
    To take a document out of answers for a while, use `documents withdraw`.

    \b
    Examples:
      info-assistant documents delete hr/leave.md
      info-assistant documents delete 0b1e3c1a-… --purge --yes
    """  # noqa: D301  For click, the mark keeps the lines.
    if not yes:
        also = ", and their quotes in old answers" if purge else ""
        click.confirm(f"Delete {len(names)} document(s){also} for good?", abort=True, err=True)
    parameters = {"purge": "true"} if purge else {}
    for name in names:
        asyncio.run(on_document(name, "DELETE", params=parameters))
        click.echo(f"deleted {plain(name)}")


@documents.command("set-access")
@click.argument("document", metavar="DOCUMENT")
@click.argument("groups", nargs=-1, required=True, metavar="GROUP…")
def set_access(document: str, groups: tuple[str, ...]) -> None:
    """Open a document to these groups and to nobody else.

    DOCUMENT is an id or a source. It counts at once, and within 2 seconds on every replica; the
    group `everyone` is everybody in your organisation.

    \b
    Example:
      info-assistant documents set-access hr/leave.md hr works-council
    """  # noqa: D301  For click, the mark keeps the lines.
    changed = asyncio.run(on_document(document, "PATCH", json={"access": list(groups)}))
    click.echo(f"{plain(changed['source'])} is open to {plain(', '.join(changed['access']))}")


@documents.command("explain-access")
@click.argument("user", metavar="USER")
@click.argument("document", metavar="DOCUMENT")
@click.option("--json", "as_json", is_flag=True, help="Print the backend's reply as it is.")
def explain_access(user: str, document: str, *, as_json: bool) -> None:
    """Say why somebody may see a document, or why not. Operators may ask this.

    USER is the id of an API key, `groups:a,b` for anybody in these groups, or `me`. DOCUMENT is an
    id or a source. A role opens no document: groups do.

    \b
    Examples:
      info-assistant documents explain-access groups:hr,it hr/leave.md
      info-assistant documents explain-access 1f0c9a7be2d4 hr/leave.md
      info-assistant documents explain-access me hr/leave.md
    """  # noqa: D301  For click, the mark keeps the lines.
    told = asyncio.run(on_document(document, "GET", "/access", params=_asked_about(user)))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo(plain(told["because"]))
    for name in ("document_groups", "caller_groups", "shared_groups", "state", "tombstone"):
        if told[name] not in (None, []):
            click.echo(f"{name.replace('_', ' '):<16} {plain(worded(told[name]))}")


def _asked_about(user: str) -> Mapping[str, Any]:
    if user == "me":
        return {}
    if user.startswith(_GROUPS):
        return {"groups": [each or EVERYONE for each in user.removeprefix(_GROUPS).split(",")]}
    return {"key": user.removeprefix(_KEY)}


async def on_document(document: str, method: str, below: str = "", **arguments: Any) -> Any:  # noqa: ANN401  JSON.
    """Return the backend's reply about a document that is named by its id or by its source."""
    async with connected() as backend:
        identity = await identity_of(backend, document)
        return await backend.call(method, f"/v1/documents/{identity}{below}", **arguments)


async def identity_of(backend: Backend, document: str) -> str:
    """Return the id of a document that is named by its id or by its source."""
    try:
        return str(UUID(document))
    except ValueError:
        me = await backend.call("GET", "/v1/me")
        return id_of(me["tenant"], document)


def connected() -> AbstractAsyncContextManager[Backend]:
    """Return a connection to the backend that the settings name."""
    settings = Settings.from_environment()
    return connect(settings.backend_url, settings.api_key)


async def _all(sought: Mapping[str, str | None]) -> list[Mapping[str, Any]]:
    async with connected() as backend:
        return [document async for document in every_document(backend, sought)]


async def every_document(
    backend: Backend, sought: Mapping[str, str | None] | None = None
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield every document that the caller may see, or those sought, page after page."""
    after: str | None = None
    while True:
        wanted = {**(sought or {}), "limit": _PAGE, "after": after}
        parameters = {name: value for name, value in wanted.items() if value is not None}
        page = await backend.call("GET", "/v1/documents", params=parameters)
        for document in page["documents"]:
            yield document
        after = page.get("next")
        if not after:
            return


def _row(document: Mapping[str, Any]) -> list[str]:
    columns = ("id", "source", "state", "passages")
    hold = document.get("hold")
    remark = f"{hold['kind']}: {hold['reason']}" if hold else document.get("detail")
    return [*(str(document.get(name) or "") for name in columns), str(remark or "")]


def worded(value: object) -> str:
    """Return a value of a reply in one line."""
    if isinstance(value, list):
        return ", ".join(worded(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {worded(item)}" for name, item in value.items())
    return str(value)
