"""PowerPoint and Excel as their own producers write them."""

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta

import openpyxl
import pptx
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from pptx.util import Inches

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.model.reading import BlockKind, Reading


def read(data: bytes, name: str, conditions: Conditions | None = None) -> Reading:
    """Read a file."""
    return read_file(data, filename=name, media_type="", conditions=conditions)


def workbook(fill: Callable[[Worksheet], None]) -> bytes:
    """Return a workbook with one filled sheet named Leave."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "Leave"
    fill(book.active)
    book.save(out)
    return out.getvalue()


def workbook_of(rows: Iterable[Sequence[object]]) -> bytes:
    """Return a workbook of these rows."""

    def fill(sheet: Worksheet) -> None:
        for row in rows:
            sheet.append(row)

    return workbook(fill)


def lines(reading: Reading) -> list[tuple[str, str]]:
    """Return the text and header of each row of a table."""
    return [
        (block.text, block.table_header)
        for block in reading.blocks
        if block.kind is BlockKind.TABLE_ROW
    ]


def deck() -> bytes:
    """Return a presentation of five slides, of which the last made stands first."""
    made, out = pptx.Presentation(), io.BytesIO()
    first = made.slides.add_slide(made.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "Annual plan", "For all staff"
    first.notes_slide.notes_text_frame.text = "Say when it begins."
    bullets = made.slides.add_slide(made.slide_layouts[1])
    bullets.shapes.title.text = "Leave"
    bullets.placeholders[1].text_frame.text = "Five days"
    nested = bullets.placeholders[1].text_frame.add_paragraph()
    nested.text, nested.level = "Carried over until March", 1
    bare = made.slides.add_slide(made.slide_layouts[6])
    table = bare.shapes.add_table(3, 2, 0, 0, Inches(4), Inches(2)).table
    for row, words in enumerate([("Level", "Days"), ("One", "5"), ("", "7")]):
        for column, word in enumerate(words):
            table.cell(row, column).text = word
    table.cell(1, 0).merge(table.cell(2, 0))
    group = bare.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "Words in a group"
    hidden = made.slides.add_slide(made.slide_layouts[5])
    hidden.shapes.title.text = "Hidden words"
    hidden.element.set("show", "0")
    made.slides.add_slide(made.slide_layouts[5]).shapes.title.text = "Welcome"
    order = made.slides._sldIdLst
    last = list(order)[-1]
    order.remove(last)
    order.insert(0, last)
    made.save(out)
    return out.getvalue()


def test_slides_are_pages_in_the_order_of_the_show() -> None:
    """A slide's place is its page, its title its heading; bullets, tables and notes are read."""
    reading = read(deck(), "deck.pptx")
    assert [(b.kind.value, b.level, b.page, b.text) for b in reading.blocks] == [
        ("heading", 1, 1, "Welcome"),
        ("heading", 1, 2, "Annual plan"),
        ("paragraph", 0, 2, "For all staff"),
        ("heading", 2, 2, "Speaker notes"),
        ("paragraph", 0, 2, "Say when it begins."),
        ("heading", 1, 3, "Leave"),
        ("list_item", 1, 3, "Five days"),
        ("list_item", 2, 3, "Carried over until March"),
        ("heading", 1, 4, "Slide 4"),
        ("table_row", 0, 4, "Level | Days"),
        ("table_row", 0, 4, "One | 5"),
        ("table_row", 0, 4, "One | 7"),
        ("paragraph", 0, 4, "Words in a group"),
    ]
    assert lines(reading)[2][1] == "Level | Days"
    assert (reading.title, reading.pages) == ("Welcome", 5)
    assert reading.notes == ("1 hidden slide was left out.",)


def test_too_many_slides_are_refused_in_words() -> None:
    """The limit of pages holds for slides."""
    with pytest.raises(Unreadable, match="5 slides; at most 4") as caught:
        read(deck(), "deck.pptx", Conditions(max_pages=4))
    assert caught.value.kind == "limits"


