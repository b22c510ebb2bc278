"""A document's text, laid out for reading with passages marked at exact offsets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from info_assistant.model.reading import BlockKind
from info_assistant.web.replies import Highlight, TextBlock

CELL_SEPARATOR = " | "
"""What joins the cells of a table row in a document's text."""

PART_CHARACTERS = 40_000
"""How much of a long document one page shows."""

_DEEPEST_HEADING = 6
_DEEPEST_ITEM = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters that is marked or not; `first` carries the anchor of the page."""

    text: str
    marked: bool
    first: bool = False


Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A heading, paragraph, listing, list item or table row: its cells, one but in a table.

    `level` is a heading's or a list item's depth as HTML counts it. `anchor` says that the place
    to jump to is here although nothing is marked.
    """

    cells: tuple[Pieces, ...]
    level: int = 0
    header: bool = False
    anchor: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together: a whole list or table, or one line of another kind."""

    kind: BlockKind
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A physical page of the document, or all of it where the format has none."""

    page: int | None
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The stretch of a document that one web page shows; `number` counts from 1 to `count`."""

    sheets: tuple[Sheet, ...]
    number: int
    count: int


class Layout:
    """Lays out blocks, marking `highlights`; `anchor` is an offset to jump to without a mark."""

    def __init__(
        self,
        blocks: Sequence[TextBlock],
        highlights: Sequence[Highlight],
        anchor: int | None = None,
    ) -> None:
        """Take the blocks of a whole document in order."""
        self._blocks = blocks
        self._spans = _merged(highlights)
        self._anchor = anchor
        self._anchored = False

    def part(self, number: int | None) -> Part:
        """Return the part of this number, or the one with the passage if it is None.

        A part always shows a marked passage that begins in it to its end.
        """
        parts = _parted(self._blocks)
        if number is None:
            number = self._where(parts)
        number = min(max(number, 1), len(parts))
        first, last = parts[number - 1]
        while last < len(self._blocks) and self._continues(self._blocks[last], first):
            last += 1
        self._anchored = False
        return Part(tuple(self._sheets(self._blocks[first:last])), number, len(parts))

    def _where(self, parts: Sequence[tuple[int, int]]) -> int:
        """Return the number of the part in which the passage begins."""
        target = self._spans[0][0] if self._spans else self._anchor
        if target is None:
            return 1
        for number, (_, last) in enumerate(parts, start=1):
            if last and self._blocks[last - 1].end > target:
                return number
        return len(parts)

    def _continues(self, block: TextBlock, first: int) -> bool:
        """Whether `block` belongs to a passage that began before it but after block `first`."""
        begin = self._blocks[first].start
        return any(begin <= start < block.start < end for start, end in self._spans)

    def _sheets(self, blocks: Sequence[TextBlock]) -> Iterator[Sheet]:
        """Yield the physical pages of these blocks."""
        for page, of_page in groupby(blocks, key=lambda block: block.page):
            groups = groupby(of_page, key=_belongs)
            yield Sheet(page, tuple(self._group(key[0], list(found)) for key, found in groups))

    def _group(self, kind: BlockKind, blocks: Sequence[TextBlock]) -> Group:
        """Return blocks that belong together as lines."""
        return Group(kind, tuple(self._line(kind, block) for block in blocks))

    def _line(self, kind: BlockKind, block: TextBlock) -> Line:
        """Return one block as a line."""
        table = kind is BlockKind.TABLE_ROW
        cells: list[Pieces] = []
        at = block.start
        for text in block.text.split(CELL_SEPARATOR) if table else [block.text]:
            cells.append(tuple(self._pieces(text, at)))
            at += len(text) + len(CELL_SEPARATOR)
        return Line(
            tuple(cells),
            level=_level(kind, block.level or 0),
            header=table and bool(block.table_header) and block.text == block.table_header,
            anchor=self._reached(block),
        )

    def _reached(self, block: TextBlock) -> bool:
        """Whether the unmarked place to jump to is in this block and not yet passed."""
        if self._spans or self._anchor is None or self._anchored or block.end <= self._anchor:
            return False
        self._anchored = True
        return True

    def _pieces(self, text: str, at: int) -> Iterator[Piece]:
        """Cut `text`, which begins at offset `at`, where marks begin and end."""
        done = 0
        for start, end in self._spans:
            begin = min(max(start - at, done), len(text))
            finish = min(max(end - at, begin), len(text))
            if begin == finish:
                continue
            if begin > done:
                yield Piece(text[done:begin], marked=False)
            yield Piece(text[begin:finish], marked=True, first=not self._anchored)
            self._anchored = True
            done = finish
        if done < len(text):
            yield Piece(text[done:], marked=False)


def _merged(highlights: Sequence[Highlight]) -> list[tuple[int, int]]:
    """Return the stretches in order and without overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(one.start, 0), one.end) for one in highlights):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _parted(blocks: Sequence[TextBlock]) -> list[tuple[int, int]]:
    """Return index ranges of about PART_CHARACTERS each; no range for no blocks but one empty."""
    parts: list[tuple[int, int]] = []
    first = size = 0
    for index, block in enumerate(blocks):
        if size and size + len(block.text) > PART_CHARACTERS:
            parts.append((first, index))
            first, size = index, 0
        size += len(block.text)
    return [*parts, (first, len(blocks))]


def _belongs(block: TextBlock) -> tuple[BlockKind, object]:
    """Return a key that is equal for neighbours of one list or table."""
    kind = _kind(block.kind)
    if kind is BlockKind.TABLE_ROW:
        return kind, block.table_header
    return kind, None if kind is BlockKind.LIST_ITEM else block.start


def _kind(name: str) -> BlockKind:
    """Return the kind of this name; one that a newer backend knows is shown as a paragraph."""
    try:
        return BlockKind(name)
    except ValueError:
        return BlockKind.PARAGRAPH


def _level(kind: BlockKind, level: int) -> int:
    """Return the depth for HTML, where the document's title is the heading of level 1."""
    if kind is BlockKind.HEADING:
        return min(max(level, 1) + 1, _DEEPEST_HEADING)
    return min(max(level, 1), _DEEPEST_ITEM)
