"""What in a sentence contradicts its quote, and what leaves doubt.

Each rule takes the sentence, the quote and the passages around it. Contradictions hold a sentence
back; doubts keep it from being called supported.
"""

from collections.abc import Iterator, Sequence

from info_assistant.answering.grounding.facts import missing_facts
from info_assistant.answering.grounding.pairing import polarity_kept
from info_assistant.answering.grounding.quantities import Bound, Quantity
from info_assistant.answering.grounding.reasons import Reason
from info_assistant.answering.grounding.statements import (
    MOST_STATEMENTS,
    Facts,
    Quote,
    Statements,
)
from info_assistant.answering.grounding.subjects import (
    elsewhere_in_quote,
    foreign_subject,
    swapped_roles,
    unknown_opening,
)

_CLEARLY_MORE = 2
_RESTRICTING = frozenset(["that", "who", "which", "whose"])
_IN_SUBJECT = 3
_COPIED = 4
_COPIED_SHARE = 0.3
_NEAR_COPY = 0.65
"""With this share of its words in the quote, a sentence is compared with it word by word."""


def with_missing_facts(sentence: Facts, quote: Quote, most_characters: int) -> Quote:
    """Return the quote, with a neighbour that brings a missing fact and more of the sentence.

    A number is never fetched from beside a statement that has another number of the same kind.
    """
    missing = set(missing_facts(sentence, quote))
    if not missing:
        return quote
    best = quote
    for first, last in _windows(quote):
        wider = Quote(quote.held, first, last)
        if wider.span.end - wider.span.start > most_characters:
            continue
        left = set(missing_facts(sentence, wider))
        if left < missing and _all_take_part(sentence, wider) and not _competing(sentence, quote):
            best, missing = wider, left
    return best


def _windows(quote: Quote) -> Iterator[tuple[int, int]]:
    count = len(quote.held.texts)
    for size in range(2, MOST_STATEMENTS + 1):
        for first in range(max(0, quote.first - size + 1), quote.first + 1):
            if first + size <= count and all(
                " | " not in text for text in quote.held.texts[first : first + size]
            ):
                yield first, first + size - 1


def _all_take_part(sentence: Facts, wider: Quote) -> bool:
    """Whether each statement has words of the sentence that the others do not have."""
    parts = [wider.held.single[at].words.terms for at in range(wider.first, wider.last + 1)]
    meaning = sentence.meaning
    return all(
        len((meaning & part) - frozenset().union(*(p for p in parts if p is not part))) > 1
        for part in parts
    )


def _competing(sentence: Facts, quote: Quote) -> bool:
    """Whether the quote has a quantity of a kind that the sentence has with another number."""
    lacking = [
        mine
        for mine in sentence.quantities
        if not any(mine.same_number(theirs) for theirs in quote.quantities)
    ]
    return any(
        _kind(mine.dimension) == _kind(theirs.dimension)
        for mine in lacking
        for theirs in quote.quantities
    )


def _kind(dimension: str) -> str:
    return "time" if dimension.endswith(("day", "time", "months", "week")) else dimension


