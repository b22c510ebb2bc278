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
_ASKING = frozenset(["how", "what", "whether", "why", "when", "where", "who", "whoever"])
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


def foreign_subject(
    sentence: Words, quote: Words, elsewhere: frozenset[str], *, passive: bool
) -> bool:
    """Whether a sentence is about an actor that its quote does not name.

    If something is done to it (`passive`), another statement must name it. Names that
    mean anybody pass, and so does any name where the quote leaves open who acts.
    """
    at = _subject(sentence)
    if at is None or _named(sentence, at, quote):
        return False
    theirs = _subject(quote)
    if theirs is None and (_leaves_open(quote) or is_imperative(quote)):
        return False
    if sentence.words[at].stem in elsewhere:
        return True
    if passive or theirs is None or quote.words[theirs].lower.removesuffix("s") in GENERIC_ACTORS:
        return False
    # Both have a subject of their own and say the same of it.
    said = {word.stem for word in sentence.words[at + 1 :] if word.stem}
    return len(said & quote.terms) >= len(said) / 2


def unknown_opening(sentence: Words, quote: Words, elsewhere: frozenset[str]) -> bool:
    """Whether a sentence begins with something that its quote does not have at all.

    It is something that acts, or something that another statement speaks of.
    """
    if sentence.words and sentence.words[0].lower in _ASKING:
        return False
    for at, word in enumerate(sentence.words[:_FROM_THE_START]):
        if word.lower in _PREPOSITIONS or word.lower in _OPEN:
            return False
        if not word.stem or word.lower in FUNCTION_WORDS:
            continue
        if _named(sentence, at, quote) or word.lower in IMPERATIVES or word.lower.endswith("ing"):
            return False
        return at in set(actors(sentence)) or word.stem in elsewhere
    return False


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
