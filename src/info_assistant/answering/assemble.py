"""Assemble: from pieces of a model's text to sentences, each with the passages that it names.

Pieces are cut anywhere, in the middle of a marker too. The assembler looks at one character after
the other and remembers nothing of the pieces, so the same text gives the same sentences however it
arrives. A sentence is given out as soon as the first word of the next one is there.
"""

# ruff: noqa: RUF001 - models write typographic brackets.

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from info_assistant.model.passage import Passage, Span
from info_assistant.ports import WrittenSentence

SentenceSpans = Callable[[str], Sequence[Span]]
"""Cuts a paragraph into sentences, as spans without surrounding space."""

LONGEST_SENTENCE = 2000
"""The number of characters after which a sentence ends wherever it is."""

_OPENING, _CLOSING = "[【", "]】"
_LONGEST_MARKER = 80
_ITEM = re.compile(r"[A-Za-z]?\d{1,4}")
_BETWEEN_ITEMS = re.compile(r"\s*[,;]\s*|\s+")
_FENCE = "```"
_THOUGHTS, _THOUGHTS_END = "<think>", "</think>"
_BULLET = r"[ \t]*(?:[-*•–]|\d{1,2}[.)])[ \t]"
# A line that ends in a colon goes on in the first item of the list below it.
_BLOCK_END = re.compile(rf"\n[ \t]*\n|(?<!:)\n(?={_BULLET}|[ \t]*#)")
_LEADING_BULLET = re.compile(rf"\A\s*{_BULLET}")
_INNER_BULLET = re.compile(rf"\n(?:{_BULLET})?")
_HEADING = re.compile(r"\s*#{1,6}\s")
# Of links and images only the words are kept: their addresses could carry words away.
_LINK = re.compile(r"!?\[([^\]]*)\]\([^()\s]*\)")
_EMPHASIS = re.compile(r"\*\*|__")
_PUNCTUATION = ".,;:!?。！？"


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker that stood at `at` in the text without markers, with the ids in it."""

    at: int
    ids: tuple[str, ...]


class SentenceAssembler:
    """Takes a model's text piece by piece and gives its sentences; one for each text."""

    def __init__(self, passages: Mapping[str, Passage], spans: SentenceSpans) -> None:
        """Know the passages by the ids that the model was given; others are no citation."""
        self._passages = {key.upper(): passage for key, passage in passages.items()}
        self._spans = spans
        self._text = ""
        self._markers: list[_Marker] = []
        self._bracket = ""
        self._line = ""
        self._fenced = False
        self._coded = False
        self._opening: str | None = ""

    def feed(self, piece: str) -> Iterator[WrittenSentence]:
        """Take the next piece; yield the sentences that are complete with it."""
        for character in piece:
            if self._opening is None:
                yield from self._take(character)
            else:
                yield from self._open(self._opening + character)

    def finish(self) -> Iterator[WrittenSentence]:
        """Yield what is left; the text is complete."""
        opening, self._opening = self._opening or "", None
        if not opening.lstrip().startswith(_THOUGHTS):
            yield from self.feed(opening)
        self._give_back_bracket()
        yield from self._all_left()

    def _open(self, opening: str) -> Iterator[WrittenSentence]:
        """Take the beginning of the text, which may be thoughts: those are for nobody."""
        begun = opening.lstrip()
        if begun.startswith(_THOUGHTS):
            ended = opening.endswith(_THOUGHTS_END)
            # Only as much of the thoughts is kept as shows their end.
            kept = _THOUGHTS + opening[-len(_THOUGHTS_END) :]
            self._opening = None if ended else kept
        elif _THOUGHTS.startswith(begun):
            self._opening = opening
        else:
            self._opening = None
            yield from self.feed(opening)

    def _take(self, character: str) -> Iterator[WrittenSentence]:
        self._line = "" if character == "\n" else self._line + character
        if self._line.strip() == _FENCE and character == "`":
            yield from self._turn_fence()
        elif self._fenced:
            self._text += character
        elif self._bracket or (character in _OPENING and not self._coded):
            self._extend_bracket(character)
        else:
            yield from self._append(character)

    def _turn_fence(self) -> Iterator[WrittenSentence]:
        """Begin or end a block of code, which is one sentence and names nothing."""
        self._give_back_bracket()
        opening = not self._fenced
        self._text = self._text.removesuffix("``")
        if opening:
            yield from self._all_left()
        elif self._text.strip():
            yield WrittenSentence(self._text.strip(), ())
        self._text, self._markers = "", []
        self._fenced, self._coded = opening, False

    def _append(self, character: str) -> Iterator[WrittenSentence]:
        if character == "`":
            self._coded = not self._coded
        elif character == "\n":
            self._coded = False
        if character in _PUNCTUATION and self._markers and self._markers[-1].at == len(self._text):
            self._text = self._text.rstrip(" ")
            self._markers[-1] = _Marker(len(self._text), self._markers[-1].ids)
        ends_word = character.isspace() and self._text[-1:].strip() != ""
        self._text += character
        if ends_word:
            yield from self._settled()
        if len(self._text) >= LONGEST_SENTENCE:
            yield from self._all_left()

    def _extend_bracket(self, character: str) -> None:
        """Take a character of what may be a marker, which is decided at its end."""
        if character == "\n" or len(self._bracket) >= _LONGEST_MARKER:
            self._give_back_bracket()
            self._text += character
            return
        self._bracket += character
        depth = sum(each in _OPENING for each in self._bracket)
        if sum(each in _CLOSING for each in self._bracket) < depth:
            return
        ids = _ids(self._bracket)
        if ids is None:
            self._give_back_bracket()
        else:
            self._markers.append(_Marker(len(self._text), ids))
            self._bracket = ""

    def _give_back_bracket(self) -> None:
        """Treat as words what looked as if it might become a marker."""
        self._text += self._bracket
        self._bracket = ""

    def _settled(self) -> Iterator[WrittenSentence]:
        """Yield all sentences but the one that is being written."""
        units = _units(self._text, self._spans)
        if len(units) > 1:
            yield from self._given_out(units[:-1], units[-1].start)

    def _all_left(self) -> Iterator[WrittenSentence]:
        yield from self._given_out(_units(self._text, self._spans), len(self._text))

    def _given_out(self, units: Sequence[Span], end: int) -> Iterator[WrittenSentence]:
        """Yield `units`, the sentences of the text up to `end`, and forget that part."""
        text, markers = self._text, self._markers
        closed = end == len(text)
        own = [each for each in markers if each.at < end or closed]
        self._text = text[end:]
        self._markers = [_Marker(each.at - end, each.ids) for each in markers if each not in own]
        for place, unit in enumerate(units):
            # What stands behind a sentence, before the next, is said of the sentence.
            low = unit.start if place else -1
            high = units[place + 1].start if place + 1 < len(units) else end + closed
            ids = [key for each in own if low <= each.at < high for key in each.ids]
            words = _words(text[unit.start : unit.end])
            if words:
                yield WrittenSentence(words, self._named(ids))

    def _named(self, ids: Sequence[str]) -> tuple[Passage, ...]:
        known = [self._passages[key] for key in dict.fromkeys(ids) if key in self._passages]
        return tuple(known)


