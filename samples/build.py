"""Build the binary sample documents (PDF, DOCX) from their Markdown sources.

`python samples/build.py [TARGET]` writes every document below TARGET (samples/documents unless
told otherwise). The same sources give the same bytes on every machine: dates come from the
sources, nothing is compressed (compressors differ between Python builds), and PDFs use the fonts
that every reader has. Markdown, HTML and CSV samples are kept in samples/documents as they are.
"""

import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_BREAK
from docx.oxml.ns import qn
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace
from markdown_it import MarkdownIt
from markdown_it.token import Token

SOURCES = Path(__file__).parent / "sources"
DOCUMENTS = Path(__file__).parent / "documents"
AGENCY = "Calvermark Department of Community Services"
PAGE_BREAK = "<!-- page break -->"
# The earliest date that a ZIP archive can hold; the real date stands in the document properties.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """One heading, paragraph, list item, table or page break of a source.

    `kind` is heading, paragraph, bullet, number, table or break. `level` is a heading's depth;
    for a numbered item it is the item's number, so that 1 starts a new list.
    """

    kind: str
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A source file: where its document goes, what it is called and what it says."""

    output: str
    title: str
    running_header: str
    date: datetime
    columns: int
    pieces: tuple[Piece, ...] = field(repr=False)


