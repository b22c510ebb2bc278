"""Whether two statements say different things of the same: another number, date, or yes and no.

Asked of statements of two documents that are alike already. It is better to miss a difference than
to see one that is none: readers are told that their sources differ. So what is compared has one
value of a kind on each side, and nothing may say that the two speak of different things.
"""

# ruff: noqa: SIM905 - tables of words read best as text.

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from info_assistant.answering.grounding.binding import kind, rivals
from info_assistant.answering.grounding.dates import Date
from info_assistant.answering.grounding.names import names
from info_assistant.answering.grounding.polarity import Event, Kind
from info_assistant.answering.grounding.quantities import Quantity
from info_assistant.answering.grounding.statements import Facts
from info_assistant.model.answer import ConflictKind

SAME_SUBJECT = 0.6
"""The share of the shorter statement's words that the other one has, at least."""

CLOSE = 0.75
"""The same for what words alone must decide: dates, things that are counted, yes and no."""

FEWEST_SHARED = 2
"""Words that two statements share at least; one more where each has words that the other lacks."""

_DAYS_A_MONTH = Decimal("30.44")
_ABOUT = Decimal("1.15")
"""Lengths of time that are given in days and in months are the same up to this ratio."""


def _forms(word: str) -> Iterator[str]:
    """Yield the regular forms of a word, and some that are none."""
    stem = word.removesuffix("e")
    yield from (word, f"{word}s", f"{word}es", f"{stem}ed", f"{stem}ing")
    if word.endswith("y"):
        yield from (f"{word[:-1]}ies", f"{word[:-1]}ied")
    if word.endswith("t"):
        yield from (f"{word}ted", f"{word}ting")


_CONTRASTS: Sequence[frozenset[str]] = tuple(
    frozenset(group.split())
    for group in (
        "full part casual temporary permanent",
        "new existing current former renewal initial first second third final subsequent",
        "urgent standard routine normal priority express emergency",
        "internal external",
        "domestic international overseas foreign interstate",
        "adult child children student senior",
        "single double triple shared",
        "small medium large",
        "low moderate high critical severe",
        "minimum maximum",
        "public private",
        "paper electronic online digital phone email post person",
        "before after",
        "within inside outside beyond",
        "above below over under",
        "weekday weekend",
        "employee contractor manager executive supervisor",
    )
)
"""Words that tell two things apart: what is said of one of a row is not said of another."""

_SAME: Sequence[str] = (
    "keep kept retain store preserve hold held",
    "submit lodge send sent file return",
    "fee charge cost price",
    "staff employee worker personnel",
    "request application",
    "answer respond response reply",
    "pay paid reimburse refund",
    "must require need",
    "user account",
)
"""Words that say the same as far as the subject of two statements goes."""

_OPPOSITES = tuple(
    tuple(pair.split())
    for pair in (
        "open closed",
        "included excluded",
        "enabled disabled",
        "mandatory voluntary",
        "accepted rejected",
        "accepted refused",
        "taxable exempt",
    )
)
"""Words of which one says yes where the other says no."""

_CONDITIONS = frozenset("if unless except excluding only provided otherwise".split())
_SAID_BY: Mapping[str, str] = {
    form: words.split()[0] for words in _SAME for word in words.split() for form in _forms(word)
}
_ALLOWING = frozenset({Kind.MAY, Kind.CAN, Kind.MUST})
_DENYING = frozenset({Kind.BANNED, Kind.NEGATED})


@dataclass(frozen=True, slots=True)
class Difference:
    """What two statements differ in; `values` are as written, "" for yes and no."""

    kind: ConflictKind
    values: tuple[str, str]


def difference(one: Facts, other: Facts, asked: frozenset[str]) -> Difference | None:
    """Return what two statements say differently of the same thing, None for nothing.

    `asked` are the words of the question in lower case: what tells two things apart there counts.
    """
    shared = _shared(one, other)
    if shared < SAME_SUBJECT or _told_apart(one, other, asked):
        return None
    found = _numbers(one, other, shared)
    if found is None and shared >= CLOSE:
        found = _dates(one, other) or _yes_and_no(one, other)
    return found


def _shared(one: Facts, other: Facts) -> float:
    mine, theirs = _subject(one), _subject(other)
    both = mine & theirs
    fewest = FEWEST_SHARED + bool(mine - theirs and theirs - mine)
    return len(both) / min(len(mine), len(theirs)) if len(both) >= fewest else 0.0


def _subject(text: Facts) -> frozenset[str]:
    """Return what a statement is about: its words, each for all that say the same."""
    return frozenset(
        _SAID_BY.get(word.lower, word.stem)
        for word in text.words.words
        if word.stem in text.meaning
    )


def _told_apart(one: Facts, other: Facts, asked: frozenset[str]) -> bool:
    """Whether something says that two statements speak of different things."""
    mine, theirs = one.words.known, other.words.known
    if bool(mine & _CONDITIONS) != bool(theirs & _CONDITIONS):
        return True
    for group in _CONTRASTS:
        left, right = group & mine, group & theirs
        if (left - right and right - left) or (left != right and group & asked):
            return True
    named, others = _names(one), _names(other)
    return bool(named - theirs and others - mine)


