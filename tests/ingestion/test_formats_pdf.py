"""PDF and Word: order, structure and words as a reader of the page finds them."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import io
import re
from collections import Counter

import docx
import pytest
from docx.enum.text import WD_BREAK
from fpdf import FPDF

from info_assistant.ingestion.formats.registry import read_file
from info_assistant.model.reading import BlockKind, Reading

LONG = "The quick assessment of each request takes place within ten business days of receipt. "


def read(made: FPDF) -> Reading:
    """Read a made PDF."""
    return read_file(bytes(made.output()), filename="a.pdf", media_type="")


def page(size: float = 11) -> FPDF:
    """Return a PDF with one empty page."""
    made = FPDF()
    made.set_font("helvetica", size=size)
    made.add_page()
    return made


def test_lines_become_paragraphs_and_type_becomes_headings() -> None:
    """Wrapped lines are one paragraph; larger and bold lines are headings of different depth."""
    made = page()
    for style, size, text in [
        ("B", 20, "Annual report"),
        ("B", 14, "Part one"),
        ("", 11, LONG * 4),
        ("", 11, LONG * 3),
    ]:
        made.set_font("helvetica", style, size)
        made.multi_cell(0, size * 0.5, text.strip(), new_x="LMARGIN", new_y="NEXT")
        made.ln(4)
    reading = read(made)
    assert [(b.kind, b.level, b.text.strip()) for b in reading.blocks] == [
        (BlockKind.HEADING, 1, "Annual report"),
        (BlockKind.HEADING, 2, "Part one"),
        (BlockKind.PARAGRAPH, 0, (LONG * 4).strip()),
        (BlockKind.PARAGRAPH, 0, (LONG * 3).strip()),
    ]
    assert reading.pages == 1


def test_two_columns_are_read_one_after_the_other() -> None:
    """Lines of neighbouring columns are never mixed into one sentence."""
    made = page()
    left, right = "Left column text goes on. " * 12, "Right side words continue. " * 12
    with made.text_columns(ncols=2, gutter=12) as columns:
        columns.write(left)
        columns.new_column()
        columns.write(right)
    text = " ".join(read(made).text.split())
    assert left.strip() in text
    assert right.strip() in text


def test_a_box_beside_the_text_does_not_break_its_sentences() -> None:
    """The words of a call-out box stay together, apart from the paragraph they stand beside."""
    made = page()
    made.multi_cell(110, 6, (LONG * 2).strip())
    made.set_xy(140, 10)
    made.multi_cell(50, 6, "Remember to keep a copy of every form that you send to the office.")
    text = read(made).text
    assert LONG.strip() in text
    assert "keep a copy of every form" in text


def test_rows_of_a_table_are_rows_with_their_header() -> None:
    """Cells on one line are joined by a bar under the bold header row, also wrapped ones."""
    made = page()
    with made.table(line_height=6) as table:
        for row in [("Level", "Days", "Who"), ("One", "5", "Staff"), ("Two", "7 or, " * 20, "All")]:
            table.row(row)
    rows = [block for block in read(made).blocks if block.kind is BlockKind.TABLE_ROW]
    assert [row.text for row in rows][:2] == ["Level | Days | Who", "One | 5 | Staff"]
    assert rows[2].text.startswith("Two | 7 or, 7 or,")
    assert rows[2].text.endswith("| All")
    assert all(row.table_header == "Level | Days | Who" for row in rows)


def test_running_headers_are_kept_apart_from_the_text() -> None:
    """Lines that stand on every page are no headings and come after the page's own text."""
    made = FPDF()
    for number in range(4):
        made.add_page()
        made.set_font("helvetica", "B", 16)
        made.cell(0, 8, f"Guide of the office {number + 1}", new_x="LMARGIN", new_y="NEXT")
        made.set_font("helvetica", size=11)
        made.multi_cell(0, 6, f"Office {'ABCD'[number] * 3} decides. {LONG * (number + 2)}")
    reading = read(made)
    assert not [block for block in reading.blocks if block.kind is BlockKind.HEADING]
    assert [block.text for block in reading.blocks if block.page == 2][
        -1
    ] == "Guide of the office 2"


