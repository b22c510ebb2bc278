"""Excel workbooks: each sheet is a section whose rows repeat the header; formulas give values."""

import io
import re
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from openpyxl import load_workbook
from openpyxl.cell import Cell
from openpyxl.utils.cell import range_boundaries
from openpyxl.workbook import Workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.blocks import BlockList, row_text
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.damage import damaged_as
from info_assistant.model.reading import BlockKind, Reading

_DAMAGED = "This workbook is damaged. Open it in Excel, save it again and resend it."
_MAX_CELLS = 2_000_000
_MAX_MERGED = 100_000
_LONGEST_NAME = 80
_ROWS_A_WORD = 500
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_UNCALCULATED = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^<>]*/>)\s*(?:<(?:\w+:)?v\s*/>|<v></v>)?\s*</(?:\w+:)?c>"
)


def read_xlsx(data: bytes, conditions: Conditions) -> Reading:
    """Read a workbook's visible sheets. Raises Unreadable (corrupt, limits)."""
    with damaged_as(_DAMAGED), warnings.catch_warnings():
        # Of extensions and styles that it does not keep; none of them carries words.
        warnings.simplefilter("ignore")
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        reader = _BookReader(book, data, conditions)
        reader.read()
        title = clean(book.properties.title or "")
    return Reading(tuple(reader.out.blocks), title or None, None, tuple(reader.notes))


@dataclass
class _BookReader:
    """Goes through the sheets and counts what was read."""

    book: Workbook
    data: bytes
    conditions: Conditions
    out: BlockList = field(default_factory=BlockList)
    notes: list[str] = field(default_factory=list)
    cells: int = 0
    rows: int = 0

    def read(self) -> None:
        shown = [sheet for sheet in self.book.worksheets if sheet.sheet_state == "visible"]
        expected = sum(sheet.max_row or 0 for sheet in shown)
        for sheet in shown:
            self._add_sheet(sheet, expected)
        hidden = len(self.book.worksheets) - len(shown)
        if hidden:
            words = "sheet was" if hidden == 1 else "sheets were"
            self.notes.append(f"{hidden} hidden {words} left out.")

    def _add_sheet(self, sheet: ReadOnlyWorksheet, expected: int) -> None:
        name = clean(sheet.title)
        markup = _markup(self.data, sheet)
        if missing := len(_UNCALCULATED.findall(markup)):
            self.notes.append(
                f"Sheet {name}: {missing:,} formulas have no stored value and are left out. "
                "Open the workbook in Excel and save it, so that they have one."
            )
        merged = _Merged(_MERGED.findall(markup)[:_MAX_MERGED])
        # The size that a file states of itself may be wrong and then would cut rows off.
        sheet.reset_dimensions()
        table = _Table(self.out)
        begun = len(self.out.blocks)
        self.out.add(BlockKind.HEADING, name, level=1)
        for number, row in enumerate(sheet.iter_rows(), 1):
            self._count(len(row), expected)
            table.add(merged.fill(number, [_shown(cell) for cell in row]))
        if len(self.out.blocks) == begun + 1:
            # A sheet of charts or of nothing; its name alone says nothing.
            del self.out.blocks[begun:]

    def _count(self, cells: int, expected: int) -> None:
        self.rows += 1
        self.cells += cells
        if self.rows % _ROWS_A_WORD == 0:
            self.conditions.on_progress(self.rows, max(expected, self.rows), "rows")
        if self.cells > _MAX_CELLS:
            raise Unreadable(
                "limits",
                f"This workbook has more than {_MAX_CELLS:,} cells, which is more than is read. "
                "Split it into parts.",
            )
        if len(self.out.blocks) > self.conditions.max_blocks:
            raise Unreadable(
                "limits",
                f"This workbook has more than {self.conditions.max_blocks:,} rows, which is more "
                "than is read. Split it into parts.",
            )


def _markup(data: bytes, sheet: ReadOnlyWorksheet) -> bytes:
    """Return a sheet's XML, which tells what read-only access leaves out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(sheet._worksheet_path.lstrip("/"))  # noqa: SLF001 - nothing public.


class _Merged:
    """Repeats the words of a cell that spans several rows in each of them."""

    def __init__(self, ranges: Sequence[bytes]) -> None:
        self._last_row: dict[tuple[int, int], int] = {}
        for each in ranges:
            left, top, _, bottom = range_boundaries(each.decode())
            if bottom > top:
                self._last_row[top, left] = bottom
        self._above: dict[int, tuple[int, str]] = {}

    def fill(self, number: int, cells: list[str]) -> list[str]:
        for column, (last, text) in list(self._above.items()):
            if number > last:
                del self._above[column]
                continue
            cells += [""] * (column - len(cells))
            cells[column - 1] = cells[column - 1] or text
        if self._last_row:
            for column, text in enumerate(cells, 1):
                last = self._last_row.get((number, column), 0)
                if last and text:
                    self._above[column] = (last, text)
        return cells


@dataclass
class _Table:
    """Adds a sheet's rows: words above the table as paragraphs, then rows under their header.

    The first row of several cells that begins with words names the columns.
    """

    out: BlockList
    header: str | None = None

    def add(self, cells: list[str]) -> None:
        filled = [cell for cell in cells if cell]
        if not filled:
            return
        if self.header is None:
            if len(filled) == 1:
                self.out.add(BlockKind.PARAGRAPH, filled[0])
                return
            self.header = row_text(cells) if _names_columns(filled) else ""
        self.out.add_row(cells, self.header)


def _names_columns(filled: Sequence[str]) -> bool:
    return filled[0][:1].isalpha() and all(len(cell) <= _LONGEST_NAME for cell in filled)


def _shown(cell: Cell) -> str:
    """Return a value as a person reads it in the cell."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format))
    return _moment(value)


def _number(value: float, number_format: str) -> str:
    if "%" in number_format:
        return f"{value * 100:.10g}%"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.strftime("%H:%M:%S" if value.second else "%H:%M")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        clock = f"{minutes // 60}:{minutes % 60:02}"
        return f"{clock}:{seconds:02}" if seconds else clock
    return clean(str(value))
