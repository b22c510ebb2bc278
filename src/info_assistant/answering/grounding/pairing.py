"""Whether a sentence keeps what its quote forbids, demands, advises, permits and excepts.

Negations are paired with negations and modal words with modal words, first by the words that they
govern. A negation of the quote that finds none in the sentence contradicts it when the sentence
speaks of what it governs; one of the sentence that finds none in the quote always does.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from info_assistant.answering.grounding.polarity import MODAL, Event, Kind, is_imperative
from info_assistant.answering.grounding.quantities import Bound
from info_assistant.answering.grounding.reasons import Reason
from info_assistant.answering.grounding.statements import Facts, Quote
from info_assistant.answering.grounding.words import Words

_NEGATIVE = frozenset({Kind.NEGATED, Kind.BANNED})
_SOFT = frozenset({Kind.SOFT_NEGATED, Kind.EXEMPT, Kind.ONLY, Kind.ONLY_IF, Kind.EXCEPT})
_CONVEYS = {
    Kind.MUST: {Kind.MUST, Kind.SOFT_MUST},
    Kind.SHOULD: {Kind.SHOULD, Kind.SOFT_SHOULD},
    Kind.MAY: {Kind.MAY, Kind.CAN, Kind.EXEMPT, Kind.SOFT_MAY},
    Kind.CAN: {Kind.MAY, Kind.CAN, Kind.EXEMPT, Kind.SOFT_MAY},
    Kind.EXEMPT: {Kind.EXEMPT, Kind.MAY, Kind.CAN, Kind.SOFT_MAY, Kind.NEGATED},
    Kind.BANNED: {Kind.BANNED, Kind.NEGATED},
}
_RESTRICTS = {
    Kind.ONLY: {Kind.ONLY, Kind.ONLY_IF, Kind.EXCEPT, Kind.SOFT_ONLY},
    Kind.ONLY_IF: {Kind.ONLY, Kind.ONLY_IF, Kind.EXCEPT, Kind.SOFT_ONLY},
    Kind.EXCEPT: {Kind.EXCEPT, Kind.ONLY_IF, Kind.SOFT_EXCEPT},
}
_GRAMMATICAL = re.compile(
    r"no\b|not|n't|never|neither|nor|none|nobody|nothing|nowhere|without|\w+ ?not"
)
_SAYS_NEED_NOT = _SOFT | _NEGATIVE | {Kind.MAY, Kind.CAN, Kind.SOFT_MAY}
_CONDITIONAL = frozenset(["if", "when", "where", "without", "otherwise", "sooner", "but"])
_ALIKE = frozenset(["same", "alike", "equal", "uniform", "consistent", "identical", "always"])
_PLACES = frozenset(["outside", "beyond", "elsewhere", "out of"])
_SPOKEN_OF = 2
_REPEATED = 0.65
"""With this share of its words in the quote, a sentence that drops its modal word is another."""

_TOUCHED = 0.34
"""A clause of which the sentence has less than this share of words is not what it speaks of."""


def polarity_kept(sentence: Facts, quote: Quote) -> Reason | None:
    """Return the rule that a sentence breaks, or None."""
    if _exception_dropped(sentence, quote):
        return Reason.EXCEPTION
    if not _negations_paired(sentence, quote):
        return Reason.NEGATION
    if not _modality_kept(sentence, quote):
        return Reason.MODALITY
    return None


def _exception_dropped(sentence: Facts, quote: Quote) -> bool:
    """Whether an exception of the quote is left out, or a restriction of what is spoken of."""
    return any(
        event.kind is not Kind.ONLY or event.governed & sentence.words.terms
        for event in _unmatched(sentence, quote)
        if not _doubly_negated(event, sentence, quote) and not _told_as_condition(event, sentence)
    )


def _told_as_condition(event: Event, sentence: Facts) -> bool:
    """Whether a sentence makes a condition of what the quote excepts, and speaks of it."""
    words = sentence.words.known
    return (
        event.kind is Kind.EXCEPT
        and bool(words & _CONDITIONAL)
        and "even" not in words
        and len(event.governed & sentence.words.terms) >= min(_SPOKEN_OF, len(event.governed))
    )


def _unmatched(sentence: Facts, quote: Quote) -> list[Event]:
    """Return the exceptions and restrictions of the quote that the sentence has no word for."""
    kinds = {event.kind for event in sentence.events}
    if _only_for_unless(sentence, quote):
        kinds |= {Kind.EXCEPT}
    return [
        event
        for event in quote.events
        if event.kind in _RESTRICTS
        and not kinds & _RESTRICTS[event.kind]
        and not (event.kind is Kind.ONLY_IF and _only_as_must(sentence, quote))
    ]


def _doubly_negated(event: Event, sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence says with more negations what the quote says with "only" or "unless".

    As in "not without consent" or "forbidden outside the season", of the same words.
    """
    hard, more = (
        sum(each.kind in kinds for each in sentence.events)
        - (sum(each.kind in kinds for each in quote.events) if less else 0)
        for kinds, less in ((_NEGATIVE, False), (_NEGATIVE | {Kind.SOFT_NEGATED}, True))
    )
    return hard > 0 and more > 0 and bool(event.governed & sentence.words.terms)


