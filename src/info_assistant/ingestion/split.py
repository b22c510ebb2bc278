"""Cuts a reading into passages along its headings, sentences, list items and table rows."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

from info_assistant.ingestion.packing import Unit, pack
from info_assistant.ingestion.sections import Section, sections
from info_assistant.ingestion.sentences import statements
from info_assistant.model.document import Document
from info_assistant.model.passage import Passage, Span, embedded_context, passage_id
from info_assistant.model.reading import Block, BlockKind, PlacedBlock, Reading

_LONGEST_TITLE = 200


class TokenCounter(Protocol):
    """Counts word pieces as the embedding model will see them."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of word pieces of each text."""


@dataclass(frozen=True, slots=True)
class SplitRules:
    """How large passages get.

    `target_words` is the size aimed at. `max_tokens` bounds a passage together with its context.
    Sections of up to `tiny_words` words are merged with tiny neighbours under the same parent.
    `context_share` is the part of `max_tokens` that title, headings and table header may take.
    """

    target_words: int = 110
    max_tokens: int = 230
    tiny_words: int = 30
    context_share: float = 0.4


DEFAULT_RULES = SplitRules()


def split(
    document: Document,
    reading: Reading,
    counter: TokenCounter,
    rules: SplitRules = DEFAULT_RULES,
) -> list[Passage]:
    """Return the passages of a document version, in order; the same input gives the same passages.

    Each passage's text is `reading.text[start:end]`, lies on one page and under one heading path.
    """
    splitter = _Splitter(document, reading, counter, rules)
    return splitter.passages()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A passage before it has its number."""

    section: Section
    units: tuple[Unit, ...]


class _Splitter:
    def __init__(
        self, document: Document, reading: Reading, counter: TokenCounter, rules: SplitRules
    ) -> None:
        self._document = document
        self._text = reading.text
        self._counter = counter
        self._rules = rules
        self._title = _title(document, reading)
        self._sections = sections(list(reading.placed()), rules.tiny_words, rules.target_words)
        self._contexts: dict[tuple[tuple[str, ...], str], tuple[tuple[str, ...], str, int]] = {}

    def passages(self) -> list[Passage]:
        drafts: list[_Draft] = []
        units_by_section = self._units()
        for section, units in zip(self._sections, units_by_section, strict=True):
            header = max((unit.table_header for unit in units), key=len, default="")
            room = self._rules.max_tokens - self._context(section.path, header)[2]
            parts = pack(units, target_words=self._rules.target_words, max_tokens=room)
            if parts:
                parts[0] = [*self._opening(section), *parts[0]]
            drafts += [_Draft(section, tuple(part)) for part in parts]
        return [
            self._passage(ordinal, draft) for ordinal, draft in enumerate(self._fitting(drafts))
        ]

    def _opening(self, section: Section) -> list[Unit]:
        """Return the headings that open a section; they belong to its first passage's text."""
        return [piece for placed in section.headings for piece in self._pieces(placed)]

    def _units(self) -> list[list[Unit]]:
        """Return the units of every section, counted in one batch."""
        pieces = [
            [piece for placed in section.blocks for piece in self._pieces(placed)]
            for section in self._sections
        ]
        flat = [piece for section in pieces for piece in section]
        counts = iter(self._counter.count([self._text[unit.start : unit.end] for unit in flat]))
        counted = [[replace(unit, tokens=next(counts)) for unit in section] for section in pieces]
        return [[part for unit in section for part in self._cut(unit)] for section in counted]

    def _pieces(self, placed: PlacedBlock) -> list[Unit]:
        block = placed.block
        spans = statements(block.kind, block.text)
        return [
            Unit(
                start=placed.start + span.start,
                end=placed.start + span.end,
                words=len(block.text[span.start : span.end].split()),
                kind=block.kind,
                first=number == 0,
                last=number == len(spans) - 1,
                table_header=block.table_header,
                is_header=_is_header_row(block),
                quotable=not _is_header_row(block),
                level=block.level,
                ends_open=block.text.rstrip().endswith(":"),
            )
            for number, span in enumerate(spans)
        ]

    def _cut(self, unit: Unit) -> list[Unit]:
        """Cut a statement that would not fit into a passage, at clauses or else between words."""
        room = self._rules.max_tokens - int(self._rules.max_tokens * self._rules.context_share) - 2
        if unit.tokens <= room:
            return [unit]
        text = self._text[unit.start : unit.end]
        spans = cut_to_fit(text, room, self._counter)
        counts = self._counter.count([text[span.start : span.end] for span in spans])
        return [
            replace(
                unit,
                start=unit.start + span.start,
                end=unit.start + span.end,
                words=len(text[span.start : span.end].split()),
                tokens=tokens,
                first=unit.first and number == 0,
                last=unit.last and number == len(spans) - 1,
            )
            for number, (span, tokens) in enumerate(zip(spans, counts, strict=True))
        ]

    def _context(self, path: tuple[str, ...], header: str) -> tuple[tuple[str, ...], str, int]:
        """Return heading path and table header shortened to their share, and their tokens."""
        key = (path, header)
        if key not in self._contexts:
            self._contexts[key] = self._shortened(path, header)
        return self._contexts[key]

    def _shortened(self, path: tuple[str, ...], header: str) -> tuple[tuple[str, ...], str, int]:
        """Leave out the outermost headings first, then the header, until the share is kept."""
        room = int(self._rules.max_tokens * self._rules.context_share)
        choices = [(path[cut:], header) for cut in range(len(path) + 1)]
        choices += [(path[cut:], "") for cut in range(len(path) + 1)] if header else []
        for headings, kept in choices[:-1]:
            # One more for the line break that joins context and text.
            tokens = self._counter.count([embedded_context(self._title, headings, kept, "")])[0] + 1
            if tokens <= room:
                return headings, kept, tokens
        headings, kept = choices[-1]
        tokens = self._counter.count([embedded_context(self._title, headings, kept, "")])[0] + 1
        return headings, kept, tokens

    def _fitting(self, drafts: list[_Draft]) -> list[_Draft]:
        """Halve what is still too large: a whole may have more word pieces than its parts."""
        counts = self._counter.count([self._draft_text(draft) for draft in drafts])
        fitting: list[_Draft] = []
        for draft, tokens in zip(drafts, counts, strict=True):
            body = [unit for unit in draft.units if unit.kind is not BlockKind.HEADING]
            if tokens <= self._rules.max_tokens or len(draft.units) == 1:
                fitting.append(draft)
            elif len(body) == 1:
                # The headings are in the path as well; the statement is nowhere else.
                fitting.append(replace(draft, units=tuple(body)))
            else:
                halves = _halves(draft.units)
                fitting += self._fitting([replace(draft, units=half) for half in halves])
        return fitting

    def _draft_text(self, draft: _Draft) -> str:
        headings, header, _ = self._draft_context(draft)
        body = self._text[draft.units[0].start : draft.units[-1].end]
        return f"{embedded_context(self._title, headings, header, body)}\n{body}"

    def _draft_context(self, draft: _Draft) -> tuple[tuple[str, ...], str, int]:
        return self._context(draft.section.path, _header_elsewhere(draft.units))

    def _passage(self, ordinal: int, draft: _Draft) -> Passage:
        document = self._document
        start, end = draft.units[0].start, draft.units[-1].end
        headings, header, _ = self._draft_context(draft)
        quotable = [unit for unit in draft.units if unit.quotable] or draft.units
        return Passage(
            id=passage_id(document.id, document.content.version, ordinal),
            tenant=document.tenant,
            document_id=document.id,
            version=document.content.version,
            ordinal=ordinal,
            title=self._title,
            source=document.source,
            access=document.findable_by,
            access_revision=document.revision,
            effective=document.metadata.effective,
            superseded=document.metadata.superseded,
            marking=document.metadata.marking,
            heading_path=headings,
            table_header=header,
            page=draft.section.page,
            text=self._text[start:end],
            start=start,
            end=end,
            statements=tuple(Span(unit.start - start, unit.end - start) for unit in quotable),
        )


