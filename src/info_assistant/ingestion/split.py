"""Cuts a reading into passages along its headings, sentences, list items and table rows."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

from info_assistant.ingestion.packing import Unit, pack
from info_assistant.ingestion.sections import Portion, Section, SectionStream
from info_assistant.ingestion.sentences import statements
from info_assistant.model.document import Document
from info_assistant.model.language import language_of
from info_assistant.model.passage import Passage, Span, embedded_context, passage_id
from info_assistant.model.reading import (
    Block,
    BlockKind,
    PlacedBlock,
    Placing,
    Reading,
    ReadingFacts,
)

_LONGEST_TITLE = 200
_CONTEXTS_REMEMBERED = 1_000


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
    splitter = Splitter(document, reading.facts, counter, rules)
    return [*splitter.add(reading.blocks), *splitter.end()]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A passage before it has its number."""

    section: Section
    units: tuple[Unit, ...]


class _Window:
    """The stretch of the text that passages may still be cut from."""

    def __init__(self) -> None:
        self._begins = 0
        self._text = ""

    @property
    def length(self) -> int:
        return len(self._text)

    @property
    def end(self) -> int:
        return self._begins + self.length

    def extend(self, placed: Sequence[PlacedBlock]) -> None:
        parts, at = [self._text], self.end
        for each in placed:
            parts += ["\n" * (each.start - at), each.block.text]
            at = each.end
        self._text = "".join(parts)

    def forget(self, before: int) -> None:
        self._text = self._text[before - self._begins :]
        self._begins = before

    def cut(self, start: int, end: int) -> str:
        return self._text[start - self._begins : end - self._begins]


class Splitter:
    """Cuts a reading into passages while its blocks come, in whatever portions they come.

    It holds the blocks of the present portion and the few that wait for others; so a document may
    be larger than memory.
    """

    def __init__(
        self,
        document: Document,
        facts: ReadingFacts,
        counter: TokenCounter,
        rules: SplitRules = DEFAULT_RULES,
    ) -> None:
        """Begin a document; `facts` are those of its whole reading."""
        self._document = document
        self._counter = counter
        self._rules = rules
        self._title = _title(document, facts)
        self._language = facts.language
        self._placing = Placing()
        self._window = _Window()
        self._sections = SectionStream(rules.tiny_words, rules.target_words)
        self._waiting: list[Unit] = []
        self._opening: list[Unit] = []
        self._passages = 0
        self._contexts: dict[tuple[tuple[str, ...], str], tuple[tuple[str, ...], str, int]] = {}

    @property
    def held_characters(self) -> int:
        """How much of the text waits to be cut."""
        return self._window.length

    def add(self, blocks: Sequence[Block]) -> list[Passage]:
        """Take the next blocks; return the passages that are complete by now."""
        placed = list(self._placing.place(blocks))
        self._window.extend(placed)
        passages = self._cut_off(
            [portion for each in placed for portion in self._sections.add(each)]
        )
        waiting = [unit.start for unit in (*self._opening, *self._waiting)[:1]]
        if self._sections.waits_from is not None:
            waiting.append(self._sections.waits_from)
        self._window.forget(min(waiting, default=self._window.end))
        return passages

    def end(self) -> list[Passage]:
        """Return the last passages: nothing more comes."""
        return self._cut_off(list(self._sections.end()))

    def _cut_off(self, portions: Sequence[Portion]) -> list[Passage]:
        drafts: list[_Draft] = []
        for portion, units in zip(portions, self._units(portions), strict=True):
            drafts += self._drafts(portion, units)
        fitting = self._fitting(drafts)
        first, self._passages = self._passages, self._passages + len(fitting)
        return [self._passage(first + number, draft) for number, draft in enumerate(fitting)]

    def _drafts(self, portion: Portion, units: Sequence[Unit]) -> list[_Draft]:
        """Pack the units of a portion; those that may go on with the next one wait for it."""
        section = portion.section
        # The headings that open a section belong to its first passage's text.
        self._opening += [piece for placed in section.headings for piece in self._pieces(placed)]
        self._waiting += units
        parts = pack(
            self._waiting,
            target_words=self._rules.target_words,
            room=lambda stretch: self._room(section.path, stretch),
            more=not portion.last,
        )
        del self._waiting[: sum(len(part) for part in parts)]
        if parts:
            parts[0] = [*self._opening, *parts[0]]
        if parts or portion.last:
            self._opening = []
        return [_Draft(section, tuple(part)) for part in parts]

    def _room(self, path: tuple[str, ...], stretch: Sequence[Unit]) -> int:
        header = max((unit.table_header for unit in stretch), key=len, default="")
        return self._rules.max_tokens - self._context(path, header)[2]

    def _units(self, portions: Sequence[Portion]) -> list[list[Unit]]:
        """Return the units of every portion, counted in one batch."""
        pieces = [
            [piece for placed in portion.section.blocks for piece in self._pieces(placed)]
            for portion in portions
        ]
        flat = [piece for portion in pieces for piece in portion]
        texts = [self._window.cut(unit.start, unit.end) for unit in flat]
        counts = iter(self._counter.count(texts))
        counted = [[replace(unit, tokens=next(counts)) for unit in portion] for portion in pieces]
        return [[part for unit in portion for part in self._cut(unit)] for portion in counted]

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
        text = self._window.cut(unit.start, unit.end)
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
            if len(self._contexts) >= _CONTEXTS_REMEMBERED:
                self._contexts.clear()
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
        body = self._window.cut(draft.units[0].start, draft.units[-1].end)
        return f"{embedded_context(self._title, headings, header, body)}\n{body}"

    def _draft_context(self, draft: _Draft) -> tuple[tuple[str, ...], str, int]:
        return self._context(draft.section.path, _header_elsewhere(draft.units))

    def _passage(self, ordinal: int, draft: _Draft) -> Passage:
        document = self._document
        start, end = draft.units[0].start, draft.units[-1].end
        headings, header, _ = self._draft_context(draft)
        text = self._window.cut(start, end)
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
            language=document.metadata.language or self._language or language_of(text),
            heading_path=headings,
            table_header=header,
            page=draft.section.page,
            text=text,
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


def _title(document: Document, reading: ReadingFacts) -> str:
    """Return the name people know a document by; its own title goes before a file name."""
    name = PurePosixPath(document.source.replace("\\", "/")).name
    title = document.chosen_title or reading.title or document.title or name
    return title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1].rstrip()}…"
