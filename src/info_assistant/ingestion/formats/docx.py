"""Word documents through kreuzberg, whose HTML goes through our own reader."""

import re
import zlib
from io import BytesIO
from zipfile import BadZipFile, ZipFile

import kreuzberg
from kreuzberg import ExtractionConfig, PageConfig, extract_bytes_sync

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.html_page import fragment_blocks
from info_assistant.model.language import tag_of
from info_assistant.model.reading import Block, BlockKind, Reading

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_DEFAULT_LANGUAGE = re.compile(
    rb"""<w:docDefaults\b.{0,4000}?<w:lang\b[^>]{0,200}?\bw:val=["']([^"']{1,40})["']""", re.DOTALL
)
_STYLES_READ = 1024 * 1024
_STARS = re.compile(r"(\*{1,3}|__)(?=\S)(.+?)(?<=\S)\1")
_MARKUP = re.compile(r"</?u>|\[([^\[\]]*)\]\((?:https?:|mailto:)[^()\s]*\)")
_PAGE_MARK = re.compile(r"<!-- PAGE (\d+) -->")


def read_docx(data: bytes, _conditions: Conditions) -> Reading:
    """Read a Word document. Raises Unreadable (corrupt, limits, empty)."""
    config = ExtractionConfig(
        use_cache=False,
        output_format="html",
        pages=PageConfig(
            insert_page_markers=True, marker_format="\n\n<!-- PAGE {page_num} -->\n\n"
        ),
    )
    try:
        result = extract_bytes_sync(data, DOCX, config=config)
    except kreuzberg.KreuzbergError as exc:
        raise _unreadable(exc) from exc
    pieces = _PAGE_MARK.split(result.content)
    blocks = _blocks(pieces[0], None)
    for number, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        blocks += _blocks(piece, int(number))
    if not blocks:
        raise Unreadable("empty", "This Word document holds no text.")
    headings = (block.text for block in blocks if block.kind is BlockKind.HEADING)
    return Reading(tuple(blocks), title=next(headings, None), language=_language(data))


def _language(data: bytes) -> str | None:
    """Return the language that the document's styles state for all of its text."""
    try:
        with ZipFile(BytesIO(data)) as archive, archive.open("word/styles.xml") as styles:
            stated = _DEFAULT_LANGUAGE.search(styles.read(_STYLES_READ))
    except (BadZipFile, KeyError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError):
        return None
    return tag_of(stated[1].decode("ascii", "replace")) if stated else None


def _blocks(markup: str, page: int | None) -> list[Block]:
    return [
        Block(block.kind, text, page, block.level, _plain(block.table_header))
        for block in fragment_blocks(markup)
        if (text := _plain(block.text))
    ]


def _plain(text: str) -> str:
    """Take out the stars, underlines and links that kreuzberg leaves as Markdown in cells."""
    return _STARS.sub(r"\2", _MARKUP.sub(_shown, text))


def _shown(markup: re.Match[str]) -> str:
    return _MARKUP.sub(_shown, markup[1] or "")


def _unreadable(exc: Exception) -> Unreadable:
    words = str(exc).lower()
    # It speaks of security also where an entry is merely damaged.
    if ("limit" in words or "bomb" in words) and "failed to read" not in words:
        return Unreadable(
            "limits", "This Word document unpacks to far more than its size; it is not opened."
        )
    return Unreadable(
        "corrupt", "This Word document is damaged. Open it in Word, save it again and resend it."
    )
