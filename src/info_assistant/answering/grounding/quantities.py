"""Numbers with their units: digits, words, percentages, currencies, ordinals, ranges, bounds.

Equal quantities are equal however they are written: "two weeks" is 14 days, "half" is 50 per cent,
"$4.2 million" is $4,200,000. Working days, calendar days and days are three units.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from info_assistant.answering.grounding.lexicon import FUNCTION_WORDS
from info_assistant.answering.grounding.units import (
    COUNTED,
    ORDINALS,
    OTHER_NUMBERS,
    RATES,
    SCALES,
    SMALL,
    UNITS,
    singular,
)
from info_assistant.model.passage import Span


class Bound(StrEnum):
    """Whether a quantity is meant exactly, as a most or as a least."""

    EXACT = ""
    MOST = "most"
    LEAST = "least"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in the base unit of its dimension; "" is a bare number.

    `noun` is what a bare number counts; `factor` is the size of the unit that was written.
    """

    value: Decimal
    dimension: str
    noun: str
    bound: Bound
    span: Span
    factor: Decimal = Decimal(1)

    def same_number(self, other: "Quantity") -> bool:
        """Whether both are the same amount of the same thing, bounds aside."""
        if self.value != other.value:
            halves = {(self.value, self.dimension), (other.value, other.dimension)}
            return halves == {(Decimal("0.5"), ""), (Decimal(50), "%")}
        if self.dimension and self.dimension != other.dimension:
            return False
        one, two = singular(self.noun), singular(other.noun)
        return one == two or not {one, two} <= COUNTED


_NUMBER_WORD = "|".join([*SMALL, *(word for word in SCALES if len(word) > 2), *OTHER_NUMBERS])  # noqa: PLR2004
_DIGITS = r"\d{1,3}(?:[,' ]\d{3})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?"
_NUMBER = re.compile(
    rf"(?P<currency>(?:\b[A-Z]{{1,2}})?[$€£¥]\s?|\b(?:USD|EUR|GBP)\s?)?"
    rf"(?:(?<![\w.])(?P<digits>{_DIGITS})(?P<nth>st|nd|rd|th)?"
    rf"|\b(?P<words>(?:{_NUMBER_WORD})(?:[\s-]+(?:and[\s-]+)?(?:{_NUMBER_WORD}))*)\b)"
    rf"(?:[\s-]?(?P<scale>million|billion|trillion|thousand|hundred|bn|[km])\b)?"
    rf"(?P<percent>\s?%|[\s-]?per\s?cents?\b)?",
    re.IGNORECASE,
)
_ORDINAL = re.compile(rf"\b({'|'.join(ORDINALS)})\b", re.IGNORECASE)
_UNIT = re.compile(
    r"[\s-]*(?:(?:full|whole|more|further|other|extra|additional|consecutive|advanced|annual|"
    r"different|main|completed|whole)\s+)?(?:(?P<kind>working|business|calendar)[\s-]+)?"
    r"(?P<unit>[A-Za-z]+)"
)
_RATE = re.compile(
    r"\b(?:(?:per|each|every)\s+(?P<unit>minute|hour|day|week|fortnight|month|quarter|year|annum)\b"
    rf"|(?P<adverb>{'|'.join(RATES)})\b)",
    re.IGNORECASE,
)
_RATE_AFTER = re.compile(r"\s+(?:\w+\s+)?an?\s+(minute|hour|day|week|fortnight|month|year)\b")
_ONCE = re.compile(
    r"\b(?:once|twice|times)\s+an?\s+(minute|hour|day|week|month|year)\b", re.IGNORECASE
)
_RANGE = re.compile(r"\s*(?:-|to|and|or|until)\s*\Z")
_MOST = re.compile(
    r"\b(?:up to|at (?:the )?most|(?:no|not) (?:more|later|longer|greater|larger) than|within|"
    r"under|below|(?:less|fewer|younger) than|max(?:imum)?(?: of)?|by|before|until|till|"
    r"(?:not|never) exceed(?:ing)?|as (?:many|much|long|late) as|limit(?:ed to| of| is)?)\W*"
    r"(?:(?:the|a|about|another|next|total of)\W+)*\Z"
)
_LEAST = re.compile(
    r"\b(?:at (?:the )?(?:very )?least|(?:no|not) (?:less|fewer|earlier) than|more than|over|"
    r"above|beyond|exceed(?:s|ing|ed)?|reach(?:es|ed)?|min(?:imum)?(?: of)?|after|from|aged|"
    r"(?:longer|older|greater|larger|higher) than|as of|starting|since)\W*"
    r"(?:(?:the|a|about)\W+)*\Z"
)
_DENIED = re.compile(r"\b(?:no|not|never|nobody|none|cannot|n't)\b[^.;,]*\Z")
_MOST_AFTER = re.compile(
    r"\W*(?:\w+\s+){0,3}?(?:or (?:less|fewer|under|below|younger|earlier)|at (?:the )?most|"
    r"at the latest|(?:is|as) (?:the )?maximum)\b"
)
_LEAST_AFTER = re.compile(
    r"\W*(?:\w+\s+){0,3}?(?:(?:or|and) (?:more|over|above|older|later|upwards?)|at least|"
    r"(?:is|as) (?:the )?minimum)\b"
)