def _ids(bracket: str) -> tuple[str, ...] | None:
    """Return the ids in a closed bracket, or None if it is no marker."""
    inner = bracket.strip(_OPENING + _CLOSING + " ")
    if not inner:
        return None
    items = _BETWEEN_ITEMS.split(re.sub(rf"[{re.escape(_OPENING + _CLOSING)}]", " ", inner))
    items = [each for each in items if each]
    return tuple(map(str.upper, items)) if all(map(_ITEM.fullmatch, items)) else None


def _units(text: str, spans: SentenceSpans) -> list[Span]:
    """Return the sentences of all paragraphs and list items, without headings."""
    units: list[Span] = []
    start = 0
    for end, following in [
        *((found.start(), found.end()) for found in _BLOCK_END.finditer(text)),
        (len(text), len(text)),
    ]:
        block = text[start:end]
        bullet = _LEADING_BULLET.match(block)
        skipped = start + (bullet.end() if bullet else 0)
        if block.strip():
            found = [] if _HEADING.match(block) else spans(text[skipped:end])
            own = [Span(skipped + each.start, skipped + each.end) for each in found]
            # A heading, or a bullet without words yet, is a unit too: it ends what is before it.
            units += own or [Span(start, start)]
        start = following
    return units


def _words(text: str) -> str:
    """Return a sentence in one line, without the signs that only format it."""
    text = _LINK.sub(r"\1", _INNER_BULLET.sub(" ", text))
    return " ".join(_EMPHASIS.sub("", text).split())
