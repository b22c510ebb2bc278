"""Recognises what a file is, by its bytes first and its name second, and reads it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.csv_table import read_csv
from info_assistant.ingestion.formats.docx import read_docx
from info_assistant.ingestion.formats.eml import read_eml
from info_assistant.ingestion.formats.html_page import read_html
from info_assistant.ingestion.formats.markdown import read_markdown
from info_assistant.ingestion.formats.pdf import read_pdf
from info_assistant.ingestion.formats.pptx import read_pptx
from info_assistant.ingestion.formats.text import Decoded, decode, read_text
from info_assistant.ingestion.formats.xlsx import read_xlsx
from info_assistant.ingestion.formats.zip_archive import open_archive, read_zip
from info_assistant.model.reading import Reading

READABLE = (
    "PDF, Word (.docx), PowerPoint (.pptx), Excel (.xlsx), e-mail (.eml), Markdown, HTML, CSV, "
    "plain text, or a ZIP of these"
)
_PLAIN = "text"
_TEXT_READERS: dict[str, Callable[[str], Reading]] = {
    "markdown": read_markdown,
    "html": read_html,
    "csv": read_csv,
    _PLAIN: read_text,
}
_EXTENSIONS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".text": "text",
    ".log": "text",
}
_MEDIA_TYPES = {
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
}
_OFFICE: dict[str, Callable[[bytes, Conditions], Reading]] = {
    "word/document.xml": read_docx,
    "ppt/presentation.xml": read_pptx,
    "xl/workbook.xml": read_xlsx,
}
_BINARY = {".pdf", ".docx", ".pptx", ".xlsx", ".zip"}
_MESSAGE_TYPE = "message/rfc822"
_PDF_WITHIN = 1024
# Markup may be twice its text; more is refused before it is parsed.
_MARKUP_SHARE = 3
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OUTLOOK = "__substg1.0_".encode("utf-16-le")
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_FOREIGN = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"II*\0": "a picture",
    b"MM\0*": "a picture",
    b"{\\rtf": "an RTF document",
    b"\x1f\x8b": "a compressed archive",
    b"7z\xbc\xaf": "a compressed archive",
    b"Rar!": "a compressed archive",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"SQLite format": "a database",
}
_PACKAGES = {
    "word/": "a Word file in a form",
    "xl/": "an Excel file in a form",
    "ppt/": "a PowerPoint file in a form",
    "[Content_Types].xml": "a file of a kind",
    "mimetype": "an OpenDocument file",
}
_HTML_START = re.compile(
    r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)


def read_file(
    data: bytes, *, filename: str, media_type: str, conditions: Conditions | None = None
) -> Reading:
    """Read a file of any supported format. Raises Unreadable with the reason in words."""
    conditions = conditions or Conditions()
    plain = False
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise Unreadable("empty", "This file is empty. Check that the right file was sent.")
    suffix = PurePath(filename.replace("\\", "/")).suffix.lower()
    stated = media_type.split(";", maxsplit=1)[0].strip().lower()
    if suffix == ".eml" or stated == _MESSAGE_TYPE:
        _refuse_foreign(data)
        reading = read_eml(data, conditions, read_file)
    elif b"%PDF-" in data[:_PDF_WITHIN]:
        reading = read_pdf(data, conditions)
    elif data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        reading = _read_package(data, conditions)
    else:
        _refuse_foreign(data)
        kind, decoded = _decoded(data, suffix, stated)
        plain = kind == _PLAIN
        reading = _read_as_text(kind, decoded, conditions)
    if not reading.blocks:
        raise Unreadable("empty", "This file holds no words that can be read.")
    _check(reading, conditions, plain=plain)
    return reading


def _check(reading: Reading, conditions: Conditions, *, plain: bool) -> None:
    """Refuse a reading that is larger than the rest of the product takes."""
    most = conditions.max_plain_blocks if plain else conditions.max_blocks
    if len(reading.blocks) > most:
        raise Unreadable(
            "limits",
            f"This file has {len(reading.blocks):,} paragraphs and rows; at most {most:,} are "
            "read. Split it into parts.",
        )
    most = conditions.max_plain_characters if plain else conditions.max_characters
    characters = sum(len(block.text) for block in reading.blocks)
    if characters > most:
        raise Unreadable(
            "limits",
            f"This file holds {characters:,} characters of text; at most {most:,} are read. "
            "Split it into parts.",
        )


def _read_package(data: bytes, conditions: Conditions) -> Reading:
    """Read what is a ZIP by its bytes: an office file or an archive."""
    with open_archive(data) as archive:
        names = archive.namelist()
        for part, read in _OFFICE.items():
            if part in names:
                return read(data, conditions)
        for start, words in _PACKAGES.items():
            if any(name.startswith(start) for name in names):
                raise Unreadable(
                    "unsupported", f"This is {words} that cannot be read. Send it as {READABLE}."
                )
        return read_zip(archive, conditions, read_file)


def _refuse_foreign(data: bytes) -> None:
    if data.startswith(_OLE):
        if _ENCRYPTED_OFFICE in data:
            raise Unreadable(
                "encrypted",
                "This document is protected by a password. Save it without the password "
                "and send it again.",
            )
        if _OUTLOOK in data:
            raise Unreadable(
                "unsupported",
                "This is a message in Outlook's own format (.msg), which cannot be read. Save it "
                "as .eml and send that.",
            )
        raise Unreadable(
            "unsupported",
            "This document is in the old Office format. Save it as .docx, .xlsx, .pptx or PDF "
            "and send that.",
        )
    for start, words in _FOREIGN.items():
        if data.startswith(start):
            raise Unreadable(
                "unsupported", f"This is {words}, which cannot be read. Send {READABLE}."
            )


def _decoded(data: bytes, suffix: str, stated: str) -> tuple[str, Decoded]:
    """Return what kind of text a file holds, and that text."""
    decoded = decode(data)
    if suffix in _BINARY:
        _refuse_fragment(decoded.text, suffix)
    if _HTML_START.match(decoded.text[:4096]):
        return "html", decoded
    return _EXTENSIONS.get(suffix) or _MEDIA_TYPES.get(stated) or _PLAIN, decoded


def _read_as_text(kind: str, decoded: Decoded, conditions: Conditions) -> Reading:
    most = _MARKUP_SHARE * conditions.max_characters
    if kind == _PLAIN:
        most = conditions.max_plain_characters
    if len(decoded.text) > most:
        raise Unreadable(
            "limits",
            f"This file holds {len(decoded.text):,} characters; at most {most:,} of this kind of "
            "file are read. Split it into parts.",
        )
    reading = _TEXT_READERS[kind](decoded.text)
    return replace(reading, notes=(*reading.notes, *decoded.notes))


def _refuse_fragment(text: str, suffix: str) -> None:
    """Refuse the middle of a damaged file; real text under a wrong name is read."""
    if "endobj" in text or "endstream" in text:
        raise Unreadable(
            "corrupt", f"This {suffix[1:].upper()} file is damaged. Send another copy."
        )