def quantities(text: str, taken: Sequence[Span] = ()) -> tuple[Quantity, ...]:
    """Return the quantities of a folded text that do not lie in `taken` (dates, identifiers)."""
    found: list[Quantity] = []
    for number in _NUMBER.finditer(text):
        if not any(s.start < number.end() and number.start() < s.end for s in taken):
            found += _read(text, number)
    for at in range(len(found) - 1, 0, -1):
        first, last = found[at - 1], found[at]
        between = text[first.span.end : last.span.start].lower()
        if not first.dimension and last.dimension and _RANGE.match(between):
            found[at - 1] = _sharing_unit(first, last)
    found += _rates(text)
    found += [
        Quantity(Decimal(ORDINALS[each[1].lower()]), "nth", "", Bound.EXACT, Span(*each.span()))
        for each in _ORDINAL.finditer(text)
        if not text[each.end() : each.end() + 1].isdigit()
    ]
    return tuple(found)


def _read(text: str, number: re.Match[str]) -> Iterator[Quantity]:
    value = _value(number)
    if number["scale"]:
        value *= SCALES[number["scale"].lower()]
    span = Span(number.start(), number.end())
    bound = _bound(text, span)
    if number["nth"]:
        yield Quantity(value, "nth", "", Bound.EXACT, span)
        return
    if number["percent"]:
        yield Quantity(value, "%", "", bound, span)
        return
    if number["currency"]:
        sign = number["currency"].strip()
        unit = UNITS[sign.lower()][0] if sign.isalpha() else sign[-1]
        yield Quantity(value, unit, "", bound, span)
        return
    unit_found = _UNIT.match(text, number.end())
    noun = singular(unit_found["unit"]) if unit_found else ""
    if unit_found and noun not in UNITS:
        unit_found = _later_unit(text, unit_found)
        noun = singular(unit_found["unit"])
    if unit_found and noun in UNITS and not (noun == "second" and not number["digits"]):
        dimension, factor = UNITS[noun]
        # A working day has no fixed length: it is a unit of its own.
        kind = (unit_found["kind"] or "").lower().replace("business", "working")
        span = Span(number.start(), unit_found.end())
        if kind:
            dimension, factor = f"{kind} {noun}", Decimal(1)
        yield Quantity(value * factor, dimension, "", _bound(text, span), span, factor)
    elif (number["words"] or "").lower() != "one":
        # By itself, "one" is a pronoun as often as a number.
        yield Quantity(value, "", noun, bound, span)


def _later_unit(text: str, first: re.Match[str]) -> re.Match[str]:
    """Return the unit that two or three words further on belongs to the number, else the first.

    As in "104 advanced sick leave hours".
    """
    unit = first
    for _ in range(3):
        if unit["unit"].lower() in FUNCTION_WORDS or text[unit.end() : unit.end() + 1] != " ":
            break
        following = _UNIT.match(text, unit.end())
        if following is None:
            break
        unit = following
        if singular(unit["unit"]) in UNITS:
            return unit
    return first


def _value(number: re.Match[str]) -> Decimal:
    if number["digits"]:
        digits = re.sub(r"[' ]|,(?=\d{3}(?!\d))", "", number["digits"])
        return Decimal(digits.replace(",", "."))
    total, current = Decimal(0), Decimal(0)
    for word in re.findall(rf"{_NUMBER_WORD}", number["words"].lower()):
        if word in SCALES and SCALES[word] > 100:  # noqa: PLR2004
            total, current = total + (current or Decimal(1)) * SCALES[word], Decimal(0)
        elif word in SCALES:
            current = (current or Decimal(1)) * SCALES[word]
        else:
            current += Decimal(SMALL.get(word, 0)) or OTHER_NUMBERS.get(word, Decimal(0))
    return total + current


def _bound(text: str, span: Span) -> Bound:
    before = text[max(0, span.start - 40) : span.start].lower()
    after = text[span.end : span.end + 40].lower()
    if _MOST.search(before) or _MOST_AFTER.match(after):
        return Bound.MOST
    if _LEAST.search(before) or _LEAST_AFTER.match(after):
        return Bound.MOST if _DENIED.search(before) else Bound.LEAST
    return Bound.EXACT


def _sharing_unit(first: Quantity, last: Quantity) -> Quantity:
    """Return the first number of a range with the unit that stands after the last one."""
    return replace(
        first,
        value=first.value * last.factor,
        dimension=last.dimension,
        factor=last.factor,
        noun="",
    )


def _rates(text: str) -> Iterator[Quantity]:
    for rate in _RATE.finditer(text):
        unit = rate["unit"].lower() if rate["unit"] else RATES[rate["adverb"].lower()]
        yield _rate(unit, Span(*rate.span()))
    for once in _ONCE.finditer(text):
        yield _rate(once[1].lower(), Span(*once.span()))
    for number in re.finditer(r"[$€£¥]\s?[\d.,]+", text):
        after = _RATE_AFTER.match(text, number.end())
        if after:
            yield _rate(after[1].lower(), Span(*after.span()))


def _rate(unit: str, span: Span) -> Quantity:
    dimension, factor = UNITS[unit]
    return Quantity(factor, f"each {dimension}", "", Bound.EXACT, span)
