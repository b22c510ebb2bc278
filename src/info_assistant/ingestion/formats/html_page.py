"""HTML, whole pages and fragments: headings, paragraphs, lists and tables in document order."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from info_assistant.ingestion.formats.blocks import BlockList
from info_assistant.ingestion.formats.clean import clean
from info_assistant.model.language import tag_of
from info_assistant.model.reading import Block, BlockKind, Reading

_SKIPPED_WORDS = """
    script style nav noscript template svg iframe head object canvas audio video math
"""
_SKIPPED = frozenset(_SKIPPED_WORDS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset(["ul", "ol", "menu", "dir"])
_INLINE_WORDS = """
    a abbr acronym b bdi bdo big cite code data del dfn em font i input ins kbd label mark q
    rp rt ruby s samp small span strike strong sub sup time tt u var wbr img
"""
_INLINE = frozenset(_INLINE_WORDS.split())
_BLOCKS_IN_CELL = "h1, h2, h3, h4, h5, h6, table"
_IMAGE_NAME = re.compile(
    r"^[\w%./:-]+\.(?:png|jpe?g|gif|svg|webp|bmp)$|^image ?\d*$", re.IGNORECASE
)
_MAX_CELLS_SPANNED = 50


def read_html(markup: str) -> Reading:
    """Read a page. Its title is the `title` element, else the first heading."""
    tree = LexborHTMLParser(markup)
    blocks = _walk(tree.root)
    title_node = tree.css_first("title")
    title = clean(title_node.text()) if title_node is not None else ""
    headings = (block.text for block in blocks if block.kind is BlockKind.HEADING)
    root = tree.css_first("html")
    stated = root.attributes.get("lang") if root is not None else None
    return Reading(tuple(blocks), title=title or next(headings, None), language=tag_of(stated))


def fragment_blocks(markup: str) -> list[Block]:
    """Read a piece of HTML that stands inside another format."""
    return _walk(LexborHTMLParser(markup).root)


def inline_text(markup: str) -> str:
    """Return only the words of a piece of HTML, on one line; items are set apart by semicolons."""
    root = LexborHTMLParser(markup).root
    return _cell_text(root) if root is not None else ""


def image_words(alternative: str) -> str:
    """Return an image's alternative text, unless it is only the name of a file."""
    alternative = alternative.strip()
    return "" if _IMAGE_NAME.match(alternative) else alternative


@dataclass
class _Walker:
    """Turns the events of a walk into blocks. Text gathers until something ends the block."""

    out: BlockList = field(default_factory=BlockList)
    text: list[str] = field(default_factory=list)
    heading: int = 0
    depth: int = 0
    item_fresh: bool = False
    code: int = 0

    def flush(self) -> None:
        text = "".join(self.text)
        self.text.clear()
        if not text.strip():
            return
        if self.code:
            self.out.add(BlockKind.CODE, text)
        elif self.heading:
            self.out.add(BlockKind.HEADING, text, level=self.heading)
        elif self.item_fresh:
            self.out.add(BlockKind.LIST_ITEM, text, level=max(1, self.depth))
            self.item_fresh = False
        else:
            self.out.add(BlockKind.PARAGRAPH, text)

    def enter(self, node: LexborNode, tag: str) -> None:
        if tag in _INLINE:
            if tag == "img":
                self.text.append(f" {image_words(node.attributes.get('alt') or '')} ")
            return
        if tag == "br":
            self.text.append("\n")
            return
        if tag in {"dt", "dd", "li"}:
            self.flush()
            self.item_fresh = True
            return
        if tag == "p" and self.item_fresh and not "".join(self.text).strip():
            return
        self.flush()
        self.heading = _HEADINGS.get(tag, self.heading)
        self.depth += tag in _LISTS
        self.code += tag == "pre"

    def leave(self, tag: str) -> None:
        if tag in _INLINE or tag == "br":
            return
        self.flush()
        if tag in _HEADINGS:
            self.heading = 0
        self.depth -= tag in _LISTS
        self.code -= tag == "pre"
        if tag in {"li", "dt", "dd"}:
            self.item_fresh = False


