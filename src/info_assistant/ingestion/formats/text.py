"""Plain text: which characters the bytes stand for, and paragraphs and lists made from lines."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import codecs
import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from charset_normalizer import from_bytes

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.blocks import BlockList
from info_assistant.ingestion.formats.eight_bit import latin_encoding
from info_assistant.model.reading import BlockKind, Reading

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 65_536
_MOSTLY_ZERO = 0.3
_WESTERN_SHARE = 0.15
_BINARY_SHARE = 0.02
_NO_TEXT = frozenset(["Cc", "Cn", "Co", "Cs"])
_ITEM = re.compile(r"^(\s*)(?:[-*+•◦▪‣·–]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
_BULLET = re.compile(r"^\s*[-*+•◦▪‣·–]\s+")
_RULE = re.compile(r"^\s*([=\-~_*#])\1{2,}\s*$")
_MAX_HEADING = 90
_LINE_END = re.compile(r"\r\n|[\r\n\f]")
_LONGEST_CHUNK = 100_000
_TEXT_BYTES = frozenset(string.printable.encode()) | set(range(0x80, 0x100))


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with the name of its encoding, and whether that had to be guessed."""

    text: str
    encoding: str
    guessed: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about how the characters were found."""
        if not self.guessed:
            return ()
        return (f"The file does not say how its characters are encoded; read as {self.encoding}.",)


def decode(data: bytes) -> Decoded:
    """Return the text in `data`. Raises Unreadable (unsupported) if the bytes hold no text."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return Decoded(data.decode(encoding, errors="ignore"), encoding, guessed=False)
    wide = _wide_without_mark(data)
    if wide is not None:
        return Decoded(data.decode(wide, errors="ignore"), wide, guessed=True)
    _refuse_binary(data[:_SAMPLE])
    try:
        return Decoded(data.decode("utf-8"), "utf-8", guessed=False)
    except UnicodeDecodeError:
        return _guess(data)


def read_text(text: str) -> Reading:
    """Read paragraphs, list items and underlined or capitalised headings."""
    out = BlockList()
    for lines in _chunks(text):
        _add_chunk(out, lines)
    return Reading(tuple(out.blocks))


def _wide_without_mark(data: bytes) -> str | None:
    """Tell UTF-16 and UTF-32 without a mark: by zero bytes, or as nothing else would decode."""
    sample = data[: _SAMPLE & ~3]
    if len(sample) < len("abcd"):
        return None
    half = len(sample) / 2
    low, high = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    if len(data) % 4 == 0 and low + high > _MOSTLY_ZERO:
        for encoding in ("utf-32-le", "utf-32-be"):
            if _is_text(sample, encoding):
                return encoding
    if high > _MOSTLY_ZERO and low < high / 10:
        return "utf-16-le"
    if low > _MOSTLY_ZERO and high < low / 10:
        return "utf-16-be"
    if len(data) % 2 == 0 and _is_binary(sample):
        # Letters beyond Latin: the halves that name the script vary less than the others.
        even, odd = len(set(sample[0::2])), len(set(sample[1::2]))
        encoding = "utf-16-le" if odd < even else "utf-16-be"
        return encoding if _is_text(sample, encoding) else None
    return None


def _is_text(sample: bytes, encoding: str) -> bool:
    """Whether every character of a sample, but one cut at its end, is one that texts hold."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return all(
        character in "\t\r\n" or unicodedata.category(character) not in _NO_TEXT
        for character in text
    )


def _is_binary(sample: bytes) -> bool:
    strange = sum(byte not in _TEXT_BYTES for byte in sample)
    return strange > max(1, len(sample) * _BINARY_SHARE)


def _refuse_binary(sample: bytes) -> None:
    if _is_binary(sample):
        raise Unreadable(
            "unsupported",
            "This file holds no text that we can read. Send it as PDF, Word (.docx), "
            "Markdown, HTML, CSV or plain text.",
        )


def _guess(data: bytes) -> Decoded:
    """Decode bytes that are not valid UTF-8.

    A UTF-8 file with a few stray bytes stays UTF-8, with those bytes read as Windows-1252. Then the
    alphabets of languages decide. What suits none of them is western where it has few high bytes,
    as statistics go astray on those, and left to charset-normalizer where it has many.
    """
    stray = data.decode("utf-8", errors="replace").count("\ufffd")
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    if stray * 4 < high:
        return Decoded(data.decode("utf-8", errors="info_assistant_western"), "UTF-8", guessed=True)
    suiting = latin_encoding(data[:_SAMPLE])
    if suiting is not None and suiting != "cp1252":
        return Decoded(data.decode(suiting, errors="ignore"), suiting, guessed=True)
    if suiting is not None or high < len(data) * _WESTERN_SHARE:
        return _western(data)
    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        return _western(data)
    text = data.decode(best.encoding, errors="ignore")
    return Decoded(text, best.encoding, guessed=True)


def _western(data: bytes) -> Decoded:
    try:
        return Decoded(data.decode("cp1252"), "Windows-1252", guessed=True)
    except UnicodeDecodeError:
        return Decoded(data.decode("latin-1"), "Latin-1", guessed=True)


def _stray_as_western(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("info_assistant_western", _stray_as_western)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines one by one: a large file's must not all be in memory beside its text."""
    at = 0
    for end in _LINE_END.finditer(text):
        yield text[at : end.start()]
        if end[0] == "\f":
            yield ""
        at = end.end()
    yield text[at:]


def _chunks(text: str) -> Iterator[list[str]]:
    """Yield runs of lines between blank lines; what never has one is cut after many lines."""
    chunk: list[str] = []
    for line in _lines(text):
        if line.strip():
            chunk.append(line.rstrip())
        if chunk and (not line.strip() or len(chunk) == _LONGEST_CHUNK):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _add_chunk(out: BlockList, lines: list[str]) -> None:
    """Add one run of lines: a heading, list items, or paragraphs."""
    underlined = len(lines) > 1 and _RULE.match(lines[1]) and len(lines[0]) <= _MAX_HEADING
    if underlined or (len(lines) == 1 and _is_heading(lines[0])):
        out.add(BlockKind.HEADING, lines[0], level=1 if underlined else 2)
        lines = lines[2:] if underlined else []
    lines = [line for line in lines if not _RULE.match(line)]
    width = max((len(line) for line in lines), default=0)
    text: list[str] = []
    item_indent: int | None = None

    def flush() -> None:
        kind = BlockKind.PARAGRAPH if item_indent is None else BlockKind.LIST_ITEM
        out.add(kind, " ".join(text), level=0 if item_indent is None else 1 + item_indent // 2)
        text.clear()

    for line in lines:
        item = _ITEM.match(line)
        if item or (text and _ends_paragraph(text[-1], width)):
            flush()
            item_indent = len(item[1].expandtabs(2)) if item else None
        text.append(_BULLET.sub("", line) if item else line)
    flush()


def _is_heading(line: str) -> bool:
    text = line.strip()
    return text.isupper() and len(text) <= _MAX_HEADING and text[-1] not in ".,;:"


def _ends_paragraph(line: str, width: int) -> bool:
    """Whether a paragraph ends here without a blank line: a short last line, or lines unwrapped."""
    unwrapped = width > 2 * _MAX_HEADING
    return line[-1] in ".:!?" and (unwrapped or len(line) < width * 0.6)
