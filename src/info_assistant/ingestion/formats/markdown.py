"""Markdown as it is found in repositories: front matter, template tags, HTML and crooked tables."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.blocks import BlockList
from info_assistant.ingestion.formats.html_page import fragment_blocks, image_words
from info_assistant.ingestion.formats.markdown_source import FrontMatter, prepare
from info_assistant.model.reading import Block, BlockKind, Reading

_PARSER = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table")
_HTML_START = re.compile(r"^\s*</?[a-zA-Z]")
_LINE_BREAKS = {"softbreak", "hardbreak"}


def read_markdown(source: str) -> Reading:
    """Read a file. Raises Unreadable (empty) if it only points elsewhere or holds nothing."""
    front, body = prepare(source)
    blocks = _Blocks(_PARSER.parse(body)).read()
    if not blocks:
        raise _nothing_to_read(front)
    headings = (block.text for block in blocks if block.kind is BlockKind.HEADING)
    return Reading(tuple(blocks), title=front.title or next(headings, None))


def _nothing_to_read(front: FrontMatter) -> Unreadable:
    if front.redirect:
        return Unreadable(
            "empty",
            f"This page holds no text; it only sends its reader to {front.redirect}. "
            "Upload the page that it points to.",
        )
    return Unreadable("empty", "This file holds no text besides its settings and template tags.")


class _Blocks:
    """Walks the parser's flat list of tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._out = BlockList()
        self._depth = 0
        self._items: list[bool] = []
        self._heading = 0
        self._rows: list[list[str]] | None = None

    def read(self) -> list[Block]:
        for token in self._tokens:
            handler = getattr(self, f"_on_{token.type}", None)
            if handler is not None:
                handler(token)
        return self._out.blocks

    def _on_bullet_list_open(self, _token: Token) -> None:
        self._depth += 1

    _on_ordered_list_open = _on_bullet_list_open

    def _on_bullet_list_close(self, _token: Token) -> None:
        self._depth -= 1

    _on_ordered_list_close = _on_bullet_list_close

    def _on_list_item_open(self, _token: Token) -> None:
        self._items.append(True)

    def _on_list_item_close(self, _token: Token) -> None:
        self._items.pop()

    def _on_heading_open(self, token: Token) -> None:
        self._heading = int(token.tag[1:])

    def _on_heading_close(self, _token: Token) -> None:
        self._heading = 0

    def _on_table_open(self, _token: Token) -> None:
        self._rows = []

    def _on_tr_open(self, _token: Token) -> None:
        if self._rows is not None:
            self._rows.append([])

    def _on_table_close(self, _token: Token) -> None:
        rows, self._rows = self._rows or [], None
        self._out.add_table(_filled_down(rows), header=True)

    def _on_fence(self, token: Token) -> None:
        self._out.add(BlockKind.CODE, token.content)

    def _on_code_block(self, token: Token) -> None:
        # HTML that is indented in its source looks like code to Markdown once a blank line came.
        if _HTML_START.match(token.content):
            self._out.blocks += fragment_blocks(token.content)
        else:
            self._out.add(BlockKind.CODE, token.content)

    def _on_html_block(self, token: Token) -> None:
        self._out.blocks += fragment_blocks(token.content)

    def _on_inline(self, token: Token) -> None:
        text = _inline(token)
        if self._rows is not None:
            self._rows[-1].append(text)
        elif self._heading:
            self._out.add(BlockKind.HEADING, text, level=self._heading)
        elif self._items and self._items[-1]:
            self._items[-1] = False
            self._out.add(BlockKind.LIST_ITEM, text, level=self._depth)
        else:
            self._out.add(BlockKind.PARAGRAPH, text)


def _inline(token: Token) -> str:
    """Return the words of a run of text: what a reader of the finished page would see."""
    parts: list[str] = []
    for child in token.children or ():
        if child.type in {"text", "code_inline", "text_special"}:
            parts.append(child.content)
        elif child.type in _LINE_BREAKS or (
            child.type == "html_inline" and child.content.lower().startswith("<br")
        ):
            parts.append(" ")
        elif child.type == "image":
            parts.append(image_words(_inline(child)))
    return "".join(parts)


def _filled_down(rows: list[list[str]]) -> list[list[str]]:
    """Repeat a first cell in the rows below that leave it empty.

    Markdown cannot span rows, so authors leave the cell empty where the one above still holds; a
    row that is quoted alone would otherwise not say what it is about.
    """
    filled: list[list[str]] = []
    for number, row in enumerate(rows):
        above = filled[-1][0] if number > 1 and filled[-1] else ""
        blank = len(row) > 1 and not row[0].strip() and any(cell.strip() for cell in row[1:])
        filled.append([above, *row[1:]] if blank else row)
    return filled