def read_source(path: Path) -> Source:
    """Return the source in `path`; raise KeyError if its front matter lacks a field."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", maxsplit=2)
    fields = dict(line.split(": ", maxsplit=1) for line in front.splitlines())
    return Source(
        output=fields["output"],
        title=fields["title"],
        running_header=fields["running_header"],
        date=datetime.fromisoformat(fields["date"]).replace(tzinfo=UTC),
        columns=int(fields.get("columns", "1")),
        pieces=tuple(_pieces(body)),
    )


def _pieces(body: str) -> Iterator[Piece]:
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    lists: list[str] = []
    number = 0
    for at, token in enumerate(tokens):
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                lists.append(token.type)
                number = 0
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "html_block" if token.content.strip() == PAGE_BREAK:
                yield Piece("break")
            case "heading_open":
                yield Piece("heading", tokens[at + 1].content, level=int(token.tag[1]))
            case "paragraph_open":
                number += 1
                kind = _paragraph_kind(lists)
                yield Piece(kind, " ".join(tokens[at + 1].content.split()), level=number)
            case "table_open":
                yield Piece("table", rows=_rows(tokens[at:]))
            case _:
                continue


def _paragraph_kind(lists: list[str]) -> str:
    if not lists:
        return "paragraph"
    return "bullet" if lists[-1] == "bullet_list_open" else "number"


def _rows(tokens: list[Token]) -> tuple[tuple[str, ...], ...]:
    rows: list[list[str]] = []
    for before, token in pairwise(tokens):
        if before.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif before.type in {"th_open", "td_open"}:
            rows[-1].append(token.content)
    return tuple(tuple(row) for row in rows)


class SamplePdf(FPDF):
    """An A4 document with a running header and numbered pages."""

    def __init__(self, source: Source) -> None:
        """Set up an empty document for `source`."""
        super().__init__()
        self._running_header = source.running_header
        # The fonts' own encoding; Latin-1 would lack the bullet of a list.
        self.core_fonts_encoding = "windows-1252"
        self.set_compression(False)
        self.set_margins(22, 24)
        self.set_auto_page_break(True, margin=22)
        self.set_title(source.title)
        self.set_author(AGENCY)
        self.set_lang("en")
        self.set_creation_date(source.date)
        self.set_producer("samples/build.py")

    def header(self) -> None:
        """Write the running header, which repeats on each page as in real manuals."""
        self.set_xy(self.l_margin, 11)
        self.set_font("Helvetica", size=8)
        self.cell(self.epw, 5, self._running_header, border="B")
        self.set_xy(self.l_margin, self.t_margin)

    def footer(self) -> None:
        """Write the page number."""
        self.set_y(-15)
        self.set_font("Helvetica", size=8)
        self.cell(self.epw, 5, f"Page {self.page_no()} of {{nb}}", align="C")


def build_pdf(source: Source) -> bytes:
    """Return `source` as a PDF."""
    pdf = SamplePdf(source)
    pdf.add_page()
    for in_columns, pieces in groupby(
        source.pieces, key=lambda piece: source.columns > 1 and _flows(piece)
    ):
        if in_columns:
            _write_columns(pdf, list(pieces), source.columns)
        else:
            for piece in pieces:
                _write(pdf, piece)
    return bytes(pdf.output())


def _flows(piece: Piece) -> bool:
    """Tell whether a piece goes into a column; titles, tables and breaks take the whole width."""
    return piece.kind not in {"table", "break"} and (piece.kind, piece.level) != ("heading", 1)


def _write(pdf: FPDF, piece: Piece) -> None:
    if piece.kind == "break":
        pdf.add_page()
    elif piece.kind == "table":
        _write_table(pdf, piece.rows)
    elif piece.kind == "heading":
        # A heading that would be left alone at the foot of a page moves on with its text.
        if pdf.will_page_break(30):
            pdf.add_page()
        pdf.ln(3)
        _style(pdf, piece)
        _line(pdf, piece.text, height=8)
        pdf.ln(1)
    else:
        _style(pdf, piece)
        indent = 0 if piece.kind == "paragraph" else 5
        pdf.set_x(pdf.l_margin + indent)
        _line(pdf, _marked(piece), height=5.2)
        pdf.ln(2 if indent == 0 else 0.8)


def _line(pdf: FPDF, text: str, height: float) -> None:
    pdf.multi_cell(0, height, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")


def _style(pdf: FPDF, piece: Piece) -> None:
    if piece.kind == "heading":
        pdf.set_font("Helvetica", style="B", size=(18, 13, 11)[piece.level - 1])
    else:
        pdf.set_font("Times", size=11)


def _marked(piece: Piece) -> str:
    match piece.kind:
        case "bullet":
            return f"\u2022 {piece.text}"
        case "number":
            return f"{piece.level}. {piece.text}"
        case _:
            return piece.text


def _write_table(pdf: FPDF, rows: tuple[tuple[str, ...], ...]) -> None:
    pdf.ln(2)
    pdf.set_font("Helvetica", size=9)
    widths = [max(6, *(min(34, len(row[at])) for row in rows)) for at in range(len(rows[0]))]
    with pdf.table(
        col_widths=tuple(widths),
        headings_style=FontFace(emphasis="BOLD", fill_color=(225, 232, 238)),
        line_height=5,
        padding=1,
        text_align="LEFT",
    ) as table:
        for row in rows:
            table.row(row)
    pdf.ln(4)


def _write_columns(pdf: FPDF, pieces: list[Piece], columns: int) -> None:
    with pdf.text_columns(ncols=columns, gutter=8, text_align="L", balance=True) as area:
        for piece in pieces:
            _style(pdf, piece)
            gap = 2.5 if piece.kind in {"heading", "paragraph"} else 0.8
            with area.paragraph(top_margin=gap, bottom_margin=gap) as paragraph:
                paragraph.write(_marked(piece))


def build_docx(source: Source) -> bytes:
    """Return `source` as a Word document."""
    document = docx.Document()
    _lighten(document)
    properties = document.core_properties
    properties.title, properties.author = source.title, AGENCY
    properties.created = properties.modified = source.date.replace(tzinfo=None)
    properties.comments = ""
    document.sections[0].header.paragraphs[0].text = source.running_header
    for piece in source.pieces:
        _add(document, piece)
    buffer = io.BytesIO()
    document.save(buffer)
    return _settled(buffer)


# python-docx offers its classes without types, hence Any for a document.
def _lighten(document: Any) -> None:  # noqa: ANN401
    """Drop what the template brings along and no sample uses; it is 800 kB uncompressed."""
    for style in list(document.styles):
        if style.type == WD_STYLE_TYPE.TABLE and style.name not in {"Table Grid", "Normal Table"}:
            style.delete()
    for part, suffix in (
        (document.part, "stylesWithEffects"),
        (document.part.package, "thumbnail"),
    ):
        for key in [key for key, rel in part.rels.items() if rel.reltype.endswith(suffix)]:
            del part.rels[key]


def _add(document: Any, piece: Piece) -> None:  # noqa: ANN401
    match piece.kind:
        case "heading":
            document.add_heading(piece.text, level=piece.level - 1)
        case "bullet":
            document.add_paragraph(piece.text, style="List Bullet")
        case "number":
            _add_numbered(document, piece)
        case "table":
            _add_table(document, piece.rows)
        case "break":
            document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        case _:
            document.add_paragraph(piece.text)


def _add_numbered(document: Any, piece: Piece) -> None:  # noqa: ANN401
    """Add an item of a numbered list; without its own numbering a list would go on counting."""
    numbering = document.part.numbering_part.element
    paragraph = document.add_paragraph(piece.text, style="List Number")
    if piece.level == 1:
        style = document.styles["List Number"].element
        used = style.pPr.numPr.numId.val
        abstract = numbering.num_having_numId(used).abstractNumId.val
        numbering.add_num(abstract).add_lvlOverride(ilvl=0).add_startOverride(1)
    properties = paragraph.paragraph_format.element.get_or_add_pPr().get_or_add_numPr()
    properties.get_or_add_ilvl().val = 0
    properties.get_or_add_numId().val = max(
        int(number.get(qn("w:numId"))) for number in numbering.num_lst
    )


def _add_table(document: Any, rows: tuple[tuple[str, ...], ...]) -> None:  # noqa: ANN401
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
    document.add_paragraph()


def _settled(archive: io.BytesIO) -> bytes:
    """Return the ZIP archive without what changes from one build to the next."""
    settled = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(settled, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            info = zipfile.ZipInfo(name, ZIP_EPOCH)
            # The system that wrote an entry is recorded, and differs between Windows and others.
            info.create_system = 3
            new.writestr(info, old.read(name))
    return settled.getvalue()


def build(target: Path) -> list[Path]:
    """Build every binary sample document below `target`; return the files written."""
    written = []
    for path in sorted(SOURCES.rglob("*.md")):
        source = read_source(path)
        output = target / source.output
        output.parent.mkdir(parents=True, exist_ok=True)
        builder = build_pdf if output.suffix == ".pdf" else build_docx
        output.write_bytes(builder(source))
        written.append(output)
    return written


if __name__ == "__main__":
    for document_path in build(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS):
        print(document_path)