def test_words_broken_at_line_ends_are_made_whole() -> None:
    """A hyphen that only breaks a word goes, one that belongs to a compound stays."""
    made = page()
    for line in [
        "The regulation and its regulations are about short-term leave. This regu-",
        "lation is about leave that is short-",
        "term and paid. It is a regulation.",
    ]:
        made.cell(0, 6, line, new_x="LMARGIN", new_y="NEXT")
    text = read(made).text
    assert "This regulation is about leave that is short-term and paid." in text


def test_bullets_become_list_items() -> None:
    """Each bullet is an item of its own, with its wrapped lines and without its mark."""
    made = page()
    made.multi_cell(0, 6, "You need:", new_x="LMARGIN", new_y="NEXT")
    for text in ["a form", LONG + "That is all"]:
        made.cell(8, 6, "-")
        made.multi_cell(120, 6, text, new_x="LMARGIN", new_y="NEXT")
    items = [block.text for block in read(made).blocks if block.kind is BlockKind.LIST_ITEM]
    assert items == ["a form", LONG + "That is all"]


def word_file() -> "docx.document.Document":
    """Return a Word document with headings, a list and a table."""
    made = docx.Document()
    made.add_heading("Leave guide", 1)
    made.add_paragraph("You may take leave any time, with your supervisor’s consent.")
    made.add_heading("Steps", 2)
    made.add_paragraph("Fill in the form", style="List Bullet")
    made.add_paragraph("Send it", style="List Bullet")
    table = made.add_table(rows=3, cols=2)
    for row, cells in enumerate([("Level", "Days"), ("One", "5"), ("Two", "7")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    return made


def save(made: "docx.document.Document") -> bytes:
    """Return the bytes of a Word document."""
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def test_word_documents_keep_their_structure() -> None:
    """Headings and rows of a Word file arrive as what they are, and its lists line by line."""
    reading = read_file(save(word_file()), filename="a.docx", media_type="")
    assert reading.title == "Leave guide"
    structure = {BlockKind.HEADING, BlockKind.TABLE_ROW}
    assert [(b.kind if b.kind in structure else None, b.text) for b in reading.blocks] == [
        (BlockKind.HEADING, "Leave guide"),
        (None, "You may take leave any time, with your supervisor’s consent."),
        (BlockKind.HEADING, "Steps"),
        (None, "Fill in the form"),
        (None, "Send it"),
        (BlockKind.TABLE_ROW, "Level | Days"),
        (BlockKind.TABLE_ROW, "One | 5"),
        (BlockKind.TABLE_ROW, "Two | 7"),
    ]


def test_word_documents_lose_no_words_and_keep_page_breaks() -> None:
    """Every word that python-docx finds is read, and a page break starts another page."""
    made = word_file()
    made.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    for number in range(30):
        run = made.add_paragraph(f"Rule {number}: ").add_run(LONG)
        run.bold = number % 2 == 0
    reading = read_file(save(made), filename="a.docx", media_type="")
    expected = [paragraph.text for paragraph in made.paragraphs]
    expected += [cell.text for row in made.tables[0].rows for cell in row.cells]
    missing = Counter(" ".join(expected).split()) - Counter(reading.text.replace("|", " ").split())
    assert not missing
    assert {block.page for block in reading.blocks} in ({1, 2}, {None})


@pytest.mark.parametrize("text", ["*starred* words __here__", "a | b", "<b> & </b>"])
def test_marks_in_word_text_are_kept_as_written(text: str) -> None:
    """What looks like markup in a paragraph is text, and comes through."""
    made = docx.Document()
    made.add_paragraph(f"Note: {text}.")
    found = read_file(save(made), filename="a.docx", media_type="").text
    assert "".join(filter(str.isalnum, found)) == "".join(filter(str.isalnum, f"Note{text}"))


def test_a_page_that_cannot_be_opened_leaves_the_others() -> None:
    """A damaged page is named in the notes, and the pages around it are read."""
    made = page()
    for words in ("First words.", "Second words.", "Third words."):
        made.multi_cell(0, 6, words)
        made.add_page()
    data = bytes(made.output())
    second = [at.start() for at in re.finditer(rb"/Type /Page\n", data)][1]
    broken = data[:second] + b"/Type /Nope\n" + data[second + len(b"/Type /Page\n") :]
    reading = read_file(broken, filename="a.pdf", media_type="")
    assert "Third words." in reading.text
    assert "Second words." not in reading.text
    assert any(note.startswith("Damaged and left out: page 2") for note in reading.notes)
