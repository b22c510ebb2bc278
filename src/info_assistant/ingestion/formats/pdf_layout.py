"""Makes blocks of a PDF page's lines: paragraphs, list items, table rows, code, headings."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from info_assistant.ingestion.formats.blocks import BlockList
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.pdf_lines import Line
from info_assistant.model.reading import Block, BlockKind

_BULLET = re.compile(r"^([•●○◦▪■□➢➤✓✔❖·*–—\-\ue000-\uf8ff]|o)\s+(?=\S)")
_NUMBERED = re.compile(r"^\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]\s+(?=\S)")
_LARGER = 1.15
_HEADING_WORDS = 16
_BOLD_HEADING_WORDS = 12
_NEW_PARAGRAPH = 1.3
_CELL_WORDS = 20
_CELL_LINES = 5
_CELL_CODE_LINES = 2
_MARKER_CELLS = 2
_BOLD_HEADING_LINES = 2
_ALIGNED = 6
_LINE_END_HYPHEN = re.compile(r"(\w+)-$")


@dataclass(slots=True)
class Group:
    """Lines that run on: a paragraph, a list item, a cell or a listing."""

    lines: list[Line] = field(default_factory=list)

    @property
    def left(self) -> float:
        """The left edge."""
        return min(line.left for line in self.lines)

    @property
    def right(self) -> float:
        """The right edge."""
        return max(line.right for line in self.lines)

    @property
    def top(self) -> float:
        """The upper edge."""
        return max(line.top for line in self.lines)

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return min(line.bottom for line in self.lines)

    @property
    def words(self) -> int:
        """The number of words."""
        return sum(len(line.text.split()) for line in self.lines)


@dataclass(frozen=True, slots=True)
class DocumentStyle:
    """What is known of the whole document when one page is laid out.

    `outline` maps page and letters of a bookmark to its level. `vocabulary` counts the words of the
    document, to tell a hyphen from a broken word; `hyphenates` says that many lines end in one.
    `levels` maps sizes above the body's to levels.
    """

    body_size: float
    outline: Mapping[tuple[int, str], int]
    vocabulary: Counter[str]
    levels: Mapping[float, int]
    hyphenates: bool


def letters(text: str) -> str:
    """Return only letters and digits, in lower case: what does not depend on spacing."""
    return "".join(character for character in clean(text).lower() if character.isalnum())


def page_blocks(lines: Sequence[Line], page: int, style: DocumentStyle) -> list[Block]:
    """Return the blocks of one page."""
    out = BlockList()
    groups = list(_groups(_title_first(lines), style))
    for row in _rows(groups):
        if len(row) > 1:
            _add_row(out, row, page, style)
        else:
            _add_group(out, row[0], page, style)
    return _with_table_headers(out.blocks)


def _title_first(lines: Sequence[Line]) -> Sequence[Line]:
    """Put the largest type first if it stands above all else: slides are written in any order."""
    largest = max((line.size for line in lines), default=0.0)
    title = [line for line in lines if line.size == largest]
    rest = [line for line in lines if line.size != largest]
    if not rest or min(line.middle for line in title) < max(line.middle for line in rest):
        return lines
    return [*title, *rest]


def _groups(lines: Sequence[Line], style: DocumentStyle) -> Iterator[Group]:
    """Join lines that run on."""
    pitches = _pitches(lines)
    group = Group()
    for line in lines:
        if group.lines and not _runs_on(group, line, pitches, style):
            yield group
            group = Group()
        group.lines.append(line)
    if group.lines:
        yield group


def _pitches(lines: Sequence[Line]) -> dict[float, float]:
    """Return the usual distance between baselines for each size of type on a page."""
    distances: dict[float, Counter[float]] = {}
    for one, other in pairwise(lines):
        step = one.baseline - other.baseline
        if one.size == other.size and 0.8 * one.size < step < 2 * one.size:
            distances.setdefault(one.size, Counter())[round(step * 2) / 2] += 1
    # The smallest of the frequent distances: blank space between paragraphs is frequent too.
    return {
        size: min(step for step, count in counts.items() if count * 3 >= max(counts.values()))
        for size, counts in distances.items()
    }


def _runs_on(
    group: Group, line: Line, pitches: Mapping[float, float], style: DocumentStyle
) -> bool:
    """Whether `line` continues `group`."""
    last = group.lines[-1]
    if last.leads or line.leads:
        return False
    step = last.baseline - line.baseline
    if step < 0.5 * min(last.size, line.size) or line.left > group.right or line.right < group.left:
        return False
    if last.fixed != line.fixed or abs(last.size - line.size) > 0.12 * last.size:
        return False
    pitch = pitches.get(line.size, 1.25 * line.size)
    if step > (2.2 if line.fixed else _NEW_PARAGRAPH) * max(pitch, 1.1 * line.size):
        return False
    if line.fixed:
        return True
    return not _starts_anew(group, last, line, style)


def _starts_anew(group: Group, last: Line, line: Line, style: DocumentStyle) -> bool:
    """Whether a line right below another begins something of its own."""
    if line.text[:1].islower() and not _ends(last.text) and not _is_item(line.text):
        return False
    if _is_item(line.text) or (last.bold != line.bold and _could_be_heading(group, style)):
        return True
    if line.bold and not last.bold and line.size >= style.body_size and _ends(last.text):
        return True
    if _is_item(group.lines[0].text):
        return line.left < group.lines[0].left - 0.3 * line.size or (
            line.left <= group.lines[0].left + 0.1 * line.size and _ends(last.text)
        )
    indented = line.left > group.lines[0].left + 0.8 * line.size and len(group.lines) > 1
    short = last.right < group.right - 0.25 * (group.right - group.left)
    return _ends(last.text) and (short or indented) and line.text[:1].isupper()


def _ends(text: str) -> bool:
    return text.rstrip("\"'”’)")[-1:] in ".:!?;"


def _is_item(text: str) -> bool:
    return bool(_BULLET.match(text) or _NUMBERED.match(text))


def _could_be_heading(group: Group, style: DocumentStyle) -> bool:
    first = group.lines[0]
    return first.bold or first.size >= _LARGER * style.body_size


def _rows(groups: list[Group]) -> list[list[Group]]:
    """Put groups that stand side by side, one after the other, into rows of a table.

    A single such row may be two columns or a caption beside a box, so that only short cells count
    unless the next row has its cells at the same places.
    """
    rows: list[list[Group]] = []
    for group in groups:
        if rows and _beside(rows[-1][-1], group):
            rows[-1].append(group)
        else:
            rows.append([group])
    checked: list[list[Group]] = []
    for number, row in enumerate(rows):
        neighbours = [*rows[max(0, number - 1) : number], *rows[number + 1 : number + 2]]
        if len(row) == 1 or _is_table_row(row, neighbours):
            checked.append(row)
        else:
            checked += [[group] for group in row]
    return checked


def _beside(one: Group, other: Group) -> bool:
    """Whether `other` is the next cell of the row that `one` stands in."""
    size = other.lines[0].size
    level = abs(one.lines[0].middle - other.lines[0].middle) < 0.8 * size
    centred = other.bottom - size < (one.top + one.bottom) / 2 < other.top + size or (
        one.bottom - size < (other.top + other.bottom) / 2 < one.top + size
    )
    return other.left > one.right - 1 and (level or (centred and len(one.lines) <= _CELL_LINES))


def _is_table_row(row: list[Group], neighbours: list[list[Group]]) -> bool:
    if any(group.lines[0].fixed and len(group.lines) > _CELL_CODE_LINES for group in row):
        return False
    aligned = any(
        len(other) > 1 and sum(any(abs(a.left - b.left) < _ALIGNED for b in other) for a in row) > 1
        for other in neighbours
    )
    return aligned or all(group.words <= _CELL_WORDS for group in row)


def _add_row(out: BlockList, row: list[Group], page: int, style: DocumentStyle) -> None:
    cells = [_text(group, style) for group in row]
    if _is_item(cells[0]) and len(row) <= _MARKER_CELLS and row[0].words == 1:
        out.add(BlockKind.LIST_ITEM, " ".join(cells), page=page, level=1)
        return
    level = style.outline.get((page, letters(" ".join(cells))))
    if level is not None:
        out.add(BlockKind.HEADING, " ".join(cells), page=page, level=level)
        return
    bold = all(line.bold for group in row for line in group.lines)
    before = len(out.blocks)
    out.add_table([cells], header=False, page=page)
    if bold and len(out.blocks) > before:
        # A mark for `_with_table_headers`, which sees the rows that follow.
        text = out.blocks[-1].text
        out.blocks[-1] = Block(BlockKind.TABLE_ROW, text, page=page, table_header=text)


def _with_table_headers(blocks: list[Block]) -> list[Block]:
    """Give the rows under a bold first row its text as header."""
    done: list[Block] = []
    header = ""
    for number, block in enumerate(blocks):
        if block.kind is not BlockKind.TABLE_ROW:
            header = ""
            done.append(block)
            continue
        opens = bool(block.table_header)
        follower = blocks[number + 1] if number + 1 < len(blocks) else None
        if opens and follower is not None and follower.kind is BlockKind.TABLE_ROW:
            header = block.text if not follower.table_header else header
        elif opens:
            header = header or ""
        done.append(Block(block.kind, block.text, page=block.page, table_header=header))
    return done


def _add_group(out: BlockList, group: Group, page: int, style: DocumentStyle) -> None:
    first = group.lines[0]
    text = _text(group, style)
    level = style.outline.get((page, letters(text)))
    if level is None:
        level = _heading_level(group, text, style)
    if level is not None:
        out.add(BlockKind.HEADING, text, page=page, level=level)
    elif first.fixed and len(group.lines) > 1:
        out.add(BlockKind.CODE, _listing(group), page=page)
    elif _is_item(text) or first.leads:
        out.add(BlockKind.LIST_ITEM, _BULLET.sub("", text), page=page, level=1)
    else:
        out.add(BlockKind.PARAGRAPH, text, page=page)


def _heading_level(group: Group, text: str, style: DocumentStyle) -> int | None:
    """Return a heading's level by its type, or None for running text."""
    first = group.lines[0]
    if (
        first.fixed
        or first.leads
        or group.words > _HEADING_WORDS
        or not any(map(str.isalpha, text))
    ):
        return None
    if _BULLET.match(text) or text[-1] in ".,;" or text[0].islower():
        return None
    if first.size in style.levels and all(line.size >= first.size for line in group.lines):
        return style.levels[first.size]
    bold = all(line.bold for line in group.lines) and first.size >= style.body_size
    short = group.words <= _BOLD_HEADING_WORDS and len(group.lines) <= _BOLD_HEADING_LINES
    if bold and short and text[-1] != ":":
        return max(style.levels.values(), default=0) + 1
    return None


