"""PDF through PDFium: text page by page, with the document's outline and its type as structure."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as c

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.conditions import Conditions, Progress
from info_assistant.ingestion.formats.ocr import Recognition
from info_assistant.ingestion.formats.pdf_layout import DocumentStyle, letters, page_blocks
from info_assistant.ingestion.formats.pdf_lines import Line, PageText
from info_assistant.model.language import tag_of
from info_assistant.model.reading import Block, BlockKind, Reading

_LARGER = 1.12
_MOST_LEVELS = 5
_EDGE = 0.12
_WORD = re.compile(r"\w+(?:-\w+)*")
_FILE_TITLE = re.compile(
    r"\.(?:docx?|pptx?|xlsx?|pdf|indd|rtf)$|^microsoft word|^untitled", re.IGNORECASE
)
_NAMED = 5
_LONGEST_LANGUAGE = 100
_HYPHENATING = 0.04
_LOCKED = "This PDF is protected by a password. Save it without the password and send it again."


def read_pdf(data: bytes, conditions: Conditions) -> Reading:
    """Read a PDF. Raises Unreadable (encrypted, corrupt, limits, no_text)."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as exc:
        if c.FPDF_GetLastError() == c.FPDF_ERR_PASSWORD or "assword" in str(exc):
            raise Unreadable("encrypted", _LOCKED) from exc
        raise Unreadable(
            "corrupt",
            "This PDF is damaged and cannot be opened. Save it again or send another copy.",
        ) from exc
    with document:
        if len(document) > conditions.max_pages:
            raise Unreadable(
                "limits",
                f"This PDF has {len(document):,} pages; at most {conditions.max_pages:,} are read. "
                "Split it into parts.",
            )
        recognition = Recognition(conditions.recognition_seconds)
        pages = _pages(document, recognition, conditions.on_progress)
        return _reading(document, pages, recognition)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page's lines and height; without a height it cannot be opened."""

    lines: list[Line]
    height: float = 0.0

    @property
    def broken(self) -> bool:
        return not self.height


def _reading(
    document: pdfium.PdfDocument, pages: Sequence[_Page], recognition: Recognition
) -> Reading:
    broken = {number for number, page in enumerate(pages, 1) if page.broken}
    blank = [number for number, page in enumerate(pages, 1) if not (page.lines or page.broken)]
    if not any(page.lines for page in pages):
        raise _wordless(broken, recognition)
    furniture = _furniture(pages)
    body = [_split_off(page, furniture) for page in pages]
    style = _style(document, [lines for lines, _ in body])
    blocks: list[Block] = []
    for number, (lines, running) in enumerate(body, 1):
        blocks += page_blocks(lines, number, style)
        blocks += _running_blocks(running, number)
    return Reading(
        tuple(blocks),
        title=_title(document, blocks),
        pages=len(pages),
        notes=_notes(blank, broken, recognition),
        language=_language(document),
    )


def _wordless(broken: set[int], recognition: Recognition) -> Unreadable:
    """Return why a PDF without a single line is refused."""
    if broken:
        return Unreadable(
            "corrupt", "No page of this PDF can be opened. Save it again or send another copy."
        )
    if recognition.given_up:
        return Unreadable(
            "limits",
            "This PDF holds pictures of pages, and recognising their text took too long or "
            "failed. Split it into parts, or run text recognition (OCR) on it yourself.",
        )
    return Unreadable(
        "no_text",
        "This PDF holds pictures of pages but no text, as a scanner makes them. "
        "Run text recognition (OCR) on it and send it again.",
    )


def _pages(
    document: pdfium.PdfDocument, recognition: Recognition, on_progress: Progress
) -> list[_Page]:
    pages: list[_Page] = []
    for index in range(len(document)):
        on_progress(index, len(document), "pages")
        try:
            page = document[index]
            text = PageText(page)
        except pdfium.PdfiumError:
            pages.append(_Page([]))
            continue
        lines = text.lines() or recognition.lines(page, index + 1)
        pages.append(_Page(lines, page.get_height()))
        text.close()
        page.close()
    return pages


