"""Who does what to whom: the parts of a text with their subjects, voice and by whom it is done.

There is no parser here. A part is what stands between punctuation marks and joining words; its
subject are the meaningful words before its first auxiliary or preposition. That is enough to see
that two that both texts name have changed places.
"""

# ruff: noqa: SIM905 - tables of words read best as text.

import re
from collections.abc import Iterator
from dataclasses import dataclass

from info_assistant.answering.grounding.lexicon import IMPERATIVES
from info_assistant.answering.grounding.subjects import actors
from info_assistant.answering.grounding.words import Word, Words

BE = frozenset("be is are was were been being get gets got".split())
_AUXILIARIES = BE | frozenset(
    "must may can shall should will would could might cannot has have had do does did need needs "
    "ought not never".split()
)
PREPOSITIONS = frozenset(
    "by to with for of from in on at as about against under between through into without after "
    "before within during until since over than per".split()
)
_SUBORDINATING = frozenset(
    "if when where unless because although though while since once whoever whenever "
    "whatever".split()
)
_PRONOUNS = frozenset(
    "we you they he she it this these those there who which that i one nobody nothing anyone "
    "everyone somebody someone whoever what".split()
)
_SPEAKERS = {"we": "we", "us": "we", "you": "you"}
_JOINING = frozenset("and but or while whereas if when where unless because".split())
_DETERMINERS = frozenset("the a an each every any no all its their our your his her".split())
_IRREGULAR = frozenset(
    "sent held kept paid made done taken given told sold lent met found left put set cut read "
    "built bought taught brought seen known shown drawn written chosen borne".split()
)
_PARTICIPLE = re.compile(r"\w{2,}(?:ed|en)\Z")
_TAKING = frozenset(
    "get receiv obtain need requir hear learn depend benefit ask request borrow rent buy inherit "
    "belong".split()
)
"""Verbs of those to whom something is done: "they get it" is "somebody gives it to them"."""
_HAVING = frozenset(["have", "has", "had", "with"])
_MOST_IN_SUBJECT = 3
_ENOUGH = 2
_VERB_WITHIN = 1


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text with its subject and what follows.

    `passive` says that something is done to the subject, `by` by whom, `stative` that the part
    tells how something is. `inherits` says that it may go on about the subject of the part
    before it; `verb` has the first meaningful word after the subject.
    """

    stems: frozenset[str]
    subject: frozenset[str]
    passive: bool
    stative: bool
    by: frozenset[str]
    inherits: bool
    verb: frozenset[str] = frozenset()


def changed_places(sentence: Words, quote: Words) -> bool:
    """Whether somebody in the sentence does what somebody else of the quote does there."""
    acting, named = _acting(sentence), _acting(quote)
    theirs = list(_parts(quote))
    return _direction_turned(sentence, quote) or any(
        _taken_over(part, theirs, quote, named)
        for part in _parts(sentence)
        if not part.stative and acting & (part.by if part.passive and part.by else part.subject)
    )


def exchanged(sentence: Words, quote: Words, *, copied: bool) -> bool:
    """Whether the doer of each text is somebody else in the other, to whom it is done.

    As in "the RP tells the IdP" for "the IdP discloses it to the RP", in whatever words. Where
    most words are copied, things count as doers too.
    """
    if copied and _recipients_exchanged(sentence, quote):
        return True
    mine, theirs = next(_parts(sentence), None), _doer(quote)
    if mine is None or theirs is None or not mine.subject or mine.subject & theirs.subject:
        return False
    if any(part.passive or part.stative for part in (mine, theirs)):
        return False
    if _told_from_the_other_side(mine, theirs, sentence, quote):
        return False
    if not copied and not (mine.subject & _acting(sentence) and theirs.subject & _acting(quote)):
        return False
    return theirs.subject <= _mentioned(sentence) - mine.subject and mine.subject <= (
        _mentioned(quote) - theirs.subject
    )


def _told_from_the_other_side(mine: Part, theirs: Part, sentence: Words, quote: Words) -> bool:
    """Whether a verb or preposition says that one gets what the other gives."""
    return (
        ("you" not in theirs.subject and any(mine.subject & part.subject for part in _parts(quote)))
        or _after_subject(sentence, mine) in _HAVING | PREPOSITIONS
        or ("you" not in theirs.subject and _after_subject(quote, theirs) in _HAVING)
        or bool((mine.verb | theirs.verb) & _TAKING)
        or any(_introduced(sentence).get(stem) in {"from", "by"} for stem in theirs.subject)
    )


def _recipients_exchanged(sentence: Words, quote: Words) -> bool:
    """Whether something goes to somebody in each text who is somebody else's part in the other."""
    mine, theirs = _recipients(sentence), _recipients(quote)
    return (
        bool(mine and theirs and not mine & theirs)
        and mine <= _mentioned(quote)
        and theirs <= _mentioned(sentence)
    )


def _recipients(text: Words) -> set[str]:
    acting = _acting(text)
    own = [_SPEAKERS.get(word.lower, word.stem) for word in text.words]
    return {
        own[after]
        for at, word in enumerate(text.words)
        if word.lower == "to"
        for after in range(at + 1, min(at + 4, len(own)))
        if own[after] in acting
    }


