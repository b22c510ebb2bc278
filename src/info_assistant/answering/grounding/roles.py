"""Who does what to whom: whether two that both texts name have changed places.

That is read off the parts of a text (`parts.py`), whatever the verbs are.
"""

# ruff: noqa: SIM905 - tables of words read best as text.

from collections.abc import Iterable
from itertools import pairwise

from info_assistant.answering.grounding.lexicon import IMPERATIVES
from info_assistant.answering.grounding.parts import (
    PREPOSITIONS,
    SPEAKERS,
    Part,
    acting,
    doer,
    introduced,
    mentioned,
    named,
    parts,
)
from info_assistant.answering.grounding.words import Words

_TAKING = frozenset(
    "get receiv obtain need requir hear learn depend benefit ask request borrow rent buy inherit "
    "belong".split()
)
"""Verbs of those to whom something is done: "they get it" is "somebody gives it to them"."""
_HAVING = frozenset(["have", "has", "had", "with"])
_ENOUGH = 2


def changed_places(sentence: Words, quote: Words) -> bool:
    """Whether somebody in the sentence does what somebody else of the quote does there."""
    ours, known = acting(sentence), acting(quote)
    theirs = list(parts(quote))
    return _direction_turned(sentence, quote) or any(
        _taken_over(part, theirs, quote, known)
        for part in parts(sentence)
        if not part.stative and ours & (part.by if part.passive and part.by else part.subject)
    )


def exchanged(sentence: Words, quote: Words, *, copied: bool) -> bool:
    """Whether the doer of each text is somebody else in the other, to whom it is done.

    As in "the RP tells the IdP" for "the IdP discloses it to the RP", in whatever words. Where
    most words are copied, things count as doers too.
    """
    if (copied and _recipients_exchanged(sentence, quote)) or _owners_exchanged(sentence, quote):
        return True
    mine, theirs = next(parts(sentence), None), doer(quote, sentence)
    if mine is None or theirs is None or not mine.subject or mine.subject & theirs.subject:
        return False
    if any(part.passive or part.stative for part in (mine, theirs)):
        return False
    people = mine.subject & acting(sentence) and theirs.subject & acting(quote)
    return _done_to_its_doer(mine, theirs, sentence, quote) or (
        bool(copied or people)
        and theirs.subject <= mentioned(sentence) - mine.subject
        and mine.subject <= mentioned(quote) - theirs.subject
        and not _told_from_the_other_side(mine, theirs, sentence, quote)
    )


def done_by_another(sentence: Words, quote: Words, others: Iterable[Words]) -> bool:
    """Whether another statement says as much of a sentence, but of somebody else.

    That is looked at without the sentence's doer, whose name alone may have chosen the quote.
    """
    mine = _doing(sentence)
    if mine is None:
        return False
    rest = sentence.terms - mine.subject
    shared = len(rest & quote.terms)
    return shared >= _ENOUGH and any(
        len(rest & other.terms) >= shared and _does_another(mine, sentence, other)
        for other in others
    )


def _doing(text: Words) -> Part | None:
    """Return the first part of a text that tells what somebody does, if it is one."""
    first = next(parts(text), None)
    if first is None or first.passive or first.stative or text.words[0].lower in IMPERATIVES:
        return None
    return first if first.subject & named(text) else None


def _does_another(mine: Part, sentence: Words, other: Words) -> bool:
    """Whether a statement's doer is neither that of a sentence nor spoken of in it."""
    theirs = doer(other, sentence)
    return (
        theirs is not None
        and not theirs.passive
        and bool(theirs.subject & named(other))
        and not theirs.subject & mentioned(sentence)
        and not mine.subject & other.terms
    )


def for_the_reader(sentence: Words, quote: Words) -> bool:
    """Whether a sentence's doers stand for the "you" of a quote that speaks of them besides.

    As in "employees owe a review" for "you need to write a review of each of the employees".
    """
    mine, theirs = _doing(sentence), doer(quote, sentence)
    return (
        mine is not None
        and theirs is not None
        and "you" in theirs.subject
        and bool(mine.subject & introduced(quote).keys())
    )


def _told_from_the_other_side(mine: Part, theirs: Part, sentence: Words, quote: Words) -> bool:
    """Whether a verb or preposition says that one gets what the other gives."""
    return (
        ("you" not in theirs.subject and any(mine.subject & part.subject for part in parts(quote)))
        or _after_subject(sentence, mine) in _HAVING | PREPOSITIONS
        or ("you" not in theirs.subject and _after_subject(quote, theirs) in _HAVING)
        or bool((mine.verb | theirs.verb) & _TAKING)
        or any(introduced(sentence).get(stem) in {"from", "by"} for stem in theirs.subject)
    )


