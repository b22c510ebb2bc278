"""Which facts of a sentence its quote does not have: numbers, dates, identifiers, names."""

from collections.abc import Iterator

from info_assistant.answering.grounding.identifiers import has_identifier
from info_assistant.answering.grounding.names import KnownNames, names
from info_assistant.answering.grounding.reasons import Reason
from info_assistant.answering.grounding.statements import Facts, Quote
from info_assistant.answering.grounding.units import UNITS, singular
from info_assistant.answering.grounding.words import split_words


def missing_facts(sentence: Facts, quote: Quote) -> Iterator[Reason]:
    """Yield the rule for each fact of the sentence that the quote does not have.

    Identifiers and names may also stand in the title, headings or table header of the passage.
    """
    around = f"{quote.words.text}\n{quote.held.context.text}"
    for name, _ in sentence.identifiers:
        if not has_identifier(name, around):
            yield Reason.IDENTIFIER
    for date in sentence.dates:
        if not any(date.named_by(theirs) for theirs in quote.dates):
            yield Reason.DATE
    yield from _missing_quantities(sentence, quote)
    known = KnownNames(split_words(around, quote.held.terms), quote.held.terms)
    taken = [span for _, span in sentence.identifiers]
    for word in names(sentence.words):
        inside = any(span.start <= word.start < span.end for span in taken)
        dated = any(date.span.start <= word.start < date.span.end for date in sentence.dates)
        if not inside and not dated and not known.has(word, sentence.words):
            yield Reason.NAME


def _missing_quantities(sentence: Facts, quote: Quote) -> Iterator[Reason]:
    for mine in sentence.quantities:
        written = sentence.words.text[mine.span.start : mine.span.end].lower()
        if written == "both" or any(mine.same_number(theirs) for theirs in quote.quantities):
            continue
        # A table's header has the unit of the bare number in its cell.
        header = {singular(word.lower) for word in quote.held.context.words}
        if any(
            mine.value in {theirs.value, theirs.value * mine.factor}
            and not theirs.dimension
            and mine.dimension.split()[-1:] != [""]
            and _unit_named(mine.dimension, header)
            for theirs in quote.quantities
        ):
            continue
        yield Reason.QUANTITY


def _unit_named(dimension: str, header: set[str]) -> bool:
    return any(UNITS[word][0] == dimension for word in header & UNITS.keys())