def contradictions(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> list[Reason]:
    """Return the reasons for which a sentence is held back."""
    missing = list(dict.fromkeys(missing_facts(sentence, quote)))
    return missing or list(_contradictions(sentence, quote, held))[:1]


def _contradictions(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> Iterator[Reason]:
    """Yield each rule that a sentence breaks, the cheapest first."""
    if _bound_elsewhere(sentence, quote, held):
        yield Reason.QUANTITY
    if _opposite_bounds(sentence, quote):
        yield Reason.COMPARISON
    reason = polarity_kept(sentence, quote)
    if reason is not None:
        yield reason
    if _near_copy(sentence, quote) and _other_actor(sentence, quote, held):
        yield Reason.SUBJECT
    if _blended(sentence, quote, held) or _added_to_copied(sentence, quote):
        yield Reason.BLENDED


def _other_actor(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether somebody else acts in a sentence than in the quote that it nearly copies."""
    elsewhere = _elsewhere(quote, held)
    return (
        foreign_subject(sentence.words, quote.words, elsewhere)
        or swapped_roles(sentence.words, quote.words)
        or elsewhere_in_quote(sentence.words, quote.words)
        or unknown_opening(sentence.words, quote.words, elsewhere)
    )


def doubts(sentence: Facts, quote: Quote) -> list[Reason]:
    """Return the reasons for which a sentence that nothing contradicts is not called supported."""
    found = []
    if _near_copy(sentence, quote) and _lost_restriction(sentence, quote):
        found.append(Reason.EXCEPTION)
    if _lost_bounds(sentence, quote):
        found.append(Reason.COMPARISON)
    return found


def _lost_restriction(sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence copies its quote without the clause that says of whom it is true."""
    terms = sentence.words.terms
    return any(
        len(said := quote.words.near(at, after=3)) > 1 and len(said - terms) > len(said) / 2
        for at, word in enumerate(quote.words.words)
        if word.lower in _RESTRICTING and at <= _IN_SUBJECT
    )


def _near_copy(sentence: Facts, quote: Quote) -> bool:
    terms = sentence.words.terms
    return len(terms & quote.words.terms) >= _NEAR_COPY * len(terms)


def _bound_elsewhere(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether what is said of a number is said, in the passages, of another one.

    Either another statement has clearly more of the sentence's words, or, in the quote itself,
    another clause with a number of the same kind does.
    """
    if not sentence.quantities and not sentence.dates:
        return False
    meaning = sentence.meaning
    own = len(meaning & quote.words.terms)
    for each in held:
        for other in each.single:
            inside = each is quote.held and quote.first <= other.first <= quote.last
            clearly = own + _CLEARLY_MORE if own else 1
            if not inside and len(meaning & other.words.terms) >= clearly:
                return True
    return any(_other_clause(mine, sentence, quote) for mine in sentence.quantities)


def _other_clause(mine: Quantity, sentence: Facts, quote: Quote) -> bool:
    here = sentence.words.words[sentence.words.index_at(mine.span.start)].clause
    near = {word.stem for word in sentence.words.words if word.clause == here and word.stem}
    near &= sentence.meaning
    shared: dict[bool, int] = {}
    for theirs in quote.quantities:
        if _kind(mine.dimension) != _kind(theirs.dimension):
            continue
        clause = quote.words.words[quote.words.index_at(theirs.span.start)].clause
        around = {word.stem for word in quote.words.words if word.clause == clause}
        same = mine.same_number(theirs)
        shared[same] = max(shared.get(same, 0), len(near & around))
    return shared.get(False, 0) > shared.get(True, 0)


def _added_to_copied(sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence copies much of the quote and adds words that the quote does not have.

    Two meaningful words in a row that are nowhere in the quote are then no paraphrase, but
    something more that is said.
    """
    words = [word.lower for word in sentence.words.words]
    quoted = f" {' '.join(word.lower for word in quote.words.words)} "
    most, copied = 0, 0
    for at in range(len(words)):
        while f" {' '.join(words[at : at + most + 1])} " in quoted and at + most < len(words):
            most += 1
            run = sentence.words.words[at : at + most]
            copied = len({word.stem for word in run} & sentence.meaning)
    stems = [word.stem for word in sentence.words.words if word.stem]
    known = quote.words.terms | quote.held.context.terms
    enough = copied > 1 or (copied and most > _COPIED)
    return (
        bool(enough)
        and most >= max(_COPIED, _COPIED_SHARE * len(words))
        and any(
            stems[at] not in known and stems[at + 1] not in known for at in range(len(stems) - 1)
        )
    )


def _opposite_bounds(sentence: Facts, quote: Quote) -> bool:
    return any(
        mine.bound is not theirs.bound and mine.bound is not Bound.EXACT
        for mine in sentence.quantities
        for theirs in quote.quantities
        if mine.same_number(theirs)
    )


def _lost_bounds(sentence: Facts, quote: Quote) -> bool:
    """Whether a most or least of the quote is given as exact, or the other way round."""
    return any(
        mine.bound not in {theirs.bound for theirs in same}
        for mine in sentence.quantities
        if (same := [theirs for theirs in quote.quantities if mine.same_number(theirs)])
    )


def _elsewhere(quote: Quote, held: Sequence[Statements]) -> frozenset[str]:
    """Return the terms of the cited passages' other statements."""
    return frozenset().union(
        *(
            other.words.terms
            for each in held
            for other in each.single
            if not (each is quote.held and quote.first <= other.first <= quote.last)
        )
    )


def _blended(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether two or more neighbouring words come from another statement than the quote."""
    words = [word.stem for word in sentence.words.words if word.stem]
    foreign = [stem not in quote.words.terms for stem in words]
    if _only_context(sentence, quote, held):
        return True
    pairs = [
        {words[at], words[at + step]}
        for step in (1, 2)
        for at in range(len(words) - step)
        if foreign[at] and foreign[at + step]
    ]
    if not pairs:
        return False
    for each in held:
        for other in each.single:
            if each is quote.held and quote.first <= other.first <= quote.last:
                continue
            terms = other.words.terms - each.context.terms
            if any(pair <= terms and _neighbours(pair, other) for pair in pairs):
                return True
    return False


def _only_context(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether quote and sentence share title words only, and another statement shares the rest."""
    told = sentence.meaning - quote.held.context.terms
    return bool(told) and not told & quote.words.terms and bool(told & _elsewhere(quote, held))


def _neighbours(pair: set[str], other: Quote) -> bool:
    """Whether two stems stand close to one another in a statement."""
    places: dict[str, int] = {}
    for at, word in enumerate(word for word in other.words.words if word.stem):
        if word.stem in pair:
            places[word.stem] = at
            if len(places) == len(pair) and max(places.values()) - min(places.values()) <= 2:  # noqa: PLR2004
                return True
    return False