def _recipients_exchanged(sentence: Words, quote: Words) -> bool:
    """Whether something goes to somebody in each text who is somebody else's part in the other."""
    mine, theirs = _recipients(sentence), _recipients(quote)
    return (
        bool(mine and theirs and not mine & theirs)
        and mine <= mentioned(quote)
        and theirs <= mentioned(sentence)
    )


def _owners_exchanged(sentence: Words, quote: Words) -> bool:
    """Whether a thing is somebody's in each text who is somebody else's part in the other.

    As in "the guest pays the host's rent" for "the host pays the guest's rent".
    """
    mine, theirs = _owners(sentence), _owners(quote)
    return any(
        mine[thing] != theirs[thing]
        and mine[thing] in mentioned(quote)
        and theirs[thing] in mentioned(sentence)
        for thing in mine.keys() & theirs.keys()
    )


def _owners(text: Words) -> dict[str, str]:
    """Return the things that a text says whose they are, each with its owner: "the host's rent"."""
    return {
        following.stem: word.stem
        for word, following in pairwise(text.words)
        if word.lower.endswith("'s") and word.stem and following.stem
    }


def _done_to_its_doer(mine: Part, theirs: Part, sentence: Words, quote: Words) -> bool:
    """Whether something is done in the sentence to the one who does it in the quote.

    As in "you confirm it to the clerk" for "the clerk will write to confirm it": the same verb.
    """
    return (
        bool(mine.verb)
        and mine.verb <= mentioned(quote)
        and not mine.verb & _TAKING
        and theirs.subject <= _recipients(sentence)
        and not mine.subject & mentioned(quote)
    )


def _recipients(text: Words) -> set[str]:
    those = acting(text)
    own = [SPEAKERS.get(word.lower, word.stem) for word in text.words]
    return {
        own[after]
        for at, word in enumerate(text.words)
        if word.lower == "to" and (not at or text.words[at - 1].lower != "according")
        for after in range(at + 1, min(at + 4, len(own)))
        if own[after] in those
    }


def _after_subject(text: Words, part: Part) -> str:
    """Return the word behind a text's first subject."""
    last = max(
        (at for at, word in enumerate(text.words[:8]) if word.stem in part.subject), default=0
    )
    after = [word.lower for word in text.words[last + 1 : last + 3]]
    return "must" if after[1:] == ["to"] else "".join(after[:1])


def _taken_over(part: Part, theirs: list[Part], quote: Words, known: set[str]) -> bool:
    rest = part.stems - part.subject - part.by
    shared = [len(rest & other.stems) for other in theirs]
    most = max(shared, default=0)
    best = [at for at, count in enumerate(shared) if count == most]
    if not most or (most < _ENOUGH and not any(part.verb & theirs[at].stems for at in best)):
        return False
    return all(_another(part, theirs, at, quote, known) for at in best)


def _another(part: Part, theirs: list[Part], at: int, quote: Words, people: set[str]) -> bool:
    """Whether the part's actor, known to the quote, is another than that of the quote's part."""
    other = theirs[at]
    subjects = other.subject
    while theirs[at].inherits and at:
        at -= 1
        subjects |= theirs[at].subject
    if part.passive and not other.passive:
        actor, acting = part.by, subjects
    elif other.passive and not part.passive:
        if not other.by:
            return False
        actor, acting = part.subject, other.by
    elif part.by and other.by:
        actor, acting = part.by, other.by
    else:
        actor, acting = part.subject, subjects
    known = quote.terms.union(*(each.stems for each in theirs))
    if not actor:
        return False
    if not actor <= known or actor & acting or not acting & people:
        return False
    # "The officer gets it" and "they send it to the officer" say the same with other verbs.
    return bool(part.verb & other.stems) or not actor & introduced(quote).keys()


def _direction_turned(sentence: Words, quote: Words) -> bool:
    """Whether what goes to somebody in one text comes from them in the other, by the same one."""
    mine, theirs = introduced(sentence), introduced(quote)
    turned = any(
        {mine[stem], theirs[stem]} == {"from", "to"} for stem in mine.keys() & theirs.keys()
    )
    subjects = [
        next((p.subject for p in parts(text) if p.subject), None) for text in (sentence, quote)
    ]
    return turned and None not in subjects and bool((subjects[0] or set()) & (subjects[1] or set()))