def _names(text: Facts) -> frozenset[str]:
    """Return the proper names of a statement in lower case, those in dates and codes left out."""
    spans = [date.span for date in text.dates] + [span for _, span in text.identifiers]
    return frozenset(
        word.lower
        for word in names(text.words)
        if not word.text.isupper() and not any(start <= word.start < end for start, end in spans)
    )


def _numbers(one: Facts, other: Facts, shared: float) -> Difference | None:
    if _rates(one) != _rates(other):
        return None
    mine, theirs = list(_left(one, other)), list(_left(other, one))
    for quantity in mine:
        own = [each for each in mine if rivals(each, quantity)]
        against = [each for each in theirs if rivals(each, quantity)]
        if len(own) != 1 or len(against) != 1 or not _differ(quantity, against[0]):
            continue
        if quantity.dimension or shared >= CLOSE:
            values = _written(one, quantity), _written(other, against[0])
            return Difference(_kind_of(quantity), values)
    return None


def _rates(text: Facts) -> frozenset[str]:
    """Return what numbers of a statement are given for each of."""
    return frozenset(
        f"{each.dimension} {each.noun}"
        for each in text.quantities
        if each.dimension.startswith("each")
    )


def _left(one: Facts, other: Facts) -> Iterator[Quantity]:
    """Yield the quantities of a statement that the other one does not have too."""
    for each in one.quantities:
        if each.dimension.startswith(("each", "nth")) or not (each.dimension or each.noun):
            continue
        if not any(
            each.same_number(their) or their.same_number(each) for their in other.quantities
        ):
            yield each


def _differ(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities of a kind cannot both be so."""
    if one.bound.opposes(other.bound):
        return False
    if one.dimension == other.dimension:
        return one.value != other.value
    if kind(one.dimension) != "time":
        return True
    days = {"working day", "calendar day"}
    if {one.dimension, other.dimension} <= days:
        return True
    if {one.dimension, other.dimension} & days:
        # Days that are not said to be of one sort may be of either.
        return _days(one) != _days(other)
    low, high = sorted((_days(one), _days(other)))
    return high > low * _ABOUT


def _days(quantity: Quantity) -> Decimal:
    if quantity.dimension == "months":
        return quantity.value * _DAYS_A_MONTH
    return quantity.value if quantity.dimension.endswith("day") else quantity.value / 86400


def _kind_of(quantity: Quantity) -> ConflictKind:
    if kind(quantity.dimension) == "time":
        return ConflictKind.DURATION
    return ConflictKind.AMOUNT if quantity.dimension in set("$€£¥") else ConflictKind.NUMBER


def _written(text: Facts, quantity: Quantity) -> str:
    """Return a quantity as it is written, with what it counts."""
    start, end = quantity.span
    words = text.words
    if not quantity.dimension:
        counted = words.words[min(words.index_at(end - 1) + 1, len(words.words) - 1)]
        end = max(end, counted.start + len(counted.text))
    return " ".join(words.text[start:end].split())


def _dates(one: Facts, other: Facts) -> Difference | None:
    mine, theirs = list(_dates_left(one, other)), list(_dates_left(other, one))
    if len(mine) != 1 or len(theirs) != 1 or _form(mine[0]) != _form(theirs[0]):
        return None
    pairs = ((one, mine[0]), (other, theirs[0]))
    first, second = (
        text.words.text[date.span.start : date.span.end].rstrip(" .,;") for text, date in pairs
    )
    return Difference(ConflictKind.DATE, (first, second))


def _dates_left(one: Facts, other: Facts) -> Iterator[Date]:
    for each in one.dates:
        # A year alone says mostly of which year something is.
        exact = each.month or each.minute >= 0 or each.word.isalpha()
        if exact and not any(each.named_by(t) or t.named_by(each) for t in other.dates):
            yield each


def _form(date: Date) -> tuple[bool, bool, bool, bool]:
    return bool(date.month), bool(date.day), date.minute >= 0, bool(date.word)


def _yes_and_no(one: Facts, other: Facts) -> Difference | None:
    """Return that one statement denies or forbids what the other one says or permits."""
    common = one.meaning & other.meaning
    longer = max(len(one.meaning), len(other.meaning))
    if len(common) < SAME_SUBJECT * longer:
        return None
    for denying, saying in ((one, other), (other, one)):
        if any(no in denying.words.known and yes in saying.words.known for yes, no in _OPPOSITES):
            return Difference(ConflictKind.YES_NO, ("", ""))
        denied = [each for each in denying.events if each.kind in _DENYING]
        if any(_says(each, saying, common) for each in denied):
            return Difference(ConflictKind.YES_NO, ("", ""))
        exempt = [each for each in denying.events if each.kind is Kind.EXEMPT]
        must = [each for each in saying.events if each.kind is Kind.MUST]
        if any(a.governed & b.governed & common for a in exempt for b in must) and not any(
            each.kind is Kind.EXEMPT for each in saying.events
        ):
            return Difference(ConflictKind.YES_NO, ("", ""))
    return None


def _says(denied: Event, saying: Facts, common: frozenset[str]) -> bool:
    """Whether a statement says, and nowhere denies, what an event of the other one denies."""
    about = denied.governed & common
    if not about or any(each.kind in _DENYING | {Kind.EXEMPT} for each in saying.events):
        return False
    if any(each.kind.startswith("soft neg") for each in saying.events):
        return False
    if denied.kind is Kind.BANNED:
        return any(each.kind in _ALLOWING and each.governed & about for each in saying.events)
    return True
