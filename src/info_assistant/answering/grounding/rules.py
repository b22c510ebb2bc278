"""What in a sentence contradicts its quote, and what leaves doubt.

Each rule takes the sentence, the quote and the passages around it. Contradictions hold a sentence
back; doubts keep it from being called supported.
"""

from collections.abc import Iterator, Sequence

from info_assistant.answering.grounding.binding import Fit, competing, fits, kind, said_elsewhere
from info_assistant.answering.grounding.conditions import condition_lost
from info_assistant.answering.grounding.facts import missing_facts
from info_assistant.answering.grounding.modality import modality_kept
from info_assistant.answering.grounding.pairing import exception_dropped, negations_paired
from info_assistant.answering.grounding.parts import begins_passive
from info_assistant.answering.grounding.quantities import Bound, Quantity
from info_assistant.answering.grounding.reasons import Reason
from info_assistant.answering.grounding.roles import (
    changed_places,
    done_by_another,
    exchanged,
    for_the_reader,
)
from info_assistant.answering.grounding.sharing import about_the_same, near_copy
from info_assistant.answering.grounding.statements import (
    MOST_STATEMENTS,
    Facts,
    Quote,
    Statements,
)
from info_assistant.answering.grounding.subjects import (
    foreign_subject,
    unknown_opening,
)

_COPIED = 4
_ADDED = 3
_COPIED_SHARE = 0.3


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
        if left < missing and _all_take_part(sentence, wider) and not competing(sentence, quote):
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


def contradictions(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> list[Reason]:
    """Return the reasons for which a sentence is held back."""
    missing = list(dict.fromkeys(missing_facts(sentence, quote)))
    return missing or list(_contradictions(sentence, quote, held))[:1]


def _contradictions(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> Iterator[Reason]:
    """Yield each rule that a sentence breaks, the cheapest first."""
    found = set(fits(sentence, quote))
    if Fit.ANOTHER in found or said_elsewhere(sentence, quote, held):
        yield Reason.QUANTITY
    if Fit.CONDITION_LOST in found or condition_lost(sentence, quote):
        yield Reason.EXCEPTION
    if _opposite_bounds(sentence, quote):
        yield Reason.COMPARISON
    if exception_dropped(sentence, quote):
        yield Reason.EXCEPTION
    if not negations_paired(sentence, quote):
        yield Reason.NEGATION
    if not modality_kept(sentence, quote):
        yield Reason.MODALITY
    if (about_the_same(sentence, quote) and _other_actor(sentence, quote, held)) or exchanged(
        sentence.words, quote.words, copied=near_copy(sentence, quote)
    ):
        yield Reason.SUBJECT
    if _blended(sentence, quote, held) or _added_to_copied(sentence, quote, _ADDED):
        yield Reason.BLENDED


def _other_actor(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether somebody else acts in a sentence than in the quote that says nearly the same."""
    words, quoted = sentence.words, quote.words
    if " | " in quoted.text:
        # In a table's row nobody acts: its cells are bound to one another by its numbers.
        return foreign_subject(words, quoted, _elsewhere(quote, held), passive=True)
    elsewhere = _elsewhere(quote, held)
    return (
        changed_places(words, quoted)
        or foreign_subject(words, quoted, elsewhere, passive=begins_passive(words))
        or (
            near_copy(sentence, quote)
            and not begins_passive(words)
            and unknown_opening(words, quoted, frozenset())
        )
    )


def doubts(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> list[Reason]:
    """Return the reasons for which a sentence that nothing contradicts is not called supported."""
    found = []
    if (
        (
            near_copy(sentence, quote)
            and unknown_opening(sentence.words, quote.words, _elsewhere(quote, held))
        )
        or for_the_reader(sentence.words, quote.words)
        or done_by_another(
            sentence.words, quote.words, (other.words for other in _others(quote, held))
        )
    ):
        found.append(Reason.SUBJECT)
    if _added_to_copied(sentence, quote, least=_ADDED - 1):
        found.append(Reason.BLENDED)
    if Fit.NONE in fits(sentence, quote):
        found.append(Reason.QUANTITY)
    if _lost_bounds(sentence, quote):
        found.append(Reason.COMPARISON)
    return found


def _added_to_copied(sentence: Facts, quote: Quote, least: int) -> bool:
    """Whether a sentence copies much of the quote and adds words that the quote does not have.

    `least` meaningful words in a row that are nowhere in the quote are then no paraphrase, but
    something more that is said.
    """
    # A name is no copy: it has no other words.
    words = [
        word.lower if at == 0 or word.text[0].islower() else "\0"
        for at, word in enumerate(sentence.words.words)
    ]
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
            all(stem not in known for stem in stems[at : at + least])
            for at in range(len(stems) - least + 1)
        )
    )


def _opposite_bounds(sentence: Facts, quote: Quote) -> bool:
    """Whether a number is a most in one text and a least in the other, and nowhere the same."""
    return any(
        any(mine.bound.opposes(theirs.bound) for theirs in same)
        and not any(mine.bound.fits(theirs.bound) for theirs in same)
        for mine, same in _pairs(sentence, quote)
    )


def _lost_bounds(sentence: Facts, quote: Quote) -> bool:
    """Whether a most or least of the quote is given as exact, or the other way round."""
    copied = near_copy(sentence, quote)
    return any(
        not any(mine.bound.fits(theirs.bound) for theirs in same)
        # A deadline may be told as the time that there is, in a sentence of one's own.
        and (copied or mine.bound is not Bound.EXACT or kind(mine.dimension) != "time")
        for mine, same in _pairs(sentence, quote)
    )


def _pairs(sentence: Facts, quote: Quote) -> Iterator[tuple[Quantity, list[Quantity]]]:
    """Yield each quantity of the sentence with those of the quote that are the same number."""
    for mine in sentence.quantities:
        same = [theirs for theirs in quote.quantities if mine.same_number(theirs)]
        if same:
            yield mine, same


def _elsewhere(quote: Quote, held: Sequence[Statements]) -> frozenset[str]:
    """Return the terms of the cited passages' other statements."""
    return frozenset().union(*(other.words.terms for other in _others(quote, held)))


def _others(quote: Quote, held: Sequence[Statements]) -> Iterator[Quote]:
    """Yield the cited passages' other statements."""
    for each in held:
        for other in each.single:
            if not (each is quote.held and quote.first <= other.first <= quote.last):
                yield other


def _blended(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether two or more neighbouring words come from another statement than the quote."""
    words = [word.stem for word in sentence.words.words if word.stem]
    foreign = [stem not in quote.words.terms for stem in words]
    if _only_context(sentence, quote, held) or _part_elsewhere(sentence, quote, held):
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


def _part_elsewhere(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether what a part of a sentence adds to the quote is in a statement of another passage."""
    parts: dict[int, set[str]] = {}
    for word in sentence.words.words:
        if word.stem and word.stem not in quote.words.terms:
            parts.setdefault(word.clause, set()).add(word.stem)
    return any(
        len(part & (other.words.terms - each.context.terms)) > 1
        for part in parts.values()
        for each in held
        if each is not quote.held
        for other in each.single
    )


def _only_context(sentence: Facts, quote: Quote, held: Sequence[Statements]) -> bool:
    """Whether quote and sentence share title words only, and another statement shares the rest."""
    if sentence.quantities or sentence.dates:
        # The quote has these: more than the title ties it to the sentence.
        return False
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
