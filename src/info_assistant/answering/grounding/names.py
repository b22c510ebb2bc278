"""Proper names: capitalised words and acronyms that a sentence may not bring in from elsewhere."""

import re
from collections.abc import Iterator

from info_assistant.answering.grounding.lexicon import (
    ACTORS,
    COMMON_ENDINGS,
    COMMON_OPENINGS,
    FUNCTION_WORDS,
    GENERIC_ACTORS,
    PLURAL_VERBS,
)
from info_assistant.answering.grounding.words import Terms, Word, Words

_OPENS = re.compile(r"(?:\A|[.!?:;]\s|[\"'(\[]|\s-\s|\n)[\s\"'(\[*•-]*\Z")
_CLIPPED = 3
"""Words are clipped to this many letters: "app", "rep", "doc"."""
_ROMAN = re.compile(r"[IVX]+\Z")


def names(sentence: Words) -> Iterator[Word]:
    """Yield the words of a sentence that are written as names, those that may be one included."""
    for at, word in enumerate(sentence.words):
        if not word.text[0].isupper() or _ROMAN.match(word.text):
            continue
        capitals = sum(c.isupper() for c in word.text)
        if not _OPENS.search(sentence.text[: word.start][-8:]) or (
            capitals > 1 and not word.text.istitle()
        ):
            if word.lower not in FUNCTION_WORDS:
                yield word
        elif _opening_name(sentence, at):
            yield word


def _opening_name(sentence: Words, at: int) -> bool:
    """Whether the capitalised first word is more than the beginning of a sentence."""
    word = sentence.words[at]
    lower = word.lower.removesuffix("'s")
    if lower in FUNCTION_WORDS or lower in COMMON_OPENINGS or lower.endswith(COMMON_ENDINGS):
        return False
    if {lower, lower.removesuffix("s")} & (ACTORS | GENERIC_ACTORS | COMMON_OPENINGS):
        return False
    following = sentence.words[at + 1] if at + 1 < len(sentence.words) else None
    plural = lower.endswith("s") and not lower.endswith(("ss", "'s"))
    listed = following is not None and following.clause != word.clause
    return not (plural and following is not None and (listed or following.lower in PLURAL_VERBS))


class KnownNames:
    """The words that a quote and its context offer as names, acronyms and their long forms too."""

    def __init__(self, text: Words, terms: Terms) -> None:
        """Take the words of the quote and of what stands around it."""
        self._terms = terms
        self._words = text.known | text.terms
        for word in text.words:
            if not word.text.isalpha():
                parts = re.findall(r"[^\W_]+", word.lower)
                self._words |= {*parts, "".join(parts)}
        self._initials = "".join(
            part[0] for word in text.words for part in re.findall(r"[^\W_]+", word.lower)
        )
        self._acronyms = frozenset(
            word.text.removesuffix("s").lower() for word in text.words if _is_acronym(word.text)
        )

    def has(self, word: Word, sentence: Words) -> bool:
        """Whether the name is there, as it is, as an acronym of words or as their long form."""
        parts = [part for part in re.findall(r"[^\W_]+", word.lower) if part != "s"]
        if all(self._has_part(part) for part in parts) or "".join(parts) in self._words:
            return True
        if _is_acronym(word.text):
            short = word.lower.removesuffix("s") if word.text.endswith("s") else word.lower
            return len(short) > 1 and short in self._initials
        return any(acronym in _initials_around(sentence, word) for acronym in self._acronyms)

    def _has_part(self, part: str) -> bool:
        single = part.removesuffix("s")
        return (
            part in self._words
            or (single != part and single in self._words)
            or f"{part}s" in self._words
            or any(word.startswith(part) for word in self._words if len(part) == _CLIPPED)
            or part in FUNCTION_WORDS
            or part.isdigit()
            or bool(self._words.intersection(self._terms(part)))
        )


def _is_acronym(text: str) -> bool:
    return sum(c.isupper() for c in text) > 1 and len(text) <= 7  # noqa: PLR2004


def _initials_around(sentence: Words, word: Word) -> str:
    """Return the initials of the words around one, for acronyms that the quote writes short."""
    at = sentence.words.index(word)
    return "".join(
        part[0]
        for near in sentence.words[max(0, at - 4) : at + 5]
        for part in re.findall(r"[^\W_]+", near.lower)
    )