def _walk(root: LexborNode | None) -> list[Block]:
    """Return the blocks under `root`; without recursion, as hostile pages nest without end."""
    walker = _Walker()
    if root is None:
        return []
    for entered, node in _events(root):
        tag = node.tag or ""
        if not entered:
            walker.leave(tag)
        elif tag == "-text":
            walker.text.append(node.text_content or "")
        elif tag == "table" and not _is_layout(node):
            walker.flush()
            _add_table(walker.out, node)
        else:
            walker.enter(node, tag)
    walker.flush()
    return walker.out.blocks


def _events(root: LexborNode) -> Iterator[tuple[bool, LexborNode]]:
    """Yield (True, node) on entering and (False, node) on leaving, in document order."""
    stack: list[tuple[bool, LexborNode]] = [(True, root)]
    while stack:
        entering, node = stack.pop()
        yield entering, node
        if not entering or node.tag == "-text" or (node.tag == "table" and not _is_layout(node)):
            continue
        stack.append((False, node))
        children = [child for child in node.iter(include_text=True) if _is_read(child)]
        stack.extend((True, child) for child in reversed(children))


def _is_read(node: LexborNode) -> bool:
    tag = node.tag or ""
    return tag not in _SKIPPED and not tag.startswith(("_", "!", "-comment", "-doctype"))


def _is_layout(table: LexborNode) -> bool:
    """Whether a table only arranges a page: it holds headings or other tables."""
    return len(table.css(_BLOCKS_IN_CELL)) > (1 if table.tag == "table" else 0)


def _add_table(out: BlockList, table: LexborNode) -> None:
    """Add a table's caption and rows, with cells that span several rows repeated in each."""
    caption = table.css_first("caption")
    if caption is not None:
        out.add(BlockKind.PARAGRAPH, _cell_text(caption))
    spans: dict[int, tuple[int, str]] = {}
    lines = table.css("tr")
    rows = [_row(line, spans) for line in lines]
    out.add_table(rows, header=bool(lines) and _is_header(lines[0]))


def _row(line: LexborNode, spans: dict[int, tuple[int, str]]) -> list[str]:
    """Return a row's cells. `spans` holds, by column, how often a cell above is still to repeat."""
    row: list[str] = []

    def carry() -> None:
        while len(row) in spans:
            left, text = spans.pop(len(row))
            if left > 1:
                spans[len(row)] = (left - 1, text)
            row.append(text)

    for cell in line.iter():
        if cell.tag not in {"td", "th"}:
            continue
        carry()
        text = _cell_text(cell)
        height = _number(cell.attributes.get("rowspan"))
        if height > 1:
            spans[len(row)] = (height - 1, text)
        row.append(text)
    carry()
    return row


def _number(value: str | None) -> int:
    digits = (value or "").strip()
    return min(int(digits), _MAX_CELLS_SPANNED) if digits.isascii() and digits.isdigit() else 1


def _is_header(line: LexborNode) -> bool:
    """Whether a first row names the columns: it stands in `thead` or has only header cells."""
    cells = [cell.tag for cell in line.iter() if cell.tag in {"td", "th"}]
    parent = line.parent
    in_head = parent is not None and parent.tag == "thead"
    return len(cells) > 1 and (in_head or all(tag == "th" for tag in cells))


def _cell_text(cell: LexborNode) -> str:
    """Return a cell's words on one line; its lines and items are set apart by semicolons."""
    parts: list[str] = [""]
    for entered, node in _events(cell):
        tag = node.tag or ""
        if tag == "-text":
            parts[-1] += node.text_content or ""
        elif entered and tag == "img":
            parts[-1] += f" {image_words(node.attributes.get('alt') or '')} "
        elif tag not in _INLINE:
            parts.append("")
        elif entered and tag == "a" and parts[-1] and not parts[-1][-1].isspace():
            # Links set side by side as badges have no space between them, words in a sentence do.
            parts[-1] += " " if parts[-1][-1].isalnum() else ""
    return _joined(text for part in parts if (text := clean(part)))


def _joined(parts: Iterator[str]) -> str:
    whole = ""
    for part in parts:
        if whole:
            whole += " " if whole[-1] in ".,;:!?-–—" else "; "
        whole += part
    return whole
