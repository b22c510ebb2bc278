"""Prepares Markdown source for a strict parser: what site generators add is taken out or mended."""

import re
from dataclasses import dataclass

_FRONT = re.compile(r"\A\s*---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_SETTING = re.compile(r"(?m)^([A-Za-z_]+):[ \t]*(\S.*?)[ \t]*$")
_LINK_TAG = re.compile(r"(\]\(\s*<?)\s*(?:\{%[^\n]{0,500}?%\}|\{\{[^\n]{0,500}?\}\})")
_HREF_TAG = re.compile(r"((?:href|src)=[\"'])\{[%{][^\n]{0,500}?[%}]\}")
_TAG = re.compile(r"\{%-?(.{0,2000}?)-?%\}", re.DOTALL)
_OUTPUT = re.compile(r"\{\{.{0,2000}?\}\}", re.DOTALL)
_ARGUMENT = re.compile(r"[\"']([^\"'\n]+)[\"']")
_FILE_OR_PATH = re.compile(r"/|\.\w{2,5}$|^#")
_ATTRIBUTES = re.compile(r"[ \t]*\{[:#.][^{}\n]{0,200}\}")
_DEFINITION = re.compile(r"(?m)^(\S[^\n]{0,120}?)[ \t]*\n:[ \t]+")
_NOTE = re.compile(r"^\s{0,3}\[\^[^\]\n]+\]:[ \t]*")
_NOTE_MARK = re.compile(r"(?<!\[)\[\^[^\]\n]+\]")
_FENCE = re.compile(r"^\s{0,12}(`{3,}|~{3,})")
_RULE_CELL = r"\s*:?-+:?\s*"
_TABLE_RULE = re.compile(
    rf"^\s*(?:>\s*)?\|?{_RULE_CELL}(?:\|{_RULE_CELL})+\|?\s*$|^\s*\|{_RULE_CELL}\|\s*$"
)
_PIPE = re.compile(r"(?<!\\)\|")
_TABLE_OPEN = re.compile(r"<table[\s>]", re.IGNORECASE)
_TABLE_CLOSE = re.compile(r"</table\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The settings at the head of a page that matter here."""

    title: str | None = None
    redirect: str | None = None


def prepare(source: str) -> tuple[FrontMatter, str]:
    """Split off the front matter and return the rest as plain CommonMark with tables."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    front, body = _front_matter(source)
    lines: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in body.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            lines.append(line)
            if opening and opening[1].startswith(fence):
                fence = ""
        elif opening:
            lines += _prose("\n".join(prose))
            prose.clear()
            fence = opening[1]
            lines.append(line)
        else:
            prose.append(line)
    return front, "\n".join([*lines, *_prose("\n".join(prose))])


def _front_matter(source: str) -> tuple[FrontMatter, str]:
    found = _FRONT.match(source)
    if not found:
        return FrontMatter(), source
    settings = {key.lower(): value.strip("\"' ") for key, value in _SETTING.findall(found[1])}
    title = settings.get("title", "")
    return (
        FrontMatter(
            title=title if title not in {"", ">", "|", ">-", "|-"} else None,
            redirect=settings.get("redirect_to") or settings.get("redirect") or None,
        ),
        source[found.end() :],
    )


def _prose(text: str) -> list[str]:
    """Mend everything outside fences."""
    if "{" in text:
        text = _HREF_TAG.sub(r"\1#", _LINK_TAG.sub(r"\1#", text))
        text = _OUTPUT.sub("", _TAG.sub(_tag_words, text))
        text = _ATTRIBUTES.sub("", text)
    text = _DEFINITION.sub(r"\1: ", text)
    lines: list[str] = []
    for line in text.split("\n"):
        note = _NOTE.match(line)
        lines += ["", line[note.end() :]] if note else [line]
    return _whole_html_tables(_even_tables([_NOTE_MARK.sub("", line) for line in lines]))


def _tag_words(tag: re.Match[str]) -> str:
    """Return what a template tag shows: a quoted argument that is neither file nor address."""
    named = [word for word in _ARGUMENT.findall(tag[1]) if not _FILE_OR_PATH.search(word)]
    return named[0] if named else ""


def _even_tables(lines: list[str]) -> list[str]:
    """Give each table as many columns as its widest row.

    The parser takes a table only if header and rule agree, and drops cells beyond them; authors
    and site generators are more tolerant.
    """
    for at in range(1, len(lines)):
        header, rule = lines[at - 1], lines[at]
        if "-" not in rule or "|" not in rule or not _TABLE_RULE.match(rule):
            continue
        if not _PIPE.search(header) or _TABLE_RULE.match(header):
            continue
        end = at + 1
        while end < len(lines) and _PIPE.search(lines[end]):
            end += 1
        width = max(_columns(line) for line in [header, *lines[at + 1 : end]])
        prefix = header[: len(header) - len(header.lstrip(" \t>"))]
        missing = width - _columns(header)
        if missing:
            lines[at - 1] = f"{header.rstrip().removesuffix('|')}|{' |' * missing}"
        lines[at] = f"{prefix}|{'---|' * width}"
    return lines


def _columns(line: str) -> int:
    text = line.strip().lstrip("> \t")
    pipes = len(_PIPE.findall(text))
    return pipes + 1 - text.startswith("|") - (text.endswith("|") and not text.endswith("\\|"))


def _whole_html_tables(lines: list[str]) -> list[str]:
    """Take blank lines out of HTML tables: a blank line ends HTML in Markdown, and the table."""
    kept: list[str] = []
    inside = False
    for line in lines:
        if not inside and _TABLE_OPEN.search(line):
            inside = True
        if line.strip() or not inside:
            kept.append(line)
        if inside and _TABLE_CLOSE.search(line):
            inside = False
    return kept
