"""Numbers with their units: digits, words, percentages, currencies, ordinals, ranges, bounds.

Equal quantities are equal however they are written: "two weeks" is 14 days, "half" is 50 per cent,
"$4.2 million" is $4,200,000. Working days, calendar days and days are three units.
"""

# ruff: noqa: E501 - long patterns read best in few lines.

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
    """Whether a quantity is meant exactly, as a most or as a least.

    "by", "before" and "have ... to" may mean a most, "after" and "from" a least, or nothing.
    """

    EXACT = ""
    MOST = "most"
    LEAST = "least"
    MAYBE_MOST = "maybe most"
    MAYBE_LEAST = "maybe least"

    def opposes(self, other: "Bound") -> bool:
        """Whether one is a most and the other a least."""
        return {self, other} == {Bound.MOST, Bound.LEAST}

    def fits(self, other: "Bound") -> bool:
        """Whether both may be read as the same."""
        return bool(_READINGS[self] & _READINGS[other])


_READINGS = {
    Bound.EXACT: {Bound.EXACT},
    Bound.MOST: {Bound.MOST},
    Bound.LEAST: {Bound.LEAST},
    Bound.MAYBE_MOST: {Bound.MOST, Bound.EXACT},
    Bound.MAYBE_LEAST: {Bound.LEAST, Bound.EXACT},
}


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
        written = self.value if self.dimension else self.value * other.factor
        if written != other.value:
            halves = {(self.value, self.dimension), (other.value, other.dimension)}
            return halves == {(Decimal("0.5"), ""), (Decimal(50), "%")}
        if self.dimension and self.dimension != other.dimension:
            return False
        if self.dimension.startswith("each"):
            return bool(self.dimension != "each") or self.noun == other.noun
        if other.dimension.startswith(("each", "often", "nth")) and not self.dimension:
            return False
        one, two = singular(self.noun), singular(other.noun)
        return one == two or not {one, two} <= COUNTED


