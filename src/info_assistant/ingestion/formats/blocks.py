"""Collects the blocks of a reading while a file is walked through."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from info_assistant.ingestion.formats.clean import clean, clean_lines
from info_assistant.model.reading import Block, BlockKind

CELL_SEPARATOR = " | "
_LAST_OF_RULES = 0x2BFF


@dataclass
class BlockList:
    """Blocks in reading order; whatever holds no visible character is left out."""

    blocks: list[Block] = field(default_factory=list)

    def add(self, kind: BlockKind, text: str, *, page: int | None = None, level: int = 0) -> None:
        """Add one block after cleaning its text; code keeps its lines."""
        text = clean_lines(text) if kind is BlockKind.CODE else clean(text)
        if has_words(text):
            self.blocks.append(Block(kind, text, page=page, level=level))

    def add_table(
        self, rows: Sequence[Sequence[str]], *, header: bool, page: int | None = None
    ) -> None:
        """Add a table's rows; `header` says that the first of them names the columns."""
        lines = [line for row in rows if has_words(line := row_text(row))]
        head = lines[0] if header and len(lines) > 1 and has_words(row_text(rows[0])) else ""
        self.blocks += [
            Block(BlockKind.TABLE_ROW, line, page=page, table_header=head) for line in lines
        ]

    def add_row(self, cells: Sequence[str], header: str) -> None:
        """Add one row of a table whose rows come one by one."""
        line = row_text(cells)
        if has_words(line):
            self.blocks.append(Block(BlockKind.TABLE_ROW, line, table_header=header))


def has_words(text: str) -> bool:
    """Whether there is anything to read: a letter, a digit or a symbol other than rules."""
    return any(character.isalnum() for character in text) or any(
        ord(character) > _LAST_OF_RULES for character in text
    )


def row_text(cells: Sequence[str]) -> str:
    """Join cells so that a person can read them; empty cells at the end are left out."""
    cleaned = [clean(cell) for cell in cells]
    while cleaned and not cleaned[-1]:
        cleaned.pop()
    return CELL_SEPARATOR.join(cleaned)
