"""`documents`: what the library holds, who may see it, and how to take something out of it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote
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


@click.group(short_help="List, show or delete documents, and say who may see them.")
def documents() -> None:
    """List, show or delete the documents of the library, and say who may see them.

    \b
    Examples:
      info-assistant documents list
      info-assistant documents list --state failed
      info-assistant documents show 0b1e3c1a-…
      info-assistant documents delete 0b1e3c1a-…
      info-assistant documents set-access hr/leave.md hr works-council
      info-assistant documents explain-access groups:it hr/leave.md
    """  # noqa: D301  For click, the mark keeps the lines.


documents.add_command(reindex)


@documents.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only documents in this state.")
@click.option("--query", "-q", default="", help="Only titles or sources with these words.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def list_documents(state: str | None, query: str, *, as_json: bool) -> None:
    """List the documents of the library, with the state of each.

    \b
    Example:
      info-assistant documents list --state failed -q leave
    """  # noqa: D301  For click, the mark keeps the lines.
    found = asyncio.run(_all(state, query))
    if as_json:
        for document in found:
            click.echo(json.dumps(document, ensure_ascii=False))
        return
    print_rows(("id", "source", "state", "passages", "remark"), [_row(each) for each in found])
    if sys.stdout.isatty():
        say(f"{len(found)} documents")


@documents.command("show")
@click.argument("document_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the backend's reply as it is.")
def show_document(document_id: str, *, as_json: bool) -> None:
    """Show one document with its state and history.

    \b
    Example:
      info-assistant documents show 0b1e3c1a-…
    """  # noqa: D301  For click, the mark keeps the lines.
    document = asyncio.run(_one("GET", document_id))
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for name, value in document.items():
        if value not in (None, "", []):
            click.echo(f"{name:<12} {plain(_worded(value))}")


@documents.command("delete")
@click.argument("document_ids", nargs=-1, required=True, metavar="ID…")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
def delete_documents(document_ids: tuple[str, ...], *, yes: bool) -> None:
    """Delete documents: they leave answers at once and for good.

    \b
    Example:
      info-assistant documents delete 0b1e3c1a-… --yes
    """  # noqa: D301  For click, the mark keeps the lines.
    if not yes:
        click.confirm(f"Delete {len(document_ids)} document(s) for good?", abort=True, err=True)
    for document_id in document_ids:
        asyncio.run(_one("DELETE", document_id))
        click.echo(f"deleted {document_id}")


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
    changed = asyncio.run(_access(document, "PATCH", "", json={"access": list(groups)}))
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
    told = asyncio.run(_access(document, "GET", "/access", params=_asked_about(user)))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo(plain(told["because"]))
    for name in ("document_groups", "caller_groups", "shared_groups", "state", "tombstone"):
        if told[name] not in (None, []):
            click.echo(f"{name.replace('_', ' '):<16} {plain(_worded(told[name]))}")


def _asked_about(user: str) -> Mapping[str, Any]:
    if user == "me":
        return {}
    if user.startswith(_GROUPS):
        return {"groups": [each or EVERYONE for each in user.removeprefix(_GROUPS).split(",")]}
    return {"key": user.removeprefix(_KEY)}


async def _access(document: str, method: str, below: str, **arguments: Any) -> Any:  # noqa: ANN401  JSON.
    async with _connected() as backend:
        identity = await _identity(backend, document)
        return await backend.call(method, f"/v1/documents/{identity}{below}", **arguments)


async def _identity(backend: Backend, document: str) -> str:
    """Return the id of a document that is named by its id or by its source."""
    try:
        return str(UUID(document))
    except ValueError:
        me = await backend.call("GET", "/v1/me")
        return id_of(me["tenant"], document)


def _connected() -> AbstractAsyncContextManager[Backend]:
    settings = Settings.from_environment()
    return connect(settings.backend_url, settings.api_key)


async def _one(method: str, document_id: str) -> Any:  # noqa: ANN401  JSON.
    # An identifier comes from a person; nothing in it may change which address is called.
    async with _connected() as backend:
        return await backend.call(method, f"/v1/documents/{quote(document_id, safe='')}")


async def _all(state: str | None, query: str) -> list[Mapping[str, Any]]:
    async with _connected() as backend:
        return [document async for document in every_document(backend, state, query)]


async def every_document(
    backend: Backend, state: str | None = None, query: str = ""
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield every document that the caller may see, page after page."""
    after: str | None = None
    while True:
        wanted = {"limit": _PAGE, "state": state, "q": query or None, "after": after}
        parameters = {name: value for name, value in wanted.items() if value is not None}
        page = await backend.call("GET", "/v1/documents", params=parameters)
        for document in page["documents"]:
            yield document
        after = page.get("next")
        if not after:
            return


def _row(document: Mapping[str, Any]) -> list[str]:
    columns = ("id", "source", "state", "passages", "detail")
    return [str(document.get(name) or "") for name in columns]


def _worded(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_worded(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_worded(item)}" for name, item in value.items())
    return str(value)
