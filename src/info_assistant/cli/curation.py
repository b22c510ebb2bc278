"""`documents edit|withdraw|…|passages|citations|readers|unanswered|handled`."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import click

from info_assistant.cli.documents import connected, documents, identity_of, on_document
from info_assistant.cli.output import plain, print_rows

__all__ = ["documents"]

_AT_ONCE = 100
_UNANSWERED = "/v1/unanswered"
_NAMES = click.argument("names", nargs=-1, required=True, metavar="DOCUMENT…")
_REASON = click.option("--reason", required=True, help="Why, in a sentence for whoever meets it.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the backend's reply as it is.")
_LIMIT = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100))


@documents.command("edit")
@_NAMES
@click.option("--title", help="The title to show; for a single document.")
@click.option("--source-url", metavar="URL", help="Where the document is published.")
@click.option("--language", metavar="TAG", help="Such as en or fr-CA.")
@click.option("--effective", metavar="DATE", help="From this day on it counts.")
@click.option("--superseded", metavar="DATE", help="From this day on it counts no more.")
@click.option("--review-by", metavar="DATE", help="To be looked at again by this day.")
@click.option("--marking", help="Its protective marking, such as OFFICIAL.")
@click.option("--tag", "tags", multiple=True, help="A tag; repeat it for several.")
@click.option("--access", multiple=True, metavar="GROUP", help="Who may see it; repeatable.")
@click.option("--clear", multiple=True, metavar="FIELD", help="Empty this field, such as marking.")
def edit_documents(names: tuple[str, ...], clear: tuple[str, ...], **stated: Any) -> None:  # noqa: ANN401
    """Change what is said of documents: dates as 2027-01-31, only what you name.

    It counts at once, and within 2 seconds on every replica; nothing is read again. Answers that
    rest on a superseded document say so.

    \b
    Examples:
      info-assistant documents edit hr/leave.md --superseded 2027-01-01 --tag archive
      info-assistant documents edit hr/leave.md hr/travel.md --marking OFFICIAL
      info-assistant documents edit hr/leave.md --clear review_by
    """  # noqa: D301  For click, the mark keeps the lines.
    change = {name: value for name, value in stated.items() if value}
    emptied: dict[str, Any] = {
        name.replace("-", "_"): [] if name == "tags" else None for name in clear
    }
    both = sorted(change.keys() & emptied)
    if both:
        raise click.UsageError(f"{both[0]} is to be set and to be cleared.")
    if not change and not emptied:
        raise click.UsageError("Say what to change; --help lists what there is.")
    if len(names) > 1 and "title" in change:
        raise click.UsageError("--title goes with a single document.")
    body = {"change": {**change, **emptied}}
    _tell(asyncio.run(_on_several(names, "PATCH", "", body)), "changed")


@documents.command("withdraw")
@_NAMES
@_REASON
def withdraw_documents(names: tuple[str, ...], reason: str) -> None:
    """Take documents out of answers, at once and until they are restored.

    Who may see them can still read them; new versions of them stay out of answers too.

    \b
    Example:
      info-assistant documents withdraw hr/leave.md --reason "Replaced by the 2027 guide"
    """  # noqa: D301  For click, the mark keeps the lines.
    _tell(asyncio.run(_on_several(names, "POST", "/withdraw", {"reason": reason})), "withdrawn")


@documents.command("quarantine")
@_NAMES
@_REASON
def quarantine_documents(names: tuple[str, ...], reason: str) -> None:
    """Take documents out of answers and close their content to readers, in one step.

    For a document with something in it that should not be there. Contributors and operators can
    still look into it.

    \b
    Example:
      info-assistant documents quarantine hr/list.csv --reason "Home addresses in it"
    """  # noqa: D301  For click, the mark keeps the lines.
    body = {"reason": reason}
    _tell(asyncio.run(_on_several(names, "POST", "/quarantine", body)), "quarantined")


@documents.command("restore")
@_NAMES
def restore_documents(names: tuple[str, ...]) -> None:
    """Let withdrawn or quarantined documents into answers again, without reading them anew.

    \b
    Example:
      info-assistant documents restore hr/leave.md
    """  # noqa: D301  For click, the mark keeps the lines.
    _tell(asyncio.run(_on_several(names, "POST", "/restore", {})), "restored")


@documents.command("retry")
@_NAMES
def retry_documents(names: tuple[str, ...]) -> None:
    """Take documents in again that failed.

    \b
    Example:
      info-assistant documents retry finance/manual.pdf
    """  # noqa: D301  For click, the mark keeps the lines.
    for name in names:
        status = asyncio.run(on_document(name, "POST", "/retry"))
        click.echo(f"{plain(name)} is {status['state']}")


@documents.command("versions")
@click.argument("document", metavar="DOCUMENT")
@_LIMIT
@_JSON
def list_versions(document: str, limit: int, *, as_json: bool) -> None:
    """List the versions of a document's bytes, newest first.

    \b
    Example:
      info-assistant documents versions hr/leave.md
    """  # noqa: D301  For click, the mark keeps the lines.
    reply = asyncio.run(on_document(document, "GET", "/versions", params={"limit": limit}))
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
        return
    columns = ("version", "at", "size_bytes", "sha256")
    print_rows(columns, [[str(each[name]) for name in columns] for each in reply["versions"]])


@documents.command("passages")
@click.argument("document", metavar="DOCUMENT")
@click.option("--first", default=0, type=click.IntRange(min=0), help="Begin with this number.")
@_LIMIT
@_JSON
def list_passages(document: str, first: int, limit: int, *, as_json: bool) -> None:
    """Show the passages in which a document is searched and quoted.

    \b
    Example:
      info-assistant documents passages hr/leave.md --limit 3
    """  # noqa: D301  For click, the mark keeps the lines.
    parameters = {"first": first, "limit": limit}
    reply = asyncio.run(on_document(document, "GET", "/passages", params=parameters))
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
        return
    for each in reply["passages"]:
        page = f", page {each['page']}" if each["page"] else ""
        heading = " > ".join(each["heading_path"])
        click.echo(plain(f"[{each['number']}{page}] {heading}\n{each['text']}\n"))


@documents.command("citations")
@click.argument("document", metavar="DOCUMENT")
@_LIMIT
@_JSON
def list_citations(document: str, limit: int, *, as_json: bool) -> None:
    """List the answers that quote a document, newest first. Contributors may ask this.

    Questions are shown to who asked them, and to operators.

    \b
    Example:
      info-assistant documents citations hr/leave.md
    """  # noqa: D301  For click, the mark keeps the lines.
    reply = asyncio.run(on_document(document, "GET", "/citations", params={"limit": limit}))
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
        return
    rows = [
        [each["id"], each["at"], each["status"], str(len(each["quoted"])), each["question"] or ""]
        for each in reply["answers"]
    ]
    print_rows(("answer", "at", "status", "quotes", "question"), rows)


@documents.command("readers")
@click.argument("document", metavar="DOCUMENT")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 365))
@_JSON
def list_readers(document: str, days: int, *, as_json: bool) -> None:
    """Show how often a document was opened, downloaded and quoted, by day. Contributors may ask.

    Names are told to operators, in the JSON.

    \b
    Example:
      info-assistant documents readers hr/leave.md --days 90
    """  # noqa: D301  For click, the mark keeps the lines.
    reply = asyncio.run(on_document(document, "GET", "/readers", params={"days": days}))
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
        return
    counts = ("opened", "downloaded", "cited", "people")
    lines = [("total", reply["total"]), *((each["day"], each) for each in reply["days"])]
    print_rows(("day", *counts), [[day, *(str(each[c]) for c in counts)] for day, each in lines])


@documents.command("unanswered")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 365))
@click.option("--handled", is_flag=True, help="Those that are marked as handled instead.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200))
@_JSON
def list_unanswered(days: int, limit: int, *, handled: bool, as_json: bool) -> None:
    """List questions that found no good answer, like ones together, the most asked first.

    Contributors may ask this. Nobody is named; questions near documents that you may not see are
    not shown to you.

    \b
    Examples:
      info-assistant documents unanswered
      info-assistant documents unanswered --days 90 --handled
    """  # noqa: D301  For click, the mark keeps the lines.
    wanted = {"days": days, "handled": str(handled).lower(), "limit": limit}
    reply = asyncio.run(_called("GET", _UNANSWERED, params=wanted))
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=2))
        return
    rows = [
        [each["id"], str(each["count"]), each["last_at"][:10], each["state"], each["question"]]
        for each in reply["groups"]
    ]
    print_rows(("id", "asked", "last", "state", "question"), rows)
    if reply["left_out"]:
        click.echo(f"{reply['left_out']} left out: they seem to hold personal data.", err=True)


@documents.command("handled")
@click.argument("question", metavar="QUESTION", type=click.UUID)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 365))
@click.option("--undo", is_flag=True, help="Say that it is not handled after all.")
def mark_handled(question: UUID, days: int, *, undo: bool) -> None:
    """Mark a question and those like it as handled; QUESTION is its id in `documents unanswered`.

    When one comes up again without a good answer, it is listed again.

    \b
    Example:
      info-assistant documents handled 01a209d2-0000-7000-8000-000000000001
    """  # noqa: D301  For click, the mark keeps the lines.
    address = f"{_UNANSWERED}/{question}/handled"
    said = {"handled": not undo}
    group = asyncio.run(_called("POST", address, json=said, params={"days": days}))
    click.echo(f"{group['state']}: {plain(group['question'])}")


async def _called(method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401  JSON.
    async with connected() as backend:
        return await backend.call(method, path, **arguments)


async def _on_several(
    names: Sequence[str], method: str, below: str, body: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the name and the outcome of each document."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    async with connected() as backend:
        ids = {await identity_of(backend, name): name for name in names}
        for at in range(0, len(ids), _AT_ONCE):
            some = list(ids)[at : at + _AT_ONCE]
            sent = {"ids": some, **body}
            reply = await backend.call(method, f"/v1/documents{below}", json=sent)
            found += [(ids[each["id"]], each) for each in reply["documents"]]
    return found


def _tell(outcomes: Sequence[tuple[str, Mapping[str, Any]]], done: str) -> None:
    """Say what became of each document; exit with 1 where one was refused."""
    refused = False
    for name, each in outcomes:
        if each["outcome"] == "done":
            click.echo(f"{done} {plain(name)}")
        else:
            refused = True
            click.echo(f"{plain(name)}: {plain(each['detail'])}", err=True)
    if refused:
        raise click.exceptions.Exit(1)
