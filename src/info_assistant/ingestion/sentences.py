"""Cuts a block's text into statements: the smallest pieces that can be quoted by themselves."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import re
from collections.abc import Iterator

from info_assistant.model.passage import Span
from info_assistant.model.reading import BlockKind

_LONG_ITEM = 300
_LONG_ROW = 400
_BOUNDARY = re.compile(r"([.!?…]+[\"'”’)\]]*)(?=\s)\s+|[。！？]+[」』”’）]*\s*")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]*$")
_LINE = re.compile(r"[^\n]+")
_CELL_END = re.compile(r" \| ")
_ABBREVIATIONS_WORDS = """
    mr mrs ms mx dr prof rev hon gen col lt sgt capt cmdr gov sen rep pres sr jr st ste no
    nos sec secs art arts ch chap chs cl fig figs eq eqs tab pt pts par para paras app vol
    vols ed eds pp p pg pgs ref refs subsec subpt reg regs stat cir supp vs v cf viz al ca
    approx incl excl est dept depts div assn assoc univ inst bldg ave blvd rd ext tel fax
    min max avg temp misc jan feb mar apr jun jul aug sept sep oct nov dec mon tue tues wed
    thu thur thurs fri sat sun e.g i.e eg ie n.b q.v ibid op
"""
_ABBREVIATIONS = frozenset(_ABBREVIATIONS_WORDS.split())
# These end a sentence as often as not: what follows decides.
_EITHER_WAY_WORDS = """
    etc u.s u.s.a u.s.c u.k u.n e.u d.c a.m p.m ph.d m.d b.a m.a inc corp co ltd llc bros
    c.f.r et seq esq
"""
_EITHER_WAY = frozenset(_EITHER_WAY_WORDS.split())
_STARTERS_WORDS = """
    the a an this that these those it its if in on at for from to by with when while where
    after before as all any each no not you your we our they their he she his her there here
    see note use do does is are what why how who which but and or however also once during
    under please failure only some many most such both either if
"""
_STARTERS = frozenset(_STARTERS_WORDS.split())
_INITIAL = re.compile(r"^[A-Z]$")
_NUMBERING = re.compile(r"^(?:\(?\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})\.$|^\d+(?:\.\d+)+\.$")


def statements(kind: BlockKind, text: str) -> list[Span]:
    """Return ordered spans of `text` that do not overlap and hold every visible character.

    A list item or table row is one statement unless it is long; code is cut by lines.
    """
    if kind is BlockKind.CODE:
        return [
            _trimmed(text, line.start(), line.end())
            for line in _LINE.finditer(text)
            if line[0].strip()
        ]
    if kind is BlockKind.HEADING or (kind is BlockKind.LIST_ITEM and len(text) <= _LONG_ITEM):
        return _whole(text)
    if kind is BlockKind.TABLE_ROW:
        return _whole(text) if len(text) <= _LONG_ROW else _row_parts(text)
    return sentences(text)


def sentences(text: str) -> list[Span]:
    """Return the sentences of `text` as spans without surrounding space."""
    found: list[Span] = []
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if _ends_sentence(text, start, boundary):
            found.append(_trimmed(text, start, boundary.end()))
            start = boundary.end()
    if text[start:].strip():
        found.append(_trimmed(text, start, len(text)))
    return found


def _ends_sentence(text: str, start: int, boundary: re.Match[str]) -> bool:
    mark = boundary[1]
    following = text[boundary.end() : boundary.end() + 40]
    if mark is None or not following:
        return True
    first = following.lstrip("\"'“‘([")[:1]
    if first.islower():
        return False
    if mark[0] != "." or mark.startswith(".."):
        return True
    word = text[max(start, boundary.start() - 40) : boundary.start()]
    return not _is_abbreviated(_last_word(word), text, start, boundary, following)


def _is_abbreviated(
    word: str, text: str, start: int, boundary: re.Match[str], following: str
) -> bool:
    """Whether the full stop after `word` belongs to the word."""
    lower = word.lower()
    if not text[start : boundary.start() - len(word)].strip() and _NUMBERING.match(word + "."):
        return True
    next_word = (re.match(r"[A-Za-z]+", following.lstrip("\"'“‘([")) or [""])[0].lower()
    if lower in _EITHER_WAY:
        return next_word not in _STARTERS
    if lower == "no":
        return following[:1].isdigit()
    return lower in _ABBREVIATIONS or bool(_INITIAL.match(word) and word != "I")


def _last_word(text: str) -> str:
    found = _LAST_WORD.search(text)
    return found[0] if found else ""


def _whole(text: str) -> list[Span]:
    return [_trimmed(text, 0, len(text))] if text.strip() else []


def _row_parts(text: str) -> list[Span]:
    """Cut a long row between cells and sentences, gathering pieces as far as they stay short."""
    found: list[Span] = []
    for piece in _row_pieces(text):
        if found and piece.end - found[-1].start <= _LONG_ITEM:
            found[-1] = Span(found[-1].start, piece.end)
        else:
            found.append(piece)
    return found


def _row_pieces(text: str) -> Iterator[Span]:
    start = 0
    for end in [*(cell.end() for cell in _CELL_END.finditer(text)), len(text)]:
        for sentence in sentences(text[start:end]):
            yield Span(start + sentence.start, start + sentence.end)
        start = end


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return Span(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()))
