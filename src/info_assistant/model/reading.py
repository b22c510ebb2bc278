"""What a reader makes of a file: plain text in blocks that know their heading and page."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """What part of a page a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, list item, table row or code listing, as plain text.

    `page` is the physical page from 1 where the format has pages. `level` is a heading's depth
    from 1, or a list item's nesting from 1. `table_header` repeats the header line of the table
    that a row belongs to (cells joined like the row's own, by " | "); the header row itself
    is a row whose text equals it.
    """

    kind: BlockKind
    text: str
    page: int | None = None
    level: int = 0
    table_header: str = ""


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A block with its character span [start, end) in the reading's text."""

    block: Block
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A whole file as text. `title` is the document's own, where it states one.

    `pages` is the number of physical pages, or None for formats without. `notes` tell, in words for
    people, what could not be read (for example pages without a text layer).
    """

    blocks: tuple[Block, ...]
    title: str | None = None
    pages: int | None = None
    notes: tuple[str, ...] = ()

    def placed(self) -> Iterator[PlacedBlock]:
        """Yield each block with its place in `text`."""
        at = 0
        previous: Block | None = None
        for block in self.blocks:
            if previous is not None:
                at += len(_separator(previous, block))
            yield PlacedBlock(block, at, at + len(block.text))
            at += len(block.text)
            previous = block

    @property
    def text(self) -> str:
        """The text that all character offsets of passages and citations refer to."""
        parts: list[str] = []
        previous: Block | None = None
        for block in self.blocks:
            if previous is not None:
                parts.append(_separator(previous, block))
            parts.append(block.text)
            previous = block
        return "".join(parts)


_RUNS = {BlockKind.LIST_ITEM, BlockKind.TABLE_ROW}


def _separator(before: Block, after: Block) -> str:
    """Return a line break inside a list or table, and a blank line elsewhere."""
    return "\n" if before.kind == after.kind and after.kind in _RUNS else "\n\n"
