"""Which facts of a sentence its quote does not have: numbers, dates, identifiers, names."""

import re
from collections.abc import Iterator

from info_assistant.answering.grounding.identifiers import has_identifier
from info_assistant.answering.grounding.names import KnownNames, names
from info_assistant.answering.grounding.quantities import Quantity
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
        if mine.dimension.startswith("each"):
            if not _for_each_named(mine, quote):
                yield Reason.QUANTITY
            continue
        if mine.dimension.startswith("often"):
            if not _as_often(mine, quote):
                yield Reason.QUANTITY
            continue
        if _ONE.match(written) and _one_named(written, quote):
            continue
        if not mine.dimension and (_as_ordinal(mine, sentence, quote) or _as_hour(mine, quote)):
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


_ONE = re.compile(r"one \w+\Z")


def _one_named(written: str, quote: Quote) -> bool:
    """Whether the quote has "a year" for "one year"."""
    return bool(re.search(rf"\ban? {written.split()[1]}\b", quote.words.lower))


def _as_ordinal(mine: Quantity, sentence: Facts, quote: Quote) -> bool:
    """Whether "floor 35" is the quote's "35th floor"."""
    at = sentence.words.index_at(mine.span.start)
    counted = sentence.words.words[at - 1].stem if at else ""
    return any(
        theirs.dimension == "nth"
        and theirs.value == mine.value
        and counted in quote.words.near(quote.words.index_at(theirs.span.start), after=1)
        for theirs in quote.quantities
    )


def _as_hour(mine: Quantity, quote: Quote) -> bool:
    """Whether a bare number is the hour of a time of day in the quote: "9 to 12"."""
    return any(
        date.minute >= 0
        and date.minute % 60 == 0
        and mine.value in {date.minute // 60, (date.minute // 60 - 1) % 12 + 1}
        for date in quote.dates
    )


def _for_each_named(mine: Quantity, quote: Quote) -> bool:
    """Whether the quote names what a number is given for each of.

    For a stretch of time, the quote must name it, be it in a cell or in "once in 12 months". For
    a thing, it is enough that the quote gives no number for each of something else.
    """
    words = {singular(word.lower) for word in quote.words.words}
    if mine.noun in words:
        return True
    if mine.dimension == "each":
        return not any(theirs.dimension == "each" for theirs in quote.quantities)
    same = mine.dimension.removeprefix("each ")
    return any(
        theirs.value == mine.value and theirs.dimension == same for theirs in quote.quantities
    ) or any(
        theirs.dimension == f"often {same}" and theirs.value * mine.value >= 1
        for theirs in quote.quantities
    )


def _as_often(mine: Quantity, quote: Quote) -> bool:
    """Whether something happens as often in the quote: once a day is daily, every day, each day."""
    same = mine.dimension.removeprefix("often ")
    return any(
        theirs.dimension in {f"each {same}", same} and mine.value * theirs.value == 1
        for theirs in quote.quantities
    ) and not any(theirs.dimension == mine.dimension for theirs in quote.quantities)


def _unit_named(dimension: str, header: set[str]) -> bool:
    return any(UNITS[word][0] == dimension for word in header & UNITS.keys())
