"""Dates, months, weekdays and times of day, in the formats that documents use."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from info_assistant.model.passage import Span

_NAMES = "january february march april may june july august september october november december"
_MONTHS = {name: at for at, name in enumerate(_NAMES.split(), 1)}
_MONTHS |= {name[:3]: at for name, at in _MONTHS.items()} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:1[89]|20)\d\d)"
_FIRST_DAY = (
    rf"\b{_DAY}(?=\s*(?:-|to|until|till|and)\s*\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?"
    rf"(?P<month>{_MONTH})\b\.?(?:,?\s+{_YEAR}\b)?)"
)
"""The first day of "12 to 23 August"."""
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\b{_DAY}\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?(?:,?\s+{_YEAR}\b)?",
        _FIRST_DAY,
        rf"\b(?P<month>{_MONTH})\b\.?\s+{_DAY}\b(?!\s*(?:%|hours|days))(?:,?\s+{_YEAR}\b)?",
        rf"\b(?P<month>{_MONTH})\b\.?,?\s+{_YEAR}\b",
        rf"\b{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)\b",
        r"(?<![\d.])(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>\d{4}|\d\d)(?![\d.])",
    )
)
_BARE_YEAR = re.compile(r"(?<![\w.,/$€£-])(?:1[89]|20)\d\d(?![\w%/]|[.,]\d)")
_BARE_MONTH = re.compile(
    rf"\b(?:(?:in|by|since|until|from|to|of|before|after|between|and|till|during|early|late|each|"
    rf"every)\s+)(?P<month>{_NAMES.replace(' ', '|').title()})\b"
)
_OTHER_MONTH = re.compile(rf"\b(?:{'|'.join(n.title() for n in _NAMES.split() if n != 'may')})\b")
_WEEKDAY = re.compile(r"\b(mon|tues|wednes|thurs|fri|satur|sun)days?\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?<![\d:.])(?:(?P<hour>\d{1,2})[:.](?P<minute>\d\d)\s*(?P<half>[ap]\.?m\b)?"
    r"|(?P<only>\d{1,2})\s*(?P<part>[ap]\.?m)\b)",
    re.IGNORECASE,
)
_FIRST_HOUR = re.compile(
    r"(?<![\d:.])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?(?=\s*(?:-|to|until|till|and)\s*"
    r"\d{1,2}(?:[:.]\d\d)?\s*(?P<half>[ap]\.?m)\b)",
    re.IGNORECASE,
)
"""The first of two times that share their half of the day: "8 to 11 a.m."."""
_NOON = re.compile(r"\b(?:12\s+)?(noon|midday|midnight)\b", re.IGNORECASE)
_RELATIVE = re.compile(
    r"\b(?:today|tomorrow|yesterday|tonight|(?:next|last) (?:week|month|year|spring|summer|autumn|"
    r"winter|mon|tues|wednes|thurs|fri)(?:day)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Date:
    """A point in time as far as it is named; 0 is what is not. `word` is a weekday or the like."""

    year: int
    month: int
    day: int
    minute: int
    word: str
    span: Span

    def named_by(self, other: "Date") -> bool:
        """Whether the other one names everything that this one does, and the same."""
        if self.word or other.word or self.minute >= 0 or other.minute >= 0:
            return (self.word, self.minute) == (other.word, other.minute)
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        swapped = self.month == other.day and self.day == other.month and max(self.day, 0) > 0
        same_year = not self.year or self.year == other.year
        return all(not mine or mine == theirs for mine, theirs in pairs) or (swapped and same_year)


def dates(text: str, taken: Sequence[Span] = ()) -> tuple[Date, ...]:
    """Return the dates of a folded text that do not lie in `taken` (identifiers)."""
    found: list[Date] = []
    for date in _all_forms(text):
        places = (*taken, *(each.span for each in found))
        if all(end <= date.span.start or date.span.end <= start for start, end in places):
            found.append(date)
    return tuple(found)


def _all_forms(text: str) -> Iterator[Date]:
    """Yield whatever reads as a date; the more exact forms first."""
    for form in _FORMS:
        yield from map(_read, form.finditer(text))
    yield from _times(text)
    for match in _BARE_YEAR.finditer(text):
        yield Date(int(match[0]), 0, 0, -1, "", Span(*match.span()))
    for form in (_BARE_MONTH, _OTHER_MONTH):
        for match in form.finditer(text):
            name = match["month"] if form is _BARE_MONTH else match[0]
            yield Date(0, _MONTHS[name.lower()], 0, -1, "", Span(*match.span()))
    for form in (_WEEKDAY, _RELATIVE):
        for match in form.finditer(text):
            word = (match[1] if form is _WEEKDAY else match[0]).lower()
            yield Date(0, 0, 0, -1, word, Span(*match.span()))


def _times(text: str) -> Iterator[Date]:
    """Yield the times of day."""
    for form in (_CLOCK, _FIRST_HOUR):
        for match in form.finditer(text):
            minute = _minute(match)
            if minute is not None:
                yield Date(0, 0, 0, minute, "", Span(*match.span()))
    for match in _NOON.finditer(text):
        minute = 0 if match[1].lower() == "midnight" else 12 * 60
        yield Date(0, 0, 0, minute, "", Span(*match.span()))


def _read(match: re.Match[str]) -> Date:
    parts = match.groupdict()
    month, day = parts["month"].lower(), int(parts.get("day") or 0)
    year = int(parts.get("year") or 0)
    if 0 < year < 100:  # noqa: PLR2004 - two digits name a year of this century.
        year += 2000
    number = int(month) if month.isdigit() else _MONTHS[month]
    return Date(year, number, day, -1, "", Span(*match.span()))


def _minute(match: re.Match[str]) -> int | None:
    parts = match.groupdict()
    hour = int(parts["hour"] or parts["only"])
    minute = int(parts["minute"] or 0)
    half = (parts["half"] or parts.get("part") or "").lower()
    if hour > 23 or minute > 59 or ("." in match[0] and not half):  # noqa: PLR2004
        return None
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    return hour * 60 + minute
