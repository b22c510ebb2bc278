"""Which label a number belongs to: the words that tell it from the other numbers beside it.

In "$24 an hour for clubs and $11 for schools" the labels are "clubs" and "schools", in a table the
other cells of the row. A sentence that gives a number the label of another one is refuted; one that
gives it none, where the quote tells several apart, is in doubt.
"""

# ruff: noqa: SIM905 - a table of words reads best as text.

from collections.abc import Iterator, Sequence
from enum import Enum

from info_assistant.answering.grounding.quantities import Quantity
from info_assistant.answering.grounding.statements import Facts, Quote, Statements
from info_assistant.answering.grounding.units import singular

_CLEARLY_MORE = 2
_APART = 5
_TELLING = frozenset(
    "first second last next over under above below before after further without no not".split()
)
"""Function words that tell one number's label from another's."""
_DEGREES = frozenset(
    "ideally preferably normally usually exceptionally typically recommended required minimum "
    "maximum legally".split()
)
"""Words that tell how much is wanted: a number that one of them stands beside is no other's."""
_JOINING = frozenset(["and", "or", "but", "while", "whereas", "though"])
_CONDITIONS = frozenset(["if", "when", "where", "who", "which", "that", "unless", "for"])


class Fit(Enum):
    """How a number's label in the sentence fits the one in the quote."""

    OWN = "own"
    NONE = "none"
    CONDITION_LOST = "condition lost"
    ANOTHER = "another"


def kind(dimension: str) -> str:
    """Return what numbers must share to be taken for one another; stretches of time are alike."""
    if dimension.startswith(("each", "often")):
        return dimension.split(maxsplit=1)[0]
    return "time" if dimension.endswith(("day", "time", "months", "week")) else dimension


def competing(sentence: Facts, quote: Facts) -> bool:
    """Whether the quote has a quantity of a kind that the sentence has with another number."""
    lacking = [
        mine
        for mine in sentence.quantities
        if not any(mine.same_number(theirs) for theirs in quote.quantities)
    ]
    return any(
        kind(mine.dimension) == kind(theirs.dimension)
        for mine in lacking
        for theirs in quote.quantities
    )


def fits(sentence: Facts, quote: Quote) -> Iterator[Fit]:
    """Yield how each number of the sentence fits, as far as the quote has others of its kind."""
    for mine in sentence.quantities:
        if mine.dimension.startswith("each"):
            continue
        yield _fit(mine, sentence, quote)
        if " | " in quote.words.text:
            yield _row_fit(mine, sentence, quote)


def said_elsewhere(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether another statement has clearly more of what the sentence says of its numbers."""
    if not sentence.quantities and not sentence.dates:
        return False
    meaning = sentence.meaning
    clearly = len(meaning & quote.words.terms) + _CLEARLY_MORE
    return any(
        len(meaning & other.words.terms) >= clearly
        for each in held
        for other in each.single
        if not (each is quote.held and quote.first <= other.first <= quote.last)
    )


def _fit(mine: Quantity, sentence: Facts, quote: Quote) -> Fit:
    label = _label_of(mine, sentence)
    found = Fit.OWN
    labelled = list(_labelled(quote, mine))
    own = [(words, on) for theirs, words, on in labelled if mine.same_number(theirs)]
    if not own:
        return found
    for theirs, words, _ in labelled:
        if mine.same_number(theirs) or _one_range(mine, theirs, quote):
            continue
        fits_own = max(len(label & (one - words)) for one, _ in own)
        another = min(len(label & (words - one)) for one, _ in own) > fits_own
        if another or all(label & (words - one) & _DEGREES for one, _ in own):
            return Fit.ANOTHER
        if not fits_own and all(one - words for one, _ in own):
            found = Fit.CONDITION_LOST if all(on for _, on in own) else Fit.NONE
    return found


def _one_range(mine: Quantity, other: Quantity, quote: Quote) -> bool:
    """Whether another number is the other end of the range that this one is in."""
    return any(
        mine.same_number(each)
        and (
            0 <= other.span.start - each.span.end < _APART
            or 0 <= each.span.start - other.span.end < _APART
        )
        for each in quote.quantities
    )


def _row_fit(mine: Quantity, sentence: Facts, quote: Quote) -> Fit:
    """Compare with the other rows that have another number of the kind."""
    told = _told(sentence, 0, len(sentence.words.words))
    row = _told(quote, 0, len(quote.words.words))
    for other in quote.held.single:
        if quote.first <= other.first <= quote.last or " | " not in other.words.text:
            continue
        if not any(
            kind(theirs.dimension) == kind(mine.dimension) and not mine.same_number(theirs)
            for theirs in other.quantities
        ):
            continue
        words = _told(other, 0, len(other.words.words))
        if len(told & (words - row)) > len(told & (row - words)):
            return Fit.ANOTHER
    return Fit.OWN


def _label_of(mine: Quantity, sentence: Facts) -> frozenset[str]:
    for each, words, _ in _labelled(sentence, mine):
        if each is mine:
            return words
    return _told(sentence, 0, len(sentence.words.words))


def _labelled(text: Facts, like: Quantity) -> Iterator[tuple[Quantity, frozenset[str], bool]]:
    """Yield the quantities of a kind with their labels; whether these are conditions.

    Nothing is yielded where there is one alone. Labels stand before their numbers or after them:
    they follow if nothing stands between the last number and what divides it from the one before.
    """
    beside = sorted(
        (q for q in text.quantities if rivals(q, like)),
        key=lambda quantity: quantity.span.start,
    )
    if len(beside) < 2:  # noqa: PLR2004
        return
    words = text.words
    starts = [words.index_at(quantity.span.start) for quantity in beside]
    ends = [words.index_at(max(q.span.start, q.span.end - 1)) for q in beside]
    pairs = zip(ends[:-1], starts[1:], strict=True)
    cuts = [0, *(_cut(text, end, start) for end, start in pairs), len(words.words)]
    follow = not _told(text, cuts[-2], starts[-1])
    for at, quantity in enumerate(beside):
        first = starts[at] if follow and at == 0 else cuts[at]
        condition = any(
            word.lower in _CONDITIONS for word in words.words[ends[at] + 1 : cuts[at + 1]]
        )
        yield quantity, _told(text, first, cuts[at + 1]), condition


def rivals(one: Quantity, other: Quantity) -> bool:
    """Whether two numbers may be taken for one another; bare ones if they count the same."""
    same = kind(one.dimension) == kind(other.dimension)
    return same and (bool(one.dimension) or singular(one.noun) == singular(other.noun))


def _cut(text: Facts, end: int, start: int) -> int:
    """Return the word that begins the part of the second of two numbers."""
    words = text.words.words
    between = range(start, end, -1)
    joined = next((at for at in between if words[at].lower in _JOINING), None)
    if joined is not None:
        return joined
    return next((at for at in between if words[at].clause != words[at - 1].clause), start)


def _told(text: Facts, first: int, last: int) -> frozenset[str]:
    """Return the meaningful words of a stretch that are in no quantity, and those that tell."""
    spans = [q.span for q in text.quantities if q.dimension != "each"]
    found = set()
    for word in text.words.words[first:last]:
        if any(start <= word.start < end for start, end in spans):
            continue
        if word.stem and not word.text.isdigit():
            found.add(word.stem)
        if word.lower in _TELLING | _DEGREES:
            found.add(word.lower)
    return frozenset(found)