def _negations_paired(sentence: Facts, quote: Quote) -> bool:
    if _exemption_lost(sentence, quote):
        return False
    mine = [event for event in sentence.events if event.kind in _NEGATIVE]
    theirs = [event for event in quote.events if event.kind in _NEGATIVE]
    for restriction in _unmatched(sentence, quote):
        if mine and _doubly_negated(restriction, sentence, quote):
            mine.pop()
    if theirs and _only_for_unless(sentence, quote):
        theirs.pop()
    mine = _without_double(mine, quote)
    for same in (_about_the_same, _worded_alike):
        for event in list(mine):
            partner = next((t for t in theirs if same(t, event)), None)
            if partner is not None:
                mine.remove(event)
                theirs.remove(partner)
    paired_any = len(mine) < len([e for e in sentence.events if e.kind in _NEGATIVE])
    # Those left are about other words: they pair as they come.
    paired = min(len(mine), len(theirs))
    mine, theirs = mine[paired:], theirs[paired:]
    if mine:
        # Words like "refuse" may be the writer's own for what the quote says otherwise.
        own = quote.words.terms
        left = [
            m for m in mine if m.governed & own or (not paired_any and _GRAMMATICAL.match(m.marker))
        ]
        return _explained(left, quote, sentence)
    # Where one negation of a statement is kept, another counts if its own words are spoken of.
    kept = any(event.kind in _NEGATIVE for event in sentence.events)
    terms = sentence.words.terms
    left = [t for t in theirs if (t.governed & terms if kept else _touched(t, quote.words, terms))]
    return _explained(left, sentence, quote)


def _without_double(mine: Sequence[Event], quote: Quote) -> list[Event]:
    """Return the negations but for those of "not complete without X", where the quote wants X."""
    lacking = next((event for event in mine if event.marker == "without"), None)
    other = next((event for event in mine if event is not lacking), None)
    wanted = (
        lacking is not None
        and bool(lacking.governed & quote.words.terms)
        and any(event.kind in {Kind.MUST, Kind.SOFT_MUST} for event in quote.events)
    )
    if not wanted or other is None:
        return list(mine)
    return [event for event in mine if event is not lacking and event is not other]


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


def _exemption_lost(sentence: Facts, quote: Quote) -> bool:
    """Whether the quote says that something need not be, and the sentence nothing of the kind."""
    kinds = {event.kind for event in sentence.events}
    return not kinds & _SAYS_NEED_NOT and any(
        event.kind is Kind.EXEMPT and _touched(event, quote.words, sentence.words.terms)
        for event in quote.events
    )


def _about_the_same(one: Event, other: Event) -> bool:
    return bool(one.governed & other.governed)


def _worded_alike(one: Event, other: Event) -> bool:
    return one.marker == other.marker


def _touched(event: Event, text: Words, terms: frozenset[str]) -> bool:
    """Whether the clause of an event is one that the other text speaks of."""
    if event.governed & terms:
        return True
    own = {word.stem for word in text.words if word.clause == event.clause and word.stem}
    clauses = {word.clause for word in text.words}
    return len(clauses) == 1 or (len(own & terms) / len(own) if own else 0.0) >= _TOUCHED


def _explained(left: Sequence[Event], others: Facts, speaker: Facts) -> bool:
    """Whether negations without a partner are said in the other text with other words.

    A word that both texts have explains nothing, nor does the very word that is negated.
    """
    shared = {event.marker for event in speaker.events}
    if shared & _PLACES:
        shared |= _PLACES
    soft = [event for event in others.events if event.kind in _SOFT and event.marker not in shared]
    for event in left:
        usable = [
            each
            for each in soft
            if each.kind is not Kind.SOFT_NEGATED
            or not (each.own & event.governed or _of_one_meaning(each, speaker))
        ]
        close = [
            each for each in usable if each.kind is Kind.EXEMPT or each.around & event.governed
        ]
        if event.governed & others.words.terms and not close:
            return False
        if not usable:
            return False
        soft.remove((close or usable)[0])
    return True


def _of_one_meaning(soft: Event, speaker: Facts) -> bool:
    """Whether a word like "vary" says what is negated ("not change"), rather than its opposite."""
    return soft.marker.startswith(("var", "differ")) and not speaker.words.known & _ALIKE


def _modality_kept(sentence: Facts, quote: Quote) -> bool:
    mine = [event for event in sentence.events if event.kind in MODAL]
    conveyed = {event.kind for event in quote.events}
    theirs = [_as_meant(event, quote) for event in quote.events if event.kind in MODAL]
    orders = is_imperative(quote.words)
    turned = any(_doubly_negated(e, sentence, quote) for e in _unmatched(sentence, quote))
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
        return turned or not _without_double([event, *_lacking(sentence)], quote)
    if event.kind is Kind.MUST:
        return _only_as_must(sentence, quote) or _may_have_to(mine, theirs)
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


def _only_for_unless(sentence: Facts, quote: Quote) -> bool:
    """Whether "not, unless they are ill" is told as "only if they are ill"."""
    mine = {event.kind for event in sentence.events}
    theirs = {event.kind for event in quote.events}
    return (
        bool(mine & {Kind.ONLY, Kind.ONLY_IF})
        and Kind.EXCEPT in theirs - mine
        and not theirs & {Kind.ONLY, Kind.ONLY_IF}
    )


def _only_as_must(sentence: Facts, quote: Quote) -> bool:
    """Whether "only with gloves" is told as "gloves are a must"."""
    mine = {event.kind for event in sentence.events}
    return (
        Kind.MUST in mine
        and not mine & {Kind.ONLY, Kind.ONLY_IF}
        and not any(event.kind is Kind.MUST for event in quote.events)
        and any(
            event.kind is Kind.ONLY_IF and event.governed & sentence.words.terms
            for event in quote.events
        )
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
        other.kind in _NEGATIVE | {Kind.SOFT_NEGATED} and other.clause == event.clause
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