def _halves(units: tuple[Unit, ...]) -> list[tuple[Unit, ...]]:
    """Cut units in the middle, but never after a heading; headings alone in front are left out."""
    middle = len(units) // 2
    while middle and units[middle - 1].kind is BlockKind.HEADING:
        middle -= 1
    if middle:
        return [units[:middle], units[middle:]]
    body = next(at for at, unit in enumerate(units) if unit.kind is not BlockKind.HEADING)
    return [units[body:]]


def cut_to_fit(text: str, room: int, counter: TokenCounter) -> list[Span]:
    """Cut `text` into spans of at most `room` word pieces, after clauses where that is possible.

    Within a word only if that word alone is longer than `room`.
    """
    marks = [at for at in range(1, len(text)) if text[at - 1].isspace() and not text[at].isspace()]
    starts = [0, *marks]
    spans: list[Span] = []
    words = [Span(a, b) for a, b in zip(starts, [*marks, len(text)], strict=True)]
    counts = counter.count([text[word.start : word.end] for word in words])
    begin, used, clause = 0, 0, 0
    for number, (word, tokens) in enumerate(zip(words, counts, strict=True)):
        if used + tokens > room and number > begin:
            # A clause in the second half is a better end than the last word that fits.
            stop = clause if clause > (begin + number) // 2 else number
            spans.append(_span(text, words[begin].start, words[stop].start))
            begin = stop
            used = sum(counts[begin:number])
        used += tokens
        if text[word.start : word.end].rstrip()[-1:] in ",;:|–—)":
            clause = number + 1
        if tokens > room:
            spans += _cut_word(text, word, tokens, room)
            begin, used = number + 1, 0
    if begin < len(words):
        spans.append(_span(text, words[begin].start, len(text)))
    return spans


def _cut_word(text: str, word: Span, tokens: int, room: int) -> list[Span]:
    length = word.end - word.start
    # Half the room, because the pieces of a word's part may be more than its share.
    step = max(1, length * room // (2 * tokens))
    ends = [*range(word.start + step, word.end, step), word.end]
    starts = [word.start, *ends[:-1]]
    return [
        _span(text, start, end)
        for start, end in zip(starts, ends, strict=True)
        if text[start:end].strip()
    ]


def _span(text: str, start: int, end: int) -> Span:
    return Span(start, start + len(text[start:end].rstrip()))


def _header_elsewhere(units: Sequence[Unit]) -> str:
    """Return the header of a passage's first rows, unless the passage holds that header itself."""
    for unit in units:
        if unit.table_header:
            return "" if unit.is_header else unit.table_header
    return ""


def _is_header_row(block: Block) -> bool:
    return (
        block.kind is BlockKind.TABLE_ROW and bool(block.text) and block.text == block.table_header
    )


def _title(document: Document, reading: Reading) -> str:
    """Return the name people know a document by; its own title goes before a file name."""
    name = PurePosixPath(document.source.replace("\\", "/")).name
    title = document.chosen_title or reading.title or document.title or name
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1].rstrip()}…"