# The longest first: "sixteen" is not "six".
_NUMBER_WORD = "|".join(
    sorted([*SMALL, *(w for w in SCALES if len(w) > 2), *OTHER_NUMBERS], key=len, reverse=True)  # noqa: PLR2004
)
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
    r"different|main|completed|whole)\s+)?(?:(?<=[Hh]alf )an?\s+)?(?:(?P<kind>working|business|calendar)[\s-]+(?=days?\b))?"
    r"(?P<unit>[A-Za-z]+)"
)
_PERIOD = "minute|hour|day|week|fortnight|month|quarter|year|annum"
_RATE = re.compile(
    rf"\b(?:(?:per|each|every)\s+(?:calendar\s+)?(?P<unit>{_PERIOD})\b|(?P<adverb>{'|'.join(RATES)})\b)",
    re.IGNORECASE,
)
_RATE_AFTER = re.compile(
    rf"\s*(?:[a-z]+\s+){{0,2}}?(?:(?:in\s+)?an?|in\s+any|within\s+an?)\s+(?:calendar\s+)?({_PERIOD})\b",
    re.IGNORECASE,
)
_FREQUENCY = re.compile(
    rf"\b(?:(?P<once>once|one time)|(?P<twice>twice)|(?P<number>\d+|{_NUMBER_WORD})\s+times)\s+"
    rf"(?:(?:an?|per|each|every|in\s+an?)\s+(?:calendar\s+)?(?P<unit>{_PERIOD})|(?P<adverb>{'|'.join(RATES)}))\b",
    re.IGNORECASE,
)
_ONE = re.compile(
    rf"\b(?:within|after|under|over|than|least|most|for) (?P<one>an? (?P<unit>{_PERIOD}))\b",
    re.IGNORECASE,
)
_FRACTION = re.compile(
    r"\b(?P<count>a|one|two|three|four)[ -](?P<part>quarter|third|fifth|tenth)s?(?= of\b| the\b)",
    re.IGNORECASE,
)
_PARTS = {"quarter": 4, "third": 3, "fifth": 5, "tenth": 10}
_PER_THING = re.compile(r"\b(?:per|for (?:each|every))\s+([a-z]+)\b", re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:-|to|and|or|until)\s*\Z")
_MOST = re.compile(
    r"\b(?:up to|at (?:the )?most|(?:no|not) (?:more|later|longer|greater|larger|further) than|within|"
    r"under|below|(?:less|fewer|younger|shorter|smaller) than|max(?:imum)?(?: of)?|"
    r"(?:not|never) exceed(?:ing)?|as (?:many|much|long|late) as|limit(?:ed to| of| is)?|inside)\W*"
    r"(?:(?:the|a|about|another|next|last|total of)\W+)*\Z"
)
_LEAST = re.compile(
    r"\b(?:at (?:the )?(?:very )?least|(?:no|not) (?:less|fewer|earlier|younger) than|more than|over|"
    r"above|beyond|exceed(?:s|ing|ed)?|reach(?:es|ed)?|min(?:imum)?(?: of)?|aged|as of|"
    r"(?:longer|older|greater|larger|higher|heavier|taller|bigger|wider|further) than)\W*"
    r"(?:(?:the|a|about)\W+)*\Z"
)
_MAYBE_MOST = re.compile(
    r"\b(?:by|before|until|till|in|ha(?:ve|s)|(?:can|may|could) (?:\w+ ){1,3})\W*(?:(?:the|a|about|next)\W+)*\Z"
)
_MAYBE_LEAST = re.compile(r"\b(?:after|from|starting|since|for)\W*(?:(?:the|a|about)\W+)*\Z")
_DENIED = re.compile(r"\b(?:no|not|never|nobody|none|cannot|n't)\b[^.;,]*\Z")
_FEWER = re.compile(r"(?:less|fewer|younger|shorter|smaller) than")
_NOBODY = re.compile(r"\b(?:nobody|no one|none)\b(?:\W+\w+){0,2}\W*\Z")
_MOST_AFTER = re.compile(
    r"\W*(?:\w+\s+){0,3}?(?:or (?:less|fewer|under|below|younger|earlier)|at (?:the )?most|"
    r"at the latest|(?:is|are|as) (?:the )?(?:maximum|most|limit))\b"
)
_AHEAD = re.compile(
    r"\W*(?:\w+\s+){0,2}?(?:ahead|before|beforehand|in advance|prior|early|earlier)\b"
)
"""What is done "two days ahead at the latest" is done at least two days ahead."""
_LATEST = re.compile(r"\b(?:(?:no|not) later than|at the latest|by)\b")
_LEAST_AFTER = re.compile(
    r"\W*(?:\w+\s+){0,4}?(?:(?:or|and) (?:more|over|above|older|later|upwards?)|at least|"
    r"(?:is|are|as) (?:the )?(?:minimum|least))\b"
)


def quantities(text: str, taken: Sequence[Span] = ()) -> tuple[Quantity, ...]:
    """Return the quantities of a folded text that do not lie in `taken` (dates, identifiers)."""
    often = list(_frequencies(text))
    found = list(_fractions(text))
    places = [*taken, *(each.span for each in (*often, *found))]
    for number in _NUMBER.finditer(text):
        if not any(s.start < number.end() and number.start() < s.end for s in places):
            found += _read(text, number)
    for at in range(len(found) - 1, 0, -1):
        first, last = found[at - 1], found[at]
        between = text[first.span.end : last.span.start].lower()
        if not first.dimension and last.dimension and _RANGE.match(between):
            found[at - 1] = _sharing_unit(first, last)
    for one in _ONE.finditer(text):
        dimension, factor = UNITS[one["unit"].lower()]
        span = Span(*one.span("one"))
        found.append(Quantity(factor, dimension, "", _bound(text, span), span, factor))
    found = list(_elided(text, sorted(found, key=lambda each: each.span.start)))
    found += _rates(text, found)
    found += often
    found += [
        Quantity(Decimal(ORDINALS[each[1].lower()]), "nth", "", Bound.EXACT, Span(*each.span()))
        for each in _ORDINAL.finditer(text)
        if not text[each.end() : each.end() + 1].isdigit()
    ]
    return tuple(found)


