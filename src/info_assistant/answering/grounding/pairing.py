"""Whether a sentence keeps what its quote denies, forbids and excepts.

Negations are paired with negations, first by the words that they govern. A negation of
the quote that finds none in the sentence contradicts it when the sentence speaks of what it
governs; one of the sentence that finds none in the quote always does.
"""

import re
from collections.abc import Sequence

from info_assistant.answering.grounding.polarity import Event, Kind
from info_assistant.answering.grounding.statements import Facts, Quote
from info_assistant.answering.grounding.words import Words

NEGATIVE = frozenset({Kind.NEGATED, Kind.BANNED})
"""What denies or forbids."""
_SOFT = frozenset({Kind.SOFT_NEGATED, Kind.EXEMPT, Kind.ONLY, Kind.ONLY_IF, Kind.EXCEPT})
_RESTRICTS = {
    Kind.ONLY: {Kind.ONLY, Kind.ONLY_IF, Kind.EXCEPT, Kind.SOFT_ONLY},
    Kind.ONLY_IF: {Kind.ONLY, Kind.ONLY_IF, Kind.EXCEPT, Kind.SOFT_ONLY},
    Kind.EXCEPT: {Kind.EXCEPT, Kind.ONLY_IF, Kind.SOFT_EXCEPT},
}
_GRAMMATICAL = re.compile(
    r"no\b|not|n't|never|neither|nor|none|nobody|nothing|nowhere|without|\w+ ?not"
)
_SAYS_NEED_NOT = _SOFT | NEGATIVE | {Kind.MAY, Kind.CAN, Kind.SOFT_MAY}
_CONDITIONAL = frozenset(["if", "when", "where", "without", "otherwise", "sooner", "but"])
_ALIKE = frozenset(["same", "alike", "equal", "uniform", "consistent", "identical", "always"])
_PLACES = frozenset(["outside", "beyond", "elsewhere", "out of"])
_SPOKEN_OF = 2
_TOUCHED = 0.34
"""A clause of which the sentence has less than this share of words is not what it speaks of."""


def exception_dropped(sentence: Facts, quote: Quote) -> bool:
    """Whether an exception of the quote is left out, or a restriction of what is spoken of."""
    return any(
        event.kind is not Kind.ONLY or event.governed & sentence.words.terms
        for event in unmatched(sentence, quote)
        if not doubly_negated(event, sentence, quote) and not _told_as_condition(event, sentence)
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


def unmatched(sentence: Facts, quote: Quote) -> list[Event]:
    """Return the exceptions and restrictions of the quote that the sentence has no word for."""
    kinds = {event.kind for event in sentence.events}
    if _only_for_unless(sentence, quote):
        kinds |= {Kind.EXCEPT}
    return [
        event
        for event in quote.events
        if event.kind in _RESTRICTS
        and not kinds & _RESTRICTS[event.kind]
        and not (event.kind is Kind.ONLY_IF and only_as_must(sentence, quote))
    ]


def doubly_negated(event: Event, sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence says with more negations what the quote says with "only" or "unless".

    As in "not without consent" or "forbidden outside the season", of the same words.
    """
    hard, more = (
        sum(each.kind in kinds for each in sentence.events)
        - (sum(each.kind in kinds for each in quote.events) if less else 0)
        for kinds, less in ((NEGATIVE, False), (NEGATIVE | {Kind.SOFT_NEGATED}, True))
    )
    return hard > 0 and more > 0 and bool(event.governed & sentence.words.terms)


def negations_paired(sentence: Facts, quote: Quote) -> bool:
    """Whether what is denied in one text is denied, or said in other words, in the other."""
    if _exemption_lost(sentence, quote):
        return False
    mine = [event for event in sentence.events if event.kind in NEGATIVE]
    theirs = [event for event in quote.events if event.kind in NEGATIVE]
    for restriction in unmatched(sentence, quote):
        if mine and doubly_negated(restriction, sentence, quote):
            mine.pop()
    if theirs and _only_for_unless(sentence, quote):
        theirs.pop()
    mine = without_double(mine, quote)
    for same in (_about_the_same, _worded_alike):
        for event in list(mine):
            partner = next((t for t in theirs if same(t, event)), None)
            if partner is not None:
                mine.remove(event)
                theirs.remove(partner)
    paired_any = len(mine) < len([e for e in sentence.events if e.kind in NEGATIVE])
    # Those left are about other words: they pair as they come, what is said and what is a reason.
    for event in list(mine):
        partner = next((t for t in theirs if t.reason == event.reason), None)
        if partner is not None:
            mine.remove(event)
            theirs.remove(partner)
    return (not mine or _own_explained(mine, sentence, quote, paired_any=paired_any)) and (
        bool(mine and not any(event.reason for event in mine))
        or _theirs_explained(theirs, sentence, quote)
    )


def _own_explained(
    mine: Sequence[Event], sentence: Facts, quote: Quote, *, paired_any: bool
) -> bool:
    """Whether the quote says in other words what is negated in the sentence alone."""
    # Words like "refuse" may be the writer's own for what the quote says otherwise.
    own = quote.words.terms
    left = [
        m for m in mine if m.governed & own or (not paired_any and _GRAMMATICAL.match(m.marker))
    ]
    return _explained(left, quote, sentence)


def _theirs_explained(theirs: Sequence[Event], sentence: Facts, quote: Quote) -> bool:
    """Whether the sentence says in other words what is negated in the quote alone."""
    # Where one negation of a statement is kept, another counts if its own words are spoken of.
    kept = any(event.kind in NEGATIVE for event in sentence.events)
    terms = sentence.words.terms
    left = [t for t in theirs if (t.governed & terms if kept else _touched(t, quote.words, terms))]
    return _explained(left, sentence, quote)


def without_double(mine: Sequence[Event], quote: Quote) -> list[Event]:
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


def _only_for_unless(sentence: Facts, quote: Quote) -> bool:
    """Whether "not, unless they are ill" is told as "only if they are ill"."""
    mine = {event.kind for event in sentence.events}
    theirs = {event.kind for event in quote.events}
    return (
        bool(mine & {Kind.ONLY, Kind.ONLY_IF})
        and Kind.EXCEPT in theirs - mine
        and not theirs & {Kind.ONLY, Kind.ONLY_IF}
    )


def only_as_must(sentence: Facts, quote: Quote) -> bool:
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