def _furniture(pages: Sequence[_Page]) -> set[str]:
    """Return running headers and footers: what stands at the edge of a third of the pages."""
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_shape(line) for line in page.lines if _at_edge(line, page.height)})
    needed = max(3, len(pages) // 3)
    return {shape for shape, count in seen.items() if count >= needed}


def _at_edge(line: Line, height: float) -> bool:
    return line.middle > (1 - _EDGE) * height or line.middle < _EDGE * height


def _shape(line: Line) -> str:
    """Return a line's letters and its size; numbers count as equal."""
    return f"{line.size} {re.sub(r'[0-9]+', '0', letters(line.text))}"


def _split_off(page: _Page, furniture: set[str]) -> tuple[list[Line], list[Line]]:
    """Tell a page's own lines from those that run through the document, at its outer edges."""
    lines = page.lines
    running: set[int] = set()
    downwards = sorted(lines, key=lambda line: -line.middle)
    for inwards in (downwards, downwards[::-1]):
        for line in inwards:
            repeated = _shape(line) in furniture or _is_page_number(line, lines)
            if not repeated or not _at_edge(line, page.height):
                break
            running.add(id(line))
    return (
        [line for line in lines if id(line) not in running],
        [line for line in lines if id(line) in running],
    )


def _is_page_number(line: Line, lines: Sequence[Line]) -> bool:
    """Whether a line is a number that stands outermost on its page, and alone at its height."""
    if not line.text.isdigit():
        return False
    others = [other.middle for other in lines if other is not line]
    outermost = all(line.middle > at for at in others) or all(line.middle < at for at in others)
    return outermost and all(abs(line.middle - at) > line.size for at in others)


def _running_blocks(running: Sequence[Line], page: int) -> Iterator[Block]:
    """Keep the words of headers and footers, after the page's text and on one line."""
    text = clean(" | ".join(line.text for line in running))
    if text:
        yield Block(BlockKind.PARAGRAPH, text, page=page)


def _style(document: pdfium.PdfDocument, pages: Sequence[Sequence[Line]]) -> DocumentStyle:
    sizes: Counter[float] = Counter()
    words: Counter[str] = Counter()
    ends = count = 0
    for line in (line for lines in pages for line in lines):
        count += 1
        ends += line.text.endswith("-")
        if not line.fixed:
            sizes[line.size] += len(line.text)
        words.update(word.lower() for word in _WORD.findall(line.text))
    body = sizes.most_common(1)[0][0] if sizes else 1.0
    outline = _outline(document)
    deepest = max(outline.values(), default=0)
    larger = sorted((size for size in sizes if size >= _LARGER * body), reverse=True)
    levels = {size: min(rank, _MOST_LEVELS) for rank, size in enumerate(larger, 1)}
    if deepest:
        levels = _levels_by_outline(pages, outline, larger)
    return DocumentStyle(body, outline, words, levels, hyphenates=ends > _HYPHENATING * count)


def _levels_by_outline(
    pages: Sequence[Sequence[Line]], outline: dict[tuple[int, str], int], larger: Sequence[float]
) -> dict[float, int]:
    """Learn from bookmarked headings which size means which level, for those without a bookmark."""
    votes: dict[float, Counter[int]] = {}
    for number, lines in enumerate(pages, 1):
        for line in lines:
            level = outline.get((number, letters(line.text)))
            if level is not None:
                votes.setdefault(line.size, Counter())[level] += 1
    known = {size: counts.most_common(1)[0][0] for size, counts in votes.items()}
    return {
        size: known.get(size, min((level for s, level in known.items() if s <= size), default=1))
        for size in larger
    }


def _outline(document: pdfium.PdfDocument) -> dict[tuple[int, str], int]:
    """Return the level of each bookmark by its page and letters."""
    found: dict[tuple[int, str], int] = {}
    try:
        for bookmark in document.get_toc(max_depth=10):
            target = bookmark.get_dest()
            index = target.get_index() if target is not None else None
            title = letters(bookmark.get_title())
            if index is not None and title:
                found.setdefault((index + 1, title), bookmark.level + 1)
    except (pdfium.PdfiumError, UnicodeDecodeError):
        # A damaged outline only costs us headings.
        return found
    return found


def _title(document: pdfium.PdfDocument, blocks: Sequence[Block]) -> str | None:
    """Return the stated title, unless it is a file name; else the first page's largest heading."""
    try:
        title = clean(document.get_metadata_value("Title") or "")
    except (pdfium.PdfiumError, UnicodeDecodeError):
        title = ""
    if title and not _FILE_TITLE.search(title):
        return title
    first = [b for b in blocks if b.page == 1 and b.kind is BlockKind.HEADING]
    return min(first, key=lambda block: block.level).text if first else None


def _language(document: pdfium.PdfDocument) -> str | None:
    """Return the language that the catalogue states for the whole document (`/Lang`)."""
    size = c.FPDFCatalog_GetLanguage(document, None, 0)
    if not 0 < size <= _LONGEST_LANGUAGE:
        return None
    buffer = ctypes.create_string_buffer(size)
    c.FPDFCatalog_GetLanguage(document, ctypes.cast(buffer, ctypes.POINTER(c.FPDF_WCHAR)), size)
    return tag_of(buffer.raw.decode("utf-16-le", "replace").rstrip("\0"))


def _notes(blank: Sequence[int], broken: set[int], recognition: Recognition) -> tuple[str, ...]:
    notes = []
    if recognition.done:
        notes.append(
            f"Text recognised in the pictures of {_listed(recognition.done)}: look at the original "
            "before you rely on single letters or figures."
        )
    if recognition.given_up:
        notes.append(
            f"Text recognition took too long or failed on {_listed(recognition.given_up)}."
        )
    blank = [number for number in blank if number not in recognition.given_up]
    if blank:
        notes.append(f"No text on {_listed(blank)}: blank, or pictures without text recognition.")
    if broken:
        notes.append(f"Damaged and left out: {_listed(sorted(broken))}.")
    return tuple(notes)


def _listed(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    listed = ", ".join(str(number) for number in numbers[:_NAMED])
    rest = len(numbers) - _NAMED
    return f"pages {listed} and {rest} more" if rest > 0 else f"pages {listed}"
