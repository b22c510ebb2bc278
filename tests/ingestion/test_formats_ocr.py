"""Pages that are only pictures: recognised with the extra `[ocr]`, told of without it."""

import io

import pypdfium2 as pdfium
import pytest
from fpdf import FPDF

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.ocr import INSTALLED
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.read import SubprocessReader

RULES = [
    "Employees may carry over 240 hours of annual leave.",
    "The form is due by March 31, 2026.",
]
needs_ocr = pytest.mark.skipif(not INSTALLED, reason="the extra [ocr] is not installed")


def scan(*, text_page: bool = False) -> bytes:
    """Return a PDF whose page is a picture of text, and perhaps one more page with real text."""
    written = FPDF()
    written.set_font("helvetica", size=12)
    written.add_page()
    for rule in RULES:
        written.multi_cell(0, 12, rule, new_x="LMARGIN", new_y="NEXT")
    with pdfium.PdfDocument(bytes(written.output())) as document:
        picture = io.BytesIO()
        document[0].render(scale=2.5).to_pil().save(picture, "png")
    made = FPDF()
    made.add_page()
    made.image(picture, 0, 0, made.w, made.h)
    if text_page:
        made.set_font("helvetica", size=12)
        made.add_page()
        made.multi_cell(0, 12, "Real text.")
        made.add_page()
    return bytes(made.output())


@needs_ocr
async def test_a_scanned_page_is_read_in_the_sandbox() -> None:
    """Words in a picture become lines of their page, and a note says that they were recognised."""
    async with SubprocessReader() as reader:
        reading = await reader.read(scan(text_page=True), filename="a.pdf", media_type="")
    words = " ".join(block.text for block in reading.blocks if block.page == 1)
    assert all(rule in words for rule in RULES)
    assert "Real text." in reading.text
    assert reading.pages == 3
    assert reading.notes[0].startswith("Text recognised in the pictures of page 1:")
    assert reading.notes[1].startswith("No text on page 3")


@needs_ocr
def test_recognition_beyond_its_time_is_told() -> None:
    """Pages for which no time is left are named in the notes; a scan alone is refused in words."""
    late = Conditions(recognition_seconds=-1)
    reading = read_file(scan(text_page=True), filename="a.pdf", media_type="", conditions=late)
    assert reading.text == "Real text."
    assert reading.notes[0] == "Text recognition took too long or failed on page 1."
    with pytest.raises(Unreadable, match="took too long") as caught:
        read_file(scan(), filename="a.pdf", media_type="", conditions=late)
    assert caught.value.kind == "limits"


@pytest.mark.skipif(INSTALLED, reason="the extra [ocr] is installed")
async def test_without_the_extra_a_scan_is_told_of() -> None:
    """A scan alone is refused as without text; beside text its page is named in the notes."""
    async with SubprocessReader() as reader:
        with pytest.raises(Unreadable) as caught:
            await reader.read(scan(), filename="a.pdf", media_type="")
        reading = await reader.read(scan(text_page=True), filename="a.pdf", media_type="")
    assert caught.value.kind == "no_text"
    assert reading.text == "Real text."
    assert reading.notes[0].startswith("No text on pages 1, 3")
