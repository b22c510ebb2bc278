"""Under what conditions something is so: whether a sentence leaves out what its quote says of them.

A quote says of whom or when it is true, after what has passed, or what it is not meant for. Who
repeats the rest without that says more than the quote does.
"""

# ruff: noqa: SIM905 - tables of words read best as text.

import re
from collections.abc import Iterator

from info_assistant.answering.grounding.pairing import NEGATIVE
from info_assistant.answering.grounding.polarity import Event, Kind
from info_assistant.answering.grounding.sharing import about_the_same, near_copy, repeats
from info_assistant.answering.grounding.statements import Facts, Quote

_RESTRICTING = frozenset(["that", "who", "which", "whose", "if", "when", "where", "provided"])
_IF = frozenset(["if", "unless", "provided"])
_CONDITIONAL = frozenset(
    "if when whenever where once unless only who whoever whose that which provided case long until "
    "after before during under given for without any every whatever".split()
)
_UNIVERSAL = frozenset("all every always each never everyone everybody entire".split())
_PARTIAL = frozenset(
    "almost nearly most mostly some many several few usually normally generally typically often "
    "sometimes largely partly likely tend tends certain rule".split()
)
_LONGEST_CONDITION = 6
_SHORT = 4
_PLACING = frozenset(["outside", "inside", "without"])
_COMPARING = frozenset(["over", "under", "above", "below", "aged", "than"])

_WAITING = frozenset(["before", "until", "till"])
_NARROWED = re.compile(
    r"\A(?:this|that|these|those|it|they)\b.{0,25}?\b(?:only|not appl(?:y|ies)|n't apply|exclude)",
    re.IGNORECASE,
)
_SEVERAL = 2


def condition_lost(sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence says without a condition what its quote says under one."""
    return (
        _lost_restriction(sentence, quote)
        or _unconditional(sentence, quote)
        or _made_universal(sentence, quote)
        or _without_waiting(sentence, quote)
        or _never_for_then_not(sentence, quote)
        or _narrowed_afterwards(sentence, quote)
    )


def _without_waiting(sentence: Facts, quote: Quote) -> bool:
    """Whether something can be done at once that the quote lets people do after some time.

    As in "people can be rated at once" for "90 days must pass before they can be rated".
    """
    if sentence.words.known & (_CONDITIONAL | _WAITING) or NEGATIVE & _kinds(sentence):
        return False
    return any(
        theirs.verb == mine.verb
        for theirs in _after_waiting(quote)
        for mine in sentence.events
        if mine.kind in {Kind.CAN, Kind.MAY} and mine.verb
    )


def _after_waiting(quote: Quote) -> Iterator[Event]:
    """Yield what a quote says can be done once something has passed."""
    for event in quote.events:
        if event.kind in {Kind.CAN, Kind.MAY} and event.before & _WAITING:
            yield event


def _never_for_then_not(sentence: Facts, quote: Quote) -> bool:
    """Whether "never" is said for the "not" that follows from a condition.

    As in "no sharing is possible" for "if it is set to the strictest, no sharing is possible".
    """
    if sentence.words.known & (_CONDITIONAL | _PARTIAL) or not NEGATIVE & _kinds(sentence):
        return False
    for word in quote.words.words:
        if word.lower not in _IF | {"when", "where"}:
            continue
        told = {w.stem for w in quote.words.words if w.stem and w.clause == word.clause}
        missing = told - sentence.words.terms
        follows = any(e.kind in NEGATIVE and e.clause > word.clause for e in quote.events)
        if follows and len(missing) > max(_SEVERAL, len(told) / 2):
            return True
    return False


def _narrowed_afterwards(sentence: Facts, quote: Quote) -> bool:
    """Whether the statement behind the quote takes out what the sentence speaks of.

    As in "This refers to real systems only, not to exercises", and a sentence about exercises.
    """
    if quote.last + 1 >= len(quote.held.single) or sentence.words.known & _CONDITIONAL:
        return False
    following = quote.held.single[quote.last + 1].words
    added = sentence.words.terms - quote.words.terms
    return bool(_NARROWED.match(following.text) and added & following.terms)


def _kinds(text: Facts) -> set[Kind]:
    return {event.kind for event in text.events}


def _lost_restriction(sentence: Facts, quote: Quote) -> bool:
    """Whether a sentence repeats its quote without the words that say of whom or when it is true.

    It repeats it if most of its words are in the quote, or most of what the quote says besides.
    """
    terms = sentence.words.terms
    return any(
        at
        and quote.words.words[at - 1].stem in terms
        and quote.words.words[at - 1].clause == word.clause
        and _left_out(word.lower, at, sentence, quote)
        for at, word in enumerate(quote.words.words)
        if word.lower in _RESTRICTING | _PLACING
        or (word.lower in _COMPARING and _number_after(quote, at))
    )


def _made_universal(sentence: Facts, quote: Quote) -> bool:
    """Whether what the quote says of most or of some is told of all."""
    said, quoted = sentence.words.known, quote.words.known
    return (
        bool(said & _UNIVERSAL and quoted & _PARTIAL)
        and not said & (_PARTIAL | _CONDITIONAL)
        and not said & quoted & (_UNIVERSAL - {"all"})
        and about_the_same(sentence, quote)
    )


def _unconditional(sentence: Facts, quote: Quote) -> bool:
    """Whether the quote says under what condition something is so, and the sentence has none.

    Nothing of the condition may be in the sentence, and the rest must be what it is about.
    """
    terms = sentence.words.terms
    words = sentence.words.words
    if (
        (len(terms) > _SHORT and not near_copy(sentence, quote))
        or sentence.words.known & _CONDITIONAL
        or any(word.lower.endswith("ing") for word in words)
        or words[0].lower == "should"
    ):
        return False
    for at, word in enumerate(quote.words.words):
        if word.lower not in _IF:
            continue
        said = quote.words.near(at, after=_LONGEST_CONDITION)
        rest = quote.words.terms - said
        if (
            len(said) > 1
            and not said & terms
            and len(rest & terms) * 3 >= min(len(rest), len(terms))
        ):
            return True
    return False


def _left_out(word: str, at: int, sentence: Facts, quote: Quote) -> bool:
    """Whether most of what a restricting word introduces is missing from what is else repeated."""
    terms = sentence.words.terms
    if word in _RESTRICTING and sentence.words.known & _RESTRICTING:
        return False
    said = quote.words.near(at, after=1 if word in _PLACING else 4)
    missing = len(said - terms)
    if word in _PLACING and (
        not near_copy(sentence, quote)
        or any(event.kind is Kind.EXCEPT for event in sentence.events)
    ):
        return False
    return (
        len(said) > (word in _RESTRICTING)
        and missing > len(said) / 2
        and repeats(terms, quote.words.terms - said)
    )


def _number_after(quote: Quote, at: int) -> bool:
    """Whether a number stands within two words of a comparing word."""
    return any(word.text[0].isdigit() for word in quote.words.words[at + 1 : at + 3])
