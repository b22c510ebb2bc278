"""Whether a sentence keeps what its quote demands, advises and permits.

Modal words are paired with modal words of the same force, first by the words that they govern;
less direct words of the quote may stand for them.
"""

from collections.abc import Sequence
from dataclasses import replace

from info_assistant.answering.grounding.pairing import (
    NEGATIVE,
    doubly_negated,
    only_as_must,
    unmatched,
    without_double,
)
from info_assistant.answering.grounding.polarity import MODAL, Event, Kind, is_imperative
from info_assistant.answering.grounding.quantities import Bound
from info_assistant.answering.grounding.statements import Facts, Quote
from info_assistant.answering.grounding.words import Words

_CONVEYS = {
    Kind.MUST: {Kind.MUST, Kind.SOFT_MUST},
    Kind.SHOULD: {Kind.SHOULD, Kind.SOFT_SHOULD},
    Kind.MAY: {Kind.MAY, Kind.CAN, Kind.EXEMPT, Kind.SOFT_MAY},
    Kind.CAN: {Kind.MAY, Kind.CAN, Kind.EXEMPT, Kind.SOFT_MAY},
    Kind.EXEMPT: {Kind.EXEMPT, Kind.MAY, Kind.CAN, Kind.SOFT_MAY, Kind.NEGATED},
    Kind.BANNED: {Kind.BANNED, Kind.NEGATED},
}
_REPEATED = 0.65
"""With this share of its words in the quote, a sentence that drops its modal word is another."""


def modality_kept(sentence: Facts, quote: Quote) -> bool:
    """Whether what a sentence demands, advises or permits is what its quote does."""
    mine = [event for event in sentence.events if event.kind in MODAL]
    conveyed = {event.kind for event in quote.events}
    theirs = [_as_meant(event, quote) for event in quote.events if event.kind in MODAL]
    orders = is_imperative(quote.words)
    turned = any(doubly_negated(e, sentence, quote) for e in unmatched(sentence, quote))
    for event in mine:
        if _told_otherwise(event, mine, theirs, (sentence, quote), turned=turned):
            continue
        about_same = [t for t in theirs if t.governed & event.governed]
        accepted = _CONVEYS[event.kind]
        if event.kind is not Kind.SHOULD and _kept_from(event, sentence):
            # "Must stay off" forbids, and so does "no visitor may".
            accepted = accepted | _CONVEYS[Kind.BANNED]
        if any(t.kind in accepted for t in about_same):
            continue
        said_so = conveyed & accepted and not _ruled_otherwise(accepted, event, sentence, theirs)
        if about_same or not (said_so or _harmless(event, mine, theirs, orders=orders)):
            return False
    return (
        bool(mine)
        or is_imperative(sentence.words)
        or not _modality_dropped(theirs, sentence, quote)
    )


def _told_otherwise(
    event: Event,
    mine: Sequence[Event],
    theirs: Sequence[Event],
    texts: tuple[Facts, Quote],
    *,
    turned: bool,
) -> bool:
    """Whether a modal word of the sentence stands for something else that the quote says."""
    sentence, quote = texts
    if _taken_along(event, mine, theirs):
        return True
    if event.kind is Kind.BANNED:
        return turned or not without_double([event, *_lacking(sentence)], quote)
    if event.kind is Kind.MUST:
        return only_as_must(sentence, quote) or _may_have_to(mine, theirs)
    return event.kind is Kind.MAY and (
        _must_as_only(sentence, theirs) or (not theirs and _both_capped(sentence, quote))
    )


def _modality_dropped(theirs: Sequence[Event], sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence says plainly what its quote only permits or advises."""
    terms = sentence.words.terms
    near = len(terms & quote.words.terms) >= _REPEATED * len(terms)
    main = _main_clause(quote.words, terms)
    return any(
        (near or (event.kind is Kind.SHOULD and event.verb in terms))
        and event.governed & terms
        and event.kind in {Kind.MAY, Kind.SHOULD}
        and event.clause == main
        and not _CONVEYS[event.kind] & {own.kind for own in sentence.events}
        for event in theirs
    )


def _must_as_only(sentence: Facts, theirs: Sequence[Event]) -> bool:
    """Whether "requests must be urgent" is told as "may be made only if they are urgent"."""
    return bool(
        {event.kind for event in sentence.events} & {Kind.ONLY, Kind.ONLY_IF}
        and any(event.kind is Kind.MUST for event in theirs)
    )


def _may_have_to(mine: Sequence[Event], theirs: Sequence[Event]) -> bool:
    """Whether "you may need to" is told with two words: "it may mean that you have to"."""
    return any(event.kind is Kind.MAY for event in mine) and any(
        event.kind is Kind.MAY and event.marker.endswith(" to") for event in theirs
    )


def _kept_from(event: Event, text: Facts) -> bool:
    """Whether what must be done is to leave something undone."""
    return any(
        other.kind in NEGATIVE | {Kind.SOFT_NEGATED} and other.clause == event.clause
        for other in text.events
    )


def _ruled_otherwise(
    accepted: set[Kind], event: Event, sentence: Facts, theirs: Sequence[Event]
) -> bool:
    """Whether the quote's modal words say another thing, and the sentence has no other for them.

    What less direct words of a quote convey does not count against its modal words.
    """
    hard = {t.kind for t in theirs} - {Kind.CAN}
    said = {own.kind for own in sentence.events if own is not event and not own.subordinate}
    return (
        event.kind is not Kind.BANNED
        and not hard & accepted
        and any(not said & _CONVEYS[kind] for kind in hard)
    )


def _harmless(
    event: Event, mine: Sequence[Event], theirs: Sequence[Event], *, orders: bool
) -> bool:
    """Whether a modal word without a like in the quote changes nothing.

    An order may be told as what people must or should do. What is plainly so can be so.
    """
    if event.kind in {Kind.MUST, Kind.SHOULD}:
        return orders or (event.subordinate and not theirs)
    strict = any(t.kind in {Kind.MUST, Kind.SHOULD, Kind.BANNED} for t in theirs)
    return event.kind is Kind.CAN and (not strict or len(mine) > 1 or event.subordinate)


def _both_capped(sentence: Facts, quote: Quote) -> bool:
    """Whether both give the same quantity as a most: "may cost at most" says no more than that."""
    return any(
        mine.bound is Bound.MOST and mine.same_number(theirs)
        for mine in sentence.quantities
        for theirs in quote.quantities
    )


def _main_clause(text: Words, terms: frozenset[str]) -> int:
    """Return the clause that shares most words with the sentence."""
    shared: dict[int, int] = {}
    for word in text.words:
        shared[word.clause] = shared.get(word.clause, 0) + (word.stem in terms)
    return max(shared, key=shared.__getitem__, default=0)


def _as_meant(event: Event, quote: Quote) -> Event:
    """Return "not able to" as a ban, any other modal word as it is."""
    denied = event.kind is Kind.CAN and any(
        other.kind is Kind.NEGATED
        and other.clause == event.clause
        and other.governed & event.governed
        for other in quote.events
    )
    return replace(event, kind=Kind.BANNED) if denied else event


def _taken_along(event: Event, mine: Sequence[Event], theirs: Sequence[Event]) -> bool:
    """Whether a subordinate "must" is the writer's own, beside words for all of the quote's."""
    others = {own.kind for own in mine if own is not event}
    return (
        event.subordinate
        and event.kind is Kind.MUST
        and bool(theirs)
        and all(others & _CONVEYS[t.kind] for t in theirs)
    )


def _lacking(sentence: Facts) -> list[Event]:
    return [event for event in sentence.events if event.marker == "without"]
