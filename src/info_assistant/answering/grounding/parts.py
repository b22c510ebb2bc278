"""The parts of a text with their subjects, voice and by whom something is done in them.

There is no parser here. A part is what stands between punctuation marks and joining words; its
subject are the meaningful words before its first auxiliary or preposition.
"""

# ruff: noqa: SIM905 - tables of words read best as text.

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

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
SPEAKERS = {"we": "we", "us": "we", "you": "you"}
_JOINING = frozenset("and but or while whereas if when where unless because".split())
_DETERMINERS = frozenset("the a an each every any no all its their our your his her".split())
_IRREGULAR = frozenset(
    "sent held kept paid made done taken given told sold lent met found left put set cut read "
    "built bought taught brought seen known shown drawn written chosen borne".split()
)
_PARTICIPLE = re.compile(r"\w{2,}(?:ed|en)\Z")
_MOST_IN_SUBJECT = 3
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


def begins_passive(text: Words) -> bool:
    """Whether something is done to what a text begins with."""
    return next((part.passive for part in parts(text) if part.subject), False)


def parts(text: Words) -> Iterator[Part]:
    """Yield the parts of a text, in order."""
    part: list[Word] = []
    joined = False
    those = {id(text.words[at]) for at in actors(text)}
    for word in text.words:
        if part and (word.clause != part[-1].clause or word.lower in _JOINING):
            yield _part(part, those, joined=joined)
            part, joined = [], True
        if word.lower not in _JOINING:
            part.append(word)
    if part:
        yield _part(part, those, joined=joined)


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
    if lower[0] in SPEAKERS:
        subject = frozenset([SPEAKERS[lower[0]]])
    elif lower[0] in _SUBORDINATING | {"that"}:
        subject = _run(words[1:], acting)
    elif lower[0] in PREPOSITIONS | _PRONOUNS:
        subject = frozenset()
    else:
        subject = _run(words, acting)
    own = [SPEAKERS.get(word.lower, word.stem) for word in words]
    told = [stem for stem in own if stem and not stem[0].isdigit()]
    after = next((at for at, stem in enumerate(told) if stem not in subject), len(told))
    return Part(
        frozenset(told),
        subject,
        passive,
        not passive and next((word in BE for word in lower if word in _AUXILIARIES), False),
        by,
        joined and lower[0] not in _DETERMINERS | SPEAKERS.keys() | _SUBORDINATING,
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


def doer(text: Words, other: Words) -> Part | None:
    """Return the first part with a subject; the reader does what an order says.

    A subject is named by the acronym in brackets behind it where the other text has this one.
    """
    found = list(parts(text))
    at = next((at for at, part in enumerate(found) if part.subject), None)
    first = None if at is None else found[at]
    short = re.search(r"\(([A-Z]{2,6})\)", text.text)
    if first is not None and short is not None and short[1].lower() in other.known:
        acronym = frozenset([short[1].lower()])
        behind = any(part.subject == acronym for part in found[at or 0 : (at or 0) + 2])
        first = replace(first, subject=acronym) if behind else first
    opens = text.words[0].lower if text.words else ""
    if opens in IMPERATIVES:
        return Part(frozenset(), frozenset(["you"]), False, False, frozenset(), False)
    return first


def introduced(text: Words) -> dict[str, str]:
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


def mentioned(text: Words) -> frozenset[str]:
    """Return the stems of a text's words, and who speaks and is spoken to."""
    return frozenset(SPEAKERS.get(word.lower, word.stem) for word in text.words) - {""}


def named(text: Words) -> set[str]:
    """Return the stems of the words that name somebody who acts."""
    return {text.words[at].stem for at in actors(text)}


def acting(text: Words) -> set[str]:
    """Return the stems of all who may act: those who are named, "we" and "you"."""
    return named(text) | set(SPEAKERS.values())