def _listing(group: Group) -> str:
    """Return a listing's lines with their indentation."""
    width = group.lines[0].size * 0.6
    return "\n".join(
        " " * max(0, round((line.left - group.left) / width)) + line.text for line in group.lines
    )


def _text(group: Group, style: DocumentStyle) -> str:
    """Join the lines of a group, with words broken at line ends made whole."""
    text = group.lines[0].text
    for line in group.lines[1:]:
        broken = _LINE_END_HYPHEN.search(text)
        if broken is None:
            text = f"{text} {line.text}"
            continue
        rest = re.match(r"\w*", line.text)
        tail = rest[0] if rest else ""
        is_one_word = _is_one_word(broken[1].lower(), tail.lower(), style)
        text = (text[:-1] if is_one_word else text) + line.text
    return text


def _is_one_word(head: str, tail: str, style: DocumentStyle) -> bool:
    """Whether a hyphen at a line's end only breaks a word: the document's other words tell."""
    vocabulary = style.vocabulary
    whole, compound = vocabulary[head + tail], vocabulary[f"{head}-{tail}"]
    if whole or compound:
        return whole > compound
    both_known = vocabulary[head] > 1 and vocabulary[tail] > 1
    return style.hyphenates and head.isalpha() and tail.isalpha() and not both_known
