"""Who does what: the actor before a verb must be the one that the quote names before it."""

import re
from collections.abc import Iterator

from info_assistant.answering.grounding.lexicon import (
    ACTORS,
    FUNCTION_WORDS,
    GENERIC_ACTORS,
    IMPERATIVES,
)
from info_assistant.answering.grounding.polarity import is_imperative
from info_assistant.answering.grounding.words import Words

_BE = frozenset(["be", "is", "are", "was", "were", "been", "being", "get", "gets", "got"])
_ACTOR_ENDING = re.compile(r"\w{3,}(?:[^aeiou]ers?|tors?|sors?|ees?|ists?|ants?|team|unit|board)\Z")
_NO_ACTOR = frozenset(
    [
        "number",
        "order",
        "other",
        "another",
        "under",
        "over",
        "after",
        "letter",
        "paper",
        "offer",
        "matter",
        "either",
        "neither",
        "whether",
        "answer",
        "center",
        "computer",
        "browser",
        "server",
        "quarter",
        "summer",
        "winter",
        "water",
        "power",
        "error",
        "vector",
        "fee",
        "fees",
        "factor",
        "color",
        "floor",
        "door",
        "major",
        "minor",
        "prior",
        "further",
        "later",
        "never",
        "ever",
        "however",
        "together",
        "per",
        "cover",
        "calendar",
        "rather",
        "consider",
        "remember",
        "december",
        "september",
        "october",
        "november",
        "newsletter",
        "folder",
        "register",
        "transfer",
        "identifier",
        "authenticator",
        "grant",
        "important",
        "relevant",
        "significant",
        "constant",
        "instant",
        "restaurant",
        "degree",
        "guarantee",
        "agree",
        "see",
        "need",
        "free",
        "three",
        "employee-owned",
        "header",
        "footer",
        "filter",
        "counter",
        "parameter",
        "character",
        "chapter",
        "voucher",
        "shelter",
        "disaster",
        "master",
        "better",
        "longer",
        "greater",
        "fewer",
        "lower",
        "higher",
        "wider",
        "larger",
        "smaller",
        "faster",
        "easier",
        "tender",
    ]
)
_OPEN = frozenset(
    [
        "we",
        "our",
        "you",
        "your",
        "they",
        "their",
        "he",
        "she",
        "it",
        "its",
        "this",
        "these",
        "those",
        "who",
        "there",
    ]
)
_PREPOSITIONS = frozenset(
    [
        "by",
        "to",
        "with",
        "for",
        "of",
        "from",
        "in",
        "on",
        "at",
        "as",
        "about",
        "against",
        "under",
        "between",
        "through",
        "into",
        "if",
        "when",
        "where",
        "without",
        "after",
        "before",
    ]
)
_FROM_THE_START = 4


def actors(text: Words) -> Iterator[int]:
    """Yield the numbers of the words that name somebody or something that acts."""
    for at, word in enumerate(text.words):
        lower = word.lower.removesuffix("'s")
        single = lower.removesuffix("s")
        if {lower, single} & (_NO_ACTOR | FUNCTION_WORDS):
            continue
        acronym = len(word.text) <= 5 and word.text[:2].isupper()  # noqa: PLR2004
        if lower in ACTORS or single in ACTORS or acronym or _ACTOR_ENDING.match(lower):
            yield at


def foreign_subject(sentence: Words, quote: Words, elsewhere: frozenset[str]) -> bool:
    """Whether a sentence is about an actor that its quote does not name.

    Names that mean anybody pass, and so does any name where the quote leaves open who acts.
    """
    at = _subject(sentence)
    if at is None or _named(sentence, at, quote):
        return False
    theirs = _subject(quote)
    if theirs is None and (_leaves_open(quote) or is_imperative(quote)):
        return False
    if sentence.words[at].stem in elsewhere:
        return True
    if theirs is None or quote.words[theirs].lower.removesuffix("s") in GENERIC_ACTORS:
        return False
    # Both have a subject of their own and say the same of it.
    said = {word.stem for word in sentence.words[at + 1 :] if word.stem}
    return len(said & quote.terms) >= len(said) / 2