def _fractions(text: str) -> Iterator[Quantity]:
    """Yield "three quarters of" as 75 per cent."""
    for each in _FRACTION.finditer(text):
        count = Decimal(SMALL.get(each["count"].lower(), 1))
        span = Span(*each.span())
        share = count * 100 / _PARTS[each["part"].lower()]
        yield Quantity(share, "%", "", _bound(text, span), span)


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
    most = _MOST.search(before)
    if (most and _turned(most, before)) or _ahead(most, after):
        return Bound.LEAST
    if most or _MOST_AFTER.match(after):
        return Bound.MOST
    if _LEAST.search(before) or _LEAST_AFTER.match(after):
        return Bound.MOST if _DENIED.search(before) else Bound.LEAST
    if _MAYBE_MOST.search(before):
        return Bound.MAYBE_MOST
    return Bound.MAYBE_LEAST if _MAYBE_LEAST.search(before) else Bound.EXACT


def _turned(most: re.Match[str], before: str) -> bool:
    """Whether a negation makes a least of a most: "nobody under", "no less than"."""
    ahead = before[: most.start()]
    return bool(_NOBODY.search(ahead) or (_FEWER.match(most[0]) and _DENIED.search(ahead)))


def _ahead(most: re.Match[str] | None, after: str) -> bool:
    latest = (most and _LATEST.search(most[0])) or _LATEST.search(after[:30])
    return bool(latest and _AHEAD.match(after))


def _elided(text: str, numbers: Sequence[Quantity]) -> Iterator[Quantity]:
    """Yield the numbers; one at the end that leaves its unit out has that of the one before it.

    As in "within 20 calendar days, those of small suppliers within 10".
    """
    before: Quantity | None = None
    for number in numbers:
        ends = not text[number.span.end :].strip(" .;)")
        if ends and before is not None and before.dimension and not number.dimension:
            yield replace(_sharing_unit(number, before), bound=number.bound)
        else:
            yield number
        before = number


def _sharing_unit(first: Quantity, last: Quantity) -> Quantity:
    """Return the first number of a range with the unit that stands after the last one."""
    return replace(
        first,
        value=first.value * last.factor,
        dimension=last.dimension,
        factor=last.factor,
        noun="",
    )


def _frequencies(text: str) -> Iterator[Quantity]:
    """Yield how often something happens, as a share of a time unit: "twice a year" is 2/12."""
    for often in _FREQUENCY.finditer(text):
        count = Decimal(1 if often["once"] else 2)
        if often["number"]:
            word = often["number"].lower()
            count = Decimal(word) if word.isdigit() else Decimal(SMALL.get(word, 0))
        dimension, factor = UNITS[(often["unit"] or RATES[often["adverb"].lower()]).lower()]
        yield Quantity(count / factor, f"often {dimension}", "", Bound.EXACT, Span(*often.span()))


def _rates(text: str, numbers: Sequence[Quantity]) -> Iterator[Quantity]:
    """Yield what a number is given for each of: a stretch of time, or a thing."""
    for rate in _RATE.finditer(text):
        unit = rate["unit"].lower() if rate["unit"] else RATES[rate["adverb"].lower()]
        yield _rate(unit, Span(*rate.span()))
    for number in numbers:
        after = _RATE_AFTER.match(text, number.span.end)
        if after:
            yield _rate(after[1].lower(), Span(*after.span()))
    for thing in _PER_THING.finditer(text):
        noun = singular(thing[1])
        if noun not in UNITS and noun not in FUNCTION_WORDS | {"calendar"}:
            yield Quantity(Decimal(1), "each", noun, Bound.EXACT, Span(*thing.span()))


def _rate(unit: str, span: Span) -> Quantity:
    dimension, factor = UNITS[unit]
    return Quantity(factor, f"each {dimension}", unit, Bound.EXACT, span)
