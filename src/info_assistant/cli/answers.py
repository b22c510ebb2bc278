"""Shows an answer to a person: sentences with numbers, then the quote behind each number."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from info_assistant.cli.output import plain

_SHOWN_SEE_ALSO = 5
_PARTIAL = "Only part of the answer could be supported by these documents."
_NO_ANSWER = "This is not in these documents."
_WRITTEN = "Written by a language model{by}, each sentence checked against the passage it names."
_DOUBTFUL = "Sentences marked “not verified” could not be settled by their passage: read it first."


def show_answer(reply: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the backend's `reply` to a question; text of documents is never taken as markup."""
    out = console or Console(highlight=False, soft_wrap=not Console().is_terminal)
    sentences: Sequence[Mapping[str, Any]] = reply.get("sentences") or ()
    if not sentences:
        out.print(Text(plain(reply.get("answer") or _NO_ANSWER), "bold"))
    for sentence in sentences:
        out.print(_sentence(sentence))
    if reply.get("status") == "partial":
        out.print(Text(_PARTIAL, "yellow"))
    if sentences and reply.get("answer_mode") == "generated":
        _show_author(out, reply)
    _show_conflicts(out, reply.get("conflicts") or ())
    _show_sources(out, "Sources", reply.get("citations") or ())
    _show_sources(out, "See also", (reply.get("see_also") or ())[:_SHOWN_SEE_ALSO])
    for notice in reply.get("notices") or ():
        out.print(Text(f"Note: {plain(str(notice))}", "yellow"))
    follow_ups: Sequence[str] = reply.get("follow_ups") or ()
    if follow_ups:
        out.print()
        out.print(Text("You could ask next", "bold"))
        for question in follow_ups:
            out.print(_indented(out, Text(plain(str(question)))))
    _show_footer(out, reply)


def show_passages(passages: Sequence[Mapping[str, Any]]) -> None:
    """Print what was found for a question that could not be answered."""
    out = Console(highlight=False, soft_wrap=not Console().is_terminal)
    _show_sources(out, "The passages that fit your question best", passages)


def _show_author(out: Console, reply: Mapping[str, Any]) -> None:
    """Say that a model wrote this, and what its marks mean."""
    served: Mapping[str, Any] = reply.get("served_by") or {}
    name = " ".join(plain(str(served.get(each) or "")) for each in ("provider", "model")).strip()
    out.print()
    out.print(Text(_WRITTEN.format(by=f" ({name})" if name else ""), "dim"))
    if any(each.get("support") == "unverified" for each in reply["sentences"]):
        out.print(Text(_DOUBTFUL, "yellow"))


def _sentence(sentence: Mapping[str, Any]) -> Text:
    text = Text(plain(sentence["text"]))
    for number in sentence.get("citations") or ():
        text.append(f" [{number}]", "bold cyan")
    if sentence.get("support") == "unverified":
        text.append(" (not verified)", "yellow")
    return text


def _show_sources(out: Console, heading: str, sources: Sequence[Mapping[str, Any]]) -> None:
    if not sources:
        return
    out.print()
    out.print(Text(heading, "bold"))
    for source in sources:
        out.print(Text(f"[{source['n']}] ", "bold cyan").append(_place(source), "default"))
        quote = plain(source.get("quote") or "")
        if quote:
            out.print(_indented(out, Text(f"“{quote}”", "italic")))


def _show_conflicts(out: Console, conflicts: Sequence[Mapping[str, Any]]) -> None:
    """Print what each source says where they differ."""
    for conflict in conflicts:
        out.print()
        out.print(Text("Sources differ", "bold"))
        for side in conflict.get("sides") or ():
            value = plain(side.get("value") or "")
            line = Text(f"[{side['n']}] ", "bold cyan").append(_place(side), "default")
            out.print(line.append(f": {value}" if value else "", "bold"))
            out.print(_indented(out, Text(f"“{plain(side.get('quote') or '')}”", "italic")))


def _indented(out: Console, text: Text) -> Padding | Text:
    """Set `text` off from the margin. Only a terminal may wrap it: a program gets whole lines."""
    if out.is_terminal:
        return Padding(text, (0, 0, 0, 4), expand=False)
    return Text("    ") + Text("\n    ").join(text.split("\n"))


def _place(source: Mapping[str, Any]) -> str:
    """Name a passage's place as a person would: title, version, page, headings."""
    parts = [source.get("title") or source.get("source") or source["document_id"]]
    if source.get("version"):
        parts.append(f"version {source['version']}")
    if source.get("page"):
        parts.append(f"page {source['page']}")
    place = ", ".join(str(part) for part in parts)
    path = [str(heading) for heading in source.get("heading_path") or ()]
    if path and path[0] == source.get("title"):
        path = path[1:]
    headings = " > ".join(path)
    name = source.get("source")
    return plain(place + (f", {headings}" if headings else "") + (f" ({name})" if name else ""))


def _show_footer(out: Console, reply: Mapping[str, Any]) -> None:
    parts = []
    if reply.get("documents_as_of"):
        parts.append(f"documents as of {reply['documents_as_of']}")
    if reply.get("degraded"):
        parts.append("degraded: " + ", ".join(map(str, reply["degraded"])))
    if parts:
        out.print()
        out.print(Text("; ".join(parts), "dim"))
