"""A passage's statements, analysed once and kept while an answer cites the passage."""

from collections.abc import Sequence
from functools import cached_property

from info_assistant.answering.grounding.dates import Date, dates
from info_assistant.answering.grounding.identifiers import identifiers
from info_assistant.answering.grounding.instructions import tainted
from info_assistant.answering.grounding.polarity import Event, events
from info_assistant.answering.grounding.quantities import Quantity, quantities
from info_assistant.answering.grounding.words import Terms, Words, split_words
from info_assistant.model.passage import Passage, Span

MOST_STATEMENTS = 3


class Facts:
    """What a text says that can be bound: quantities, dates, identifiers; and its polarity."""

    def __init__(self, text: str, terms: Terms) -> None:
        """Take the text; nothing is read before it is asked for."""
        self._text = text
        self._terms = terms

    @cached_property
    def words(self) -> Words:
        """The text's words."""
        return split_words(self._text, self._terms)

    @cached_property
    def identifiers(self) -> list[tuple[str, Span]]:
        """Identifiers with their places."""
        return identifiers(self.words.text)

    @cached_property
    def dates(self) -> tuple[Date, ...]:
        """Dates, months, weekdays, times of day."""
        return dates(self.words.text, [span for _, span in self.identifiers])

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Numbers that are neither in a date nor in an identifier."""
        taken = [span for _, span in self.identifiers] + [date.span for date in self.dates]
        return quantities(self.words.text, taken)

    @cached_property
    def meaning(self) -> frozenset[str]:
        """The terms that are not part of a quantity, date or identifier."""
        places = [quantity.span for quantity in self.quantities]
        places += [date.span for date in self.dates]
        places += [span for _, span in self.identifiers]
        return frozenset(
            word.stem
            for word in self.words.words
            if word.stem and not any(start <= word.start < end for start, end in places)
        )

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Negations, modal words, exceptions."""
        return events(self.words)


class Quote(Facts):
    """One to three consecutive statements of a passage, read with what they hang on.

    The line before a list and the header of a table are read with what hangs on them.
    """

    def __init__(self, held: "Statements", first: int, last: int) -> None:
        """Take the statements from `first` to `last`, both included."""
        spans = held.passage.statements
        self.held = held
        self.first = first
        self.last = last
        self.span = Span(spans[first].start, spans[last].end)
        own = held.passage.text[self.span.start : self.span.end]
        super().__init__("\n".join(filter(None, (held.hangs_on(first), own))), held.terms)


class Statements:
    """A passage's statements as quotes."""

    def __init__(self, passage: Passage, terms: Terms) -> None:
        """Take the passage; `terms` stems words."""
        self.passage = passage
        self.terms = terms
        self.texts = [passage.text[span.start : span.end] for span in passage.statements]
        self.tainted = tainted(self.texts)

    @cached_property
    def single(self) -> Sequence[Quote]:
        """Each statement as a quote of its own."""
        return [Quote(self, at, at) for at in range(len(self.texts))]

    def let_go(self) -> None:
        """Forget the quotes, which know this too.

        Together they would stay, thousands of objects, until garbage is next looked for.
        """
        vars(self).pop("single", None)

    @cached_property
    def context(self) -> Words:
        """What names the passage's subject: title, source, headings, table header."""
        passage = self.passage
        parts = (passage.title, passage.source, *passage.heading_path, passage.table_header)
        return split_words("\n".join(parts), self.terms)

    @cached_property
    def whole(self) -> Words:
        """The passage's words."""
        return split_words(self.passage.text, self.terms)

    def hangs_on(self, at: int) -> str:
        """Return the line before the list that a statement is an item of, or the table's header."""
        text = self.texts[at]
        if " | " in text:
            return self.passage.table_header
        for before in range(at - 1, max(-1, at - 8), -1):
            opening = self.texts[before].rstrip()
            if opening.endswith(":"):
                return opening
            if opening.endswith((".", "!", "?")) or " | " in opening:
                break
        return ""
