"""What passages are written in: as their owner says, else as the file states, else as they read."""

import io
from collections.abc import Callable
from dataclasses import replace

import docx
import pytest
from docx.oxml.ns import qn
from fpdf import FPDF
from tests.ingestion.test_read import decoded
from tests.ingestion.test_split import WordPieces, document
from tests.model.test_language import ENGLISH, FRENCH

from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.parsing import encode_reading
from info_assistant.ingestion.split import split
from info_assistant.model.metadata import Metadata
from info_assistant.model.reading import Block, BlockKind, Reading


def page(stated: str) -> bytes:
    """Return an HTML page that states a language."""
    return f'<html lang="{stated}"><body><p>{FRENCH}</p></body></html>'.encode()


def pdf(stated: str) -> bytes:
    """Return a PDF that states one."""
    made = FPDF()
    made.set_lang(stated)
    made.set_font("helvetica", size=11)
    made.add_page()
    made.multi_cell(0, 6, ENGLISH)
    return bytes(made.output())


def word(stated: str) -> bytes:
    """Return a Word document whose styles state one."""
    made, out = docx.Document(), io.BytesIO()
    (language,) = made.styles.element.iter(qn("w:lang"))
    language.set(qn("w:val"), stated)
    made.add_paragraph(FRENCH)
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize(("make", "name"), [(page, "a.html"), (pdf, "a.pdf"), (word, "a.docx")])
def test_a_file_states_its_language(make: Callable[[str], bytes], name: str) -> None:
    """HTML, PDF and Word say it themselves; what is no tag is nothing."""
    for stated, tag in (("fr-CA", "fr-CA"), ("it", "it"), ("not a tag", None)):
        reading = read_file(make(stated), filename=name, media_type="")
        assert reading.language == tag
        again = decoded([*encode_reading(reading)])
        assert again is not None
        assert again.language == tag


def languages(stated: str | None, chosen: str | None) -> list[str | None]:
    """Return the languages of a French and an English passage."""
    blocks = tuple(
        Block(BlockKind.PARAGRAPH, " ".join([text] * 4), page=at)
        for at, text in enumerate((FRENCH, ENGLISH), 1)
    )
    entry = replace(document(), metadata=Metadata(language=chosen))
    found = split(entry, Reading(blocks, language=stated), WordPieces())
    return [each.language for each in found]


def test_what_is_stated_goes_before_what_is_recognised() -> None:
    """The owner's word goes before the file's, and that before the words of each passage."""
    assert languages(None, None) == ["fr", "en"]
    assert languages("it", None) == ["it", "it"]
    assert languages("it", "fr-CA") == ["fr-CA", "fr-CA"]
