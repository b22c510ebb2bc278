"""Large files, made for the occasion."""

from pathlib import Path

from fpdf import FPDF

SENTENCE = "Employees may carry over 240 hours of annual leave, as rule {number} says. "
PAGES = 300


def pdf_of_300_pages() -> bytes:
    """Return a PDF of 300 pages of text."""
    made = FPDF()
    made.set_font("helvetica", size=11)
    for number in range(PAGES):
        made.add_page()
        made.multi_cell(0, 6, SENTENCE.format(number=number) * 30)
    return bytes(made.output())


def write_text(path: Path, size: int) -> Path:
    """Write about `size` bytes of numbered paragraphs, not all of them ASCII."""
    with path.open("w", encoding="utf-8") as file:
        number = 0
        while file.tell() < size:
            file.write("".join(_paragraph(number + each) for each in range(1_000)))
            number += 1_000
    return path


def _paragraph(number: int) -> str:
    return f"Rule {number} “on leave”. " + SENTENCE.format(number=number) * 8 + "\n\n"
