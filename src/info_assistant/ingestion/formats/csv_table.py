"""CSV and its relatives: each record becomes a readable row under the header."""

import csv
import io
import re

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.blocks import BlockList
from info_assistant.ingestion.formats.html_page import inline_text
from info_assistant.model.reading import Reading

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 20
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_ENTITY = re.compile(r"&(?:[a-zA-Z]+|#\d+);")
_NUMBER = re.compile(r"^[-+$€£]?[\d.,%/: -]+$")
_LONGEST_NAME = 80
_LARGEST_CELL = 2_000_000


def read_csv(text: str) -> Reading:
    """Read a table. Raises Unreadable (corrupt) if the rows cannot be told apart."""
    csv.field_size_limit(_LARGEST_CELL)
    text = text.replace("\0", "")
    try:
        rows = [
            [_cell(cell) for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        ]
    except csv.Error as exc:
        raise Unreadable(
            "corrupt", f"The table cannot be read: {exc}. Save it again as CSV and send it anew."
        ) from exc
    rows = [row for row in rows if any(row)]
    out = BlockList()
    out.add_table(rows, header=bool(rows) and _names_columns(rows[0]))
    return Reading(tuple(out.blocks))


def _delimiter(text: str) -> str:
    """Return the delimiter that gives the first rows the same number of cells, and most of them."""

    def regularity(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=delimiter)
        widths = [len(row) for row, _ in zip(reader, range(_SAMPLE_ROWS), strict=False) if row]
        common = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        return (widths.count(common) / len(widths) if common > 1 else 0, common)

    return max(_DELIMITERS, key=regularity)


def _cell(cell: str) -> str:
    """Return a cell's words: markup is taken out, line breaks inside it become spaces."""
    if _TAG.search(cell) or _ENTITY.search(cell):
        return inline_text(cell)
    return " ".join(cell.split())


def _names_columns(row: list[str]) -> bool:
    """Whether a first row is a header: every cell is filled, short, and no number."""
    return all(cell and len(cell) <= _LONGEST_NAME and not _NUMBER.match(cell) for cell in row)
