"""What a reader makes of a file: plain text in blocks that know their heading and page."""

from collections.abc import Iterator, Sequence
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
class ReadingFacts:
    """What a reader knows of a whole file besides its blocks.

    `title` is the document's own, where it states one. `pages` is the number of physical pages, or
    None for formats without. `notes` tell, in words for people, what could not be read (for example
    pages without a text layer). `language` is the one that the file itself states, as a tag of
    BCP 47.
    """

    title: str | None = None
    pages: int | None = None
    notes: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as text, or a stretch of it that begins at the character `begins` of the whole.

    `goes_on` says that more follows the stretch, `whole_length` how many characters there are in
    all, where this is not all. `title`, `pages`, `notes` and `language` are of the whole file, as
    in `ReadingFacts`.
    """

    blocks: tuple[Block, ...]
    title: str | None = None
    pages: int | None = None
    notes: tuple[str, ...] = ()
    begins: int = 0
    goes_on: bool = False
    whole_length: int | None = None
    language: str | None = None

    def placed(self) -> Iterator[PlacedBlock]:
        """Yield each block with its place in the text of the whole."""
        yield from Placing(self.begins).place(self.blocks)

    @property
    def facts(self) -> ReadingFacts:
        """What is known besides the blocks."""
        return ReadingFacts(self.title, self.pages, self.notes, self.language)

    @property
    def text(self) -> str:
        """The text that all character offsets of passages and citations refer to."""
        parts: list[str] = []
        at = self.begins
        for placed in self.placed():
            parts += ["\n" * (placed.start - at), placed.block.text]
            at = placed.end
        return "".join(parts)


class Placing:
    """Gives blocks that come one after another their places in the text of the whole."""

    def __init__(self, at: int = 0) -> None:
        """Let the next block begin at the character `at`."""
        self._at = at
        self._previous: Block | None = None

    def place(self, blocks: Sequence[Block]) -> Iterator[PlacedBlock]:
        """Yield the next blocks with their places."""
        for block in blocks:
            if self._previous is not None:
                self._at += _line_breaks(self._previous, block)
            yield PlacedBlock(block, self._at, self._at + len(block.text))
            self._at += len(block.text)
            self._previous = block


_RUNS = {BlockKind.LIST_ITEM, BlockKind.TABLE_ROW}


def _line_breaks(before: Block, after: Block) -> int:
    """Return the number of line breaks: one inside a list or table, a blank line elsewhere."""
    return 1 if before.kind == after.kind and after.kind in _RUNS else 2