def _after_subject(text: Words, part: Part) -> str:
    """Return the word behind a text's first subject."""
    last = max(
        (at for at, word in enumerate(text.words[:8]) if word.stem in part.subject), default=0
    )
    after = [word.lower for word in text.words[last + 1 : last + 3]]
    return "must" if after[1:] == ["to"] else "".join(after[:1])


def _acting(text: Words) -> set[str]:
    return {text.words[at].stem for at in actors(text)} | set(_SPEAKERS.values())


def _doer(text: Words) -> Part | None:
    """Return the first part with a subject; the reader does what an order says."""
    first = next((part for part in _parts(text) if part.subject), None)
    opens = text.words[0].lower if text.words else ""
    if opens in IMPERATIVES:
        return Part(frozenset(), frozenset(["you"]), False, False, frozenset(), False)
    return first


def _mentioned(text: Words) -> frozenset[str]:
    return frozenset(_SPEAKERS.get(word.lower, word.stem) for word in text.words) - {""}


def begins_passive(text: Words) -> bool:
    """Whether something is done to what a text begins with."""
    return next((part.passive for part in _parts(text) if part.subject), False)


def _taken_over(part: Part, theirs: list[Part], quote: Words, named: set[str]) -> bool:
    rest = part.stems - part.subject - part.by
    shared = [len(rest & other.stems) for other in theirs]
    most = max(shared, default=0)
    best = [at for at, count in enumerate(shared) if count == most]
    if not most or (most < _ENOUGH and not any(part.verb & theirs[at].stems for at in best)):
        return False
    return all(_another(part, theirs, at, quote, named) for at in best)


def _another(part: Part, theirs: list[Part], at: int, quote: Words, named: set[str]) -> bool:
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
    if not actor <= known or actor & acting or not acting & named:
        return False
    # "The officer gets it" and "they send it to the officer" say the same with other verbs.
    return bool(part.verb & other.stems) or not actor & _introduced(quote).keys()


def _direction_turned(sentence: Words, quote: Words) -> bool:
    """Whether what goes to somebody in one text comes from them in the other, by the same one."""
    mine, theirs = _introduced(sentence), _introduced(quote)
    turned = any(
        {mine[stem], theirs[stem]} == {"from", "to"} for stem in mine.keys() & theirs.keys()
    )
    subjects = [
        next((p.subject for p in _parts(text) if p.subject), None) for text in (sentence, quote)
    ]
    return turned and None not in subjects and bool((subjects[0] or set()) & (subjects[1] or set()))


def _introduced(text: Words) -> dict[str, str]:
    """Return the meaningful words that stand right behind a preposition, with it."""
    found: dict[str, str] = {}
    for at, word in enumerate(text.words):
        if word.lower not in PREPOSITIONS:
            continue
        for each in text.words[at + 1 : at + 5]:
            if each.lower in PREPOSITIONS | _AUXILIARIES | _JOINING:
                break
            if each.stem:
                found.setdefault(each.stem, word.lower)
    return found


def _parts(text: Words) -> Iterator[Part]:
    part: list[Word] = []
    joined = False
    acting = {id(text.words[at]) for at in actors(text)}
    for word in text.words:
        if part and (word.clause != part[-1].clause or word.lower in _JOINING):
            yield _part(part, acting, joined=joined)
            part, joined = [], True
        if word.lower not in _JOINING:
            part.append(word)
    if part:
        yield _part(part, acting, joined=joined)


def _part(words: list[Word], acting: set[int], *, joined: bool) -> Part:
    lower = [word.lower for word in words]
    passive = any(
        word in BE
        and any(each in _IRREGULAR or _PARTICIPLE.match(each) for each in lower[at + 1 : at + 4])
        for at, word in enumerate(lower)
    )
    by = frozenset[str]()
    if "by" in lower:
        at = len(lower) - 1 - lower[::-1].index("by")
        by = _run(words[at + 1 :], acting)
    if lower[0] in _SPEAKERS:
        subject = frozenset([_SPEAKERS[lower[0]]])
    elif lower[0] in _SUBORDINATING | {"that"}:
        subject = _run(words[1:], acting)
    elif lower[0] in PREPOSITIONS | _PRONOUNS:
        subject = frozenset()
    else:
        subject = _run(words, acting)
    own = [_SPEAKERS.get(word.lower, word.stem) for word in words]
    told = [stem for stem in own if stem and not stem[0].isdigit()]
    after = next((at for at, stem in enumerate(told) if stem not in subject), len(told))
    return Part(
        frozenset(told),
        subject,
        passive,
        not passive and next((word in BE for word in lower if word in _AUXILIARIES), False),
        by,
        joined and lower[0] not in _DETERMINERS | _SPEAKERS.keys() | _SUBORDINATING,
        frozenset(told[after : after + _VERB_WITHIN]),
    )


def _run(words: list[Word], acting: set[int]) -> frozenset[str]:
    """Return the meaningful words up to the first that ends a noun phrase, or its last actor."""
    stops = PREPOSITIONS | _AUXILIARIES | _PRONOUNS
    found: list[str] = []
    last = stopped = 0
    for word in words:
        if word.lower in stops or len(found) == _MOST_IN_SUBJECT or word.text[0].isdigit():
            stopped = word.lower in stops
            break
        if word.stem:
            found.append(word.stem)
            last = len(found) if id(word) in acting else last
    if last:
        return frozenset(found[:last])
    # Without an auxiliary the verb was read too: the first two words are safer.
    return frozenset(found if stopped else found[:2])
