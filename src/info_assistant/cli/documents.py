"""`documents`: what the library holds, and how to take something out of it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

import click

from info_assistant.cli.backend import Backend, connect
from info_assistant.cli.output import plain, print_rows, say
from info_assistant.settings import Settings

_PAGE = 200
_STATES = ("accepted", "reading", "indexing", "ready", "failed", "interrupted", "withdrawn")


@click.group(short_help="List, show or delete the documents of the library.")
def documents() -> None:
    """List, show or delete the documents of the library.

    \b
    Examples:
      info-assistant documents list
      info-assistant documents list --state failed
      info-assistant documents show 0b1e3c1a-…
      info-assistant documents delete 0b1e3c1a-…
    """  # noqa: D301  For click, the mark keeps the lines.


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
