"""The text lines of a PDF page with their place and type, in the order in which they were written.

Producers write column by column, cell by cell and box by box, so that order keeps together what
belongs together better than positions alone could.
"""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pypdfium2 as pdfium
import pypdfium2.raw as c

_WIDE_GAP = 1.5
_WORD_GAP = 0.22
_SMALL_GAP = 0.08
_NEARLY_ALL = 0.9
_PUNCTUATION = frozenset(".,;:)]")
_OVERLAP = 0.6
_BREAKS = frozenset({0, 10, 13})
_BOLD_WEIGHT = 600
_MARKER = re.compile(
    r"^(?:[•●○◦▪■□➢➤✓✔❖·*–—\-\ue000-\uf8ff]|o|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]|\d+(?:\.\d+)+\.?|\d{1,2})$"
)
_LEADERS = re.compile(r"[.…_·]{4,}|(?:\. ){4,}")
_FIXED_NAMES = (b"courier", b"mono", b"consolas", b"menlo", b"typewriter")
_FIXED_PITCH = 1
_HYPHENS = frozenset("\x02\ufffe\xad")


@dataclass(slots=True)
class Line:
    """A stretch of text on one baseline, without gaps wide enough for a column."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    bold: bool
    fixed: bool
    leads: bool = False
    baseline: float = 0.0

    @property
    def middle(self) -> float:
        """The height of the line's centre."""
        return (self.bottom + self.top) / 2


@dataclass(slots=True)
class _Run:
    """Characters gathered for one line. Each counts with its word's size and style."""

    text: list[str] = field(default_factory=list)
    left: float = 1e9
    right: float = -1e9
    bottom: float = 1e9
    top: float = -1e9
    size: float = 1.0
    turned: bool = False
    baseline: float | None = None
    bold_now: bool = False
    fixed_now: bool = False
    sizes: dict[float, int] = field(default_factory=dict)
    bold: int = 0
    fixed: int = 0
    inked: int = 0

    def line(self) -> Line | None:
        whole = "".join(self.text)
        text = _LEADERS.sub(" ", whole).strip()
        if not text or not self.inked:
            return None
        size = max(self.sizes, key=lambda size: (self.sizes[size], size))
        half = self.inked / 2
        return Line(
            text,
            self.left,
            self.right,
            self.bottom,
            self.top,
            size,
            bold=self.bold > half,
            fixed=self.fixed > _NEARLY_ALL * self.inked,
            leads=_LEADERS.search(whole) is not None,
            baseline=self.bottom if self.baseline is None else self.baseline,
        )


class PageText:
    """Reads the characters of one page. The vendor's calls are made once for each character."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        """Load the page's text."""
        self._text = page.get_textpage()
        self._box = c.FS_RECTF()
        self._matrix = c.FS_MATRIX()
        self._origin = (ctypes.c_double(), ctypes.c_double())
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()

    def lines(self) -> list[Line]:
        """Return the page's lines, split where gaps are wide enough for a column."""
        return _with_markers([line for run in self._runs() if (line := run.line()) is not None])

    def close(self) -> None:
        """Give the vendor's memory back."""
        self._text.close()

    def _runs(self) -> Iterator[_Run]:
        """Gather characters by where they stand: the vendor's own line breaks err at hyphens."""
        run = _Run()
        gap, broken = True, False
        for at in range(self._text.count_chars()):
            code = c.FPDFText_GetUnicode(self._text, at)
            character = chr(code)
            if code in _BREAKS:
                broken = True
                continue
            if character.isspace():
                gap = True
                continue
            if character in _HYPHENS:
                character = "-"
            if not c.FPDFText_GetLooseCharBox(self._text, at, self._box):
                run.text.append(character)
                continue
            if run.inked and not self._continues(run, broken=broken):
                yield run
                run, gap = _Run(), True
            apart = self._box.left - run.right
            close = broken or (run.text and run.text[-1] in _PUNCTUATION)
            if gap or apart > (_SMALL_GAP if close else _WORD_GAP) * run.size:
                self._begin_word(at, run)
            gap = broken = False
            self._add(run, character)
        yield run

    def _continues(self, run: _Run, *, broken: bool) -> bool:
        """Whether the character just measured stands on the run's line, next to its end."""
        box = self._box
        if run.turned:
            return not broken
        if not -run.size < box.left - run.right < _WIDE_GAP * run.size:
            return False
        overlap = min(box.top, run.top) - max(box.bottom, run.bottom)
        return bool(overlap > _OVERLAP * min(box.top - box.bottom, run.top - run.bottom))

    def _begin_word(self, at: int, run: _Run) -> None:
        """Set the run's size and style from a word's first character."""
        if run.text:
            run.text.append(" ")
        if run.baseline is None and c.FPDFText_GetCharOrigin(self._text, at, *self._origin):
            run.baseline = self._origin[1].value
        size = c.FPDFText_GetFontSize(self._text, at)
        if c.FPDFText_GetMatrix(self._text, at, self._matrix):
            size *= (self._matrix.b**2 + self._matrix.d**2) ** 0.5 or 1
            run.turned = abs(self._matrix.b) > abs(self._matrix.a)
        if size <= 1:
            size = self._box.top - self._box.bottom
        run.size = max(1.0, round(size * 2) / 2)
        c.FPDFText_GetFontInfo(self._text, at, self._name, len(self._name), self._flags)
        name = self._name.value.lower()
        weight = c.FPDFText_GetFontWeight(self._text, at)
        run.bold_now = b"bold" in name or weight >= _BOLD_WEIGHT
        fixed = self._flags.value & _FIXED_PITCH
        run.fixed_now = bool(fixed) or any(part in name for part in _FIXED_NAMES)

    def _add(self, run: _Run, character: str) -> None:
        box = self._box
        run.text.append(character)
        run.left, run.right = min(run.left, box.left), max(run.right, box.right)
        run.bottom, run.top = min(run.bottom, box.bottom), max(run.top, box.top)
        run.sizes[run.size] = run.sizes.get(run.size, 0) + 1
        run.bold += run.bold_now
        run.fixed += run.fixed_now
        run.inked += 1


def _with_markers(lines: list[Line]) -> list[Line]:
    """Join a bullet or number with the text that stands apart from it on its right."""
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if (
            before
            and _MARKER.match(before.text)
            and _same_row(before, line)
            and (0 <= line.left - before.right <= 6 * line.size)
        ):
            joined[-1] = Line(
                f"{before.text} {line.text}",
                before.left,
                line.right,
                min(before.bottom, line.bottom),
                max(before.top, line.top),
                line.size,
                bold=line.bold,
                fixed=line.fixed,
                leads=line.leads,
                baseline=line.baseline,
            )
        else:
            joined.append(line)
    return joined


def _same_row(one: Line, other: Line) -> bool:
    return one.bottom - other.size / 3 <= other.middle <= one.top + other.size / 3