def test_values_are_shown_as_people_read_them() -> None:
    """Dates, times, durations, shares, truth and numbers stand in their row in readable form."""

    def fill(sheet: Worksheet) -> None:
        sheet.append(["What", "Value"])
        for value in [
            date(2026, 3, 4),
            datetime(2026, 3, 4, 13, 30),  # noqa: DTZ001 - workbooks know no zones.
            time(8, 30),
            timedelta(hours=30),
            0.255,
            1234567.25,
            0.1 + 0.2,
            True,
            "two\nlines",
        ]:
            sheet.append(["x", value])
        sheet["B6"].number_format = "0.0%"

    values = [text.removeprefix("x | ") for text, _ in lines(read(workbook(fill), "a.xlsx"))[1:]]
    assert values == [
        "2026-03-04",
        "2026-03-04 13:30",
        "08:30",
        "30:00",
        "25.5%",
        "1234567.25",
        "0.3",
        "TRUE",
        "two lines",
    ]


def test_each_sheet_is_a_section_with_words_header_and_merged_cells() -> None:
    """Words above a table are paragraphs, its first row is each row's header, spans repeat."""

    def fill(sheet: Worksheet) -> None:
        sheet.append(["Leave of all offices"])
        sheet.append([])
        sheet.append(["Office", 2024, 2025])
        sheet.append(["North", 1, 2])
        sheet.append([None, 3, None])
        sheet.merge_cells("A4:A5")
        hidden = sheet.parent.create_sheet("Secret")
        hidden.append(["hidden words"])
        hidden.sheet_state = "hidden"
        sheet.parent.create_sheet("Nothing")
        sheet.parent.create_sheet("Other").append(["Only words"])

    reading = read(workbook(fill), "a.xlsx")
    assert [(b.kind.value, b.text) for b in reading.blocks] == [
        ("heading", "Leave"),
        ("paragraph", "Leave of all offices"),
        ("table_row", "Office | 2024 | 2025"),
        ("table_row", "North | 1 | 2"),
        ("table_row", "North | 3"),
        ("heading", "Other"),
        ("paragraph", "Only words"),
    ]
    assert {header for _, header in lines(reading)} == {"Office | 2024 | 2025"}
    assert reading.notes == ("1 hidden sheet was left out.",)


def test_formulas_are_read_as_their_stored_values() -> None:
    """A stored value is read; a formula that nobody calculated is told about, not shown."""
    written = workbook_of([["Sum", "=1+1", "=2+2"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            part = old.read(member).replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>")
            part = part.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
            new.writestr(member, part)
    reading = read(out.getvalue(), "a.xlsx")
    assert lines(reading)[0][0] == "Sum | 2"
    assert "Leave: 1 formulas have no stored value" in reading.notes[0]


def test_a_wrongly_stated_size_of_a_sheet_cuts_nothing_off() -> None:
    """Rows beyond the dimension that a file states are read."""
    written = workbook_of([f"row {n}", "x"] for n in range(5))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            part = old.read(member)
            changed = part.replace(b'dimension ref="A1:B5"', b'dimension ref="A1:A2"')
            assert (changed != part) == member.filename.endswith("sheet1.xml")
            new.writestr(member, changed)
    assert len(lines(read(out.getvalue(), "a.xlsx"))) == 5


def test_rows_beyond_the_limit_are_refused_while_they_are_read() -> None:
    """A workbook of more rows than are taken ends in a refusal, and tells how far it was."""
    written = workbook_of(["x", n] for n in range(1_500))
    told: list[tuple[int, int, str]] = []
    with pytest.raises(Unreadable, match="more than 1,000 rows") as caught:
        read(
            written,
            "a.xlsx",
            Conditions(
                max_blocks=1_000, on_progress=lambda *progress: told.append(tuple(progress))
            ),
        )
    assert caught.value.kind == "limits"
    assert told[0] == (500, 1_500, "rows")


@pytest.mark.parametrize("name", ["a.xlsx", "a.pptx"])
def test_a_package_without_its_parts_is_called_damaged(name: str) -> None:
    """Office files from which something is missing are refused in words, whatever is missing."""
    whole = deck() if name == "a.pptx" else workbook_of([["a", "b"]])
    with zipfile.ZipFile(io.BytesIO(whole)) as old:
        parts = {member: old.read(member) for member in old.namelist()}
    main = "ppt/presentation.xml" if name == "a.pptx" else "xl/workbook.xml"
    refused: list[Unreadable] = []
    for missing in parts.keys() - {main}:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as new:
            for member, data in parts.items():
                if member != missing:
                    new.writestr(member, data)
        try:
            assert read(out.getvalue(), name).blocks
        except Unreadable as error:
            refused.append(error)
    kinds = [error.kind for error in refused]
    assert "corrupt" in kinds
    # A sheet that is not there at all leaves nothing to read.
    assert set(kinds) <= {"corrupt", "empty"}