def swapped_roles(sentence: Words, quote: Words) -> bool:
    """Whether a verb that both have follows another actor in the sentence than in the quote."""
    mine, theirs = _before_verbs(sentence), _before_verbs(quote)
    same = other = 0
    for verb, (actor, passive) in mine.items():
        if verb not in theirs or actor not in quote.terms | quote.known:
            continue
        if passive == theirs[verb][1]:
            same += theirs[verb][0] == actor
            other += theirs[verb][0] != actor
    return other > same


def unknown_opening(sentence: Words, quote: Words, elsewhere: frozenset[str]) -> bool:
    """Whether a sentence begins with something that its quote does not have at all."""
    for at, word in enumerate(sentence.words[:_FROM_THE_START]):
        if word.lower in _PREPOSITIONS or word.lower in _OPEN:
            return False
        if not word.stem or word.lower in FUNCTION_WORDS:
            continue
        if _named(sentence, at, quote) or word.lower in IMPERATIVES or word.lower.endswith("ing"):
            return False
        return at in set(actors(sentence)) or word.stem in elsewhere
    return False


def elsewhere_in_quote(sentence: Words, quote: Words) -> bool:
    """Whether the one by whom it is done stands in another clause of the quote than what is done.

    It matters only where the clause that speaks of the rest has an actor of its own.
    """
    named = {
        sentence.words[at].stem
        for at in actors(sentence)
        if "by" in {word.lower for word in sentence.words[max(0, at - 3) : at]}
    } & quote.terms
    rest = sentence.terms - named
    clauses: dict[int, set[str]] = {}
    for word in quote.words:
        clauses.setdefault(word.clause, set()).add(word.stem)
    if not named or len(clauses) == 1:
        return False
    main = max(clauses, key=lambda clause: len(clauses[clause] & rest))
    own = {quote.words[at].stem for at in actors(quote) if quote.words[at].clause == main}
    shared = len(clauses[main] & rest)
    return shared > 1 and bool(own - named) and not named & clauses[main]


def _subject(text: Words) -> int | None:
    """Return the actor near the beginning that no preposition introduces."""
    for at in actors(text):
        before = [word for word in text.words[:at] if word.lower not in FUNCTION_WORDS]
        words = {word.lower for word in text.words[max(0, at - 3) : at]}
        if len(before) >= _FROM_THE_START or words & _PREPOSITIONS:
            return None
        if any(word.lower in _OPEN for word in text.words[:at]):
            return None
        return at
    return None


def _named(sentence: Words, at: int, quote: Words) -> bool:
    word = sentence.words[at]
    single = word.lower.removesuffix("'s").removesuffix("s")
    initials = "".join(each.lower[0] for each in quote.words)
    return (
        word.stem in quote.terms
        or word.lower in quote.known
        or single in quote.known
        or f"{single}s" in quote.known
        or (single in GENERIC_ACTORS and _anybody(quote))
        or (word.text[:2].isupper() and single in initials)
        or bool({each.stem for each in sentence.words[max(0, at - 2) : at]} & quote.terms - {""})
    )


def _anybody(text: Words) -> bool:
    """Whether a text speaks of people in general, of "you", or to its reader."""
    lower = {word.lower.removesuffix("s") for word in text.words}
    return bool(lower & GENERIC_ACTORS) or _leaves_open(text) or is_imperative(text)


def _leaves_open(text: Words) -> bool:
    """Whether a text says with a pronoun who acts."""
    return any(word.lower in _OPEN for word in text.words)


def _before_verbs(text: Words) -> dict[str, tuple[str, bool]]:
    """Return, for each meaningful word, the nearest actor before it and whether it is passive."""
    found: dict[str, tuple[str, bool]] = {}
    acting = set(actors(text))
    actor, clause = "", -1
    for at, word in enumerate(text.words):
        if word.clause != clause:
            actor, clause = "", word.clause
        introduced = any(each.lower in _PREPOSITIONS for each in text.words[max(0, at - 2) : at])
        if at in acting and not introduced:
            actor = word.stem or word.lower
        elif word.lower in {"we", "you"} and not introduced:
            actor = word.lower
        elif word.stem and actor and at not in acting:
            recent = {each.lower for each in text.words[max(0, at - 3) : at]}
            found.setdefault(word.stem, (actor, bool(recent & _BE)))
    return found
