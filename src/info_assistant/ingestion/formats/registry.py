"""Recognises what a file is, by its bytes first and its name second, and reads it."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import PurePath

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.csv_table import read_csv
from info_assistant.ingestion.formats.docx import read_docx
from info_assistant.ingestion.formats.html_page import read_html
from info_assistant.ingestion.formats.markdown import read_markdown
from info_assistant.ingestion.formats.pdf import read_pdf
from info_assistant.ingestion.formats.text import decode, read_text
from info_assistant.model.reading import Reading

READABLE = "PDF, Word (.docx), Markdown, HTML, CSV or plain text"
_TEXT_READERS: dict[str, Callable[[str], Reading]] = {
    "markdown": read_markdown,
    "html": read_html,
    "csv": read_csv,
    "text": read_text,
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
_PDF_WITHIN = 1024
# Markup may be twice its text; more is refused before it is parsed.
_MARKUP_SHARE = 3
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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
_OFFICE = {"ppt/": "a PowerPoint file", "xl/": "an Excel file", "mimetype": "an OpenDocument file"}
_HTML_START = re.compile(
    r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)


def read_file(
    data: bytes,
    *,
    filename: str,
    media_type: str,
    max_pages: int = 5_000,
    max_characters: int = 20_000_000,
) -> Reading:
    """Read a file of any supported format. Raises Unreadable with the reason in words."""
    if not data.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise Unreadable("empty", "This file is empty. Check that the right file was sent.")
    if b"%PDF-" in data[:_PDF_WITHIN]:
        reading = read_pdf(data, max_pages)
    elif data.startswith(b"PK\x03\x04"):
        reading = _read_zip(data)
    else:
        _refuse_foreign(data)
        reading = _read_as_text(data, filename, media_type, max_characters)
    if not reading.blocks:
        raise Unreadable("empty", "This file holds no words that can be read.")
    return reading


def _read_zip(data: bytes) -> Reading:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as exc:
        raise Unreadable(
            "corrupt",
            "This file is damaged: it begins like a Word document but breaks off. Resend it.",
        ) from exc
    if "word/document.xml" in names:
        return read_docx(data)
    kind = next(
        (words for start, words in _OFFICE.items() if _any_starts(names, start)), "an archive"
    )
    raise Unreadable("unsupported", f"This is {kind}, which cannot be read. Send it as {READABLE}.")


def _any_starts(names: list[str], start: str) -> bool:
    return any(name.startswith(start) for name in names)


def _refuse_foreign(data: bytes) -> None:
    if data.startswith(_OLE):
        if _ENCRYPTED_OFFICE in data:
            raise Unreadable(
                "encrypted",
                "This document is protected by a password. Save it without the password "
                "and send it again.",
            )
        raise Unreadable(
            "unsupported",
            "This document is in the old Office format. Save it as .docx or PDF and send that.",
        )
    for start, words in _FOREIGN.items():
        if data.startswith(start):
            raise Unreadable(
                "unsupported", f"This is {words}, which cannot be read. Send {READABLE}."
            )


def _read_as_text(data: bytes, filename: str, media_type: str, max_characters: int) -> Reading:
    suffix = PurePath(filename.replace("\\", "/")).suffix.lower()
    decoded = decode(data)
    if len(decoded.text) > _MARKUP_SHARE * max_characters:
        raise Unreadable(
            "limits",
            f"This file holds {len(decoded.text):,} characters; that is more than is read. "
            "Split it into parts.",
        )
    if suffix in {".pdf", ".docx"}:
        _refuse_fragment(decoded.text, suffix)
    stated = media_type.split(";", maxsplit=1)[0].strip().lower()
    kind = _EXTENSIONS.get(suffix) or _MEDIA_TYPES.get(stated)
    if _HTML_START.match(decoded.text[:4096]):
        kind = "html"
    reading = _TEXT_READERS[kind or "text"](decoded.text)
    return Reading(reading.blocks, reading.title, reading.pages, (*reading.notes, *decoded.notes))


def _refuse_fragment(text: str, suffix: str) -> None:
    """Refuse the middle of a damaged file; real text under a wrong name is read."""
    if "endobj" in text or "endstream" in text:
        raise Unreadable(
            "corrupt", f"This {suffix[1:].upper()} file is damaged. Send another copy."
        )
