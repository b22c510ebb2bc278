"""Texts as words: what the rules look at, analysed once for each statement and sentence."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from info_assistant.answering.grounding.characters import folded
from info_assistant.answering.grounding.lexicon import FUNCTION_WORDS, IRREGULAR

Terms = Callable[[str], Sequence[str]]
"""Returns the stemmed terms of a text, without words that mean nothing by themselves."""

_WORD = re.compile(r"[^\W_]+(?:[.'\-/&][^\W_]+)*")
_PLURAL_ACRONYM = re.compile(r"([A-Z]{2,})s")
_CLAUSE_END = re.compile(r"[;:!?](?=\s|$)|\.(?=\s|$)|,(?=\s)|\s-\s|\n|[()|]|\s(?=because\s)")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: as written, in lower case, its stem ("" if it means nothing), place and clause."""

    text: str
    lower: str
    stem: str
    start: int
    clause: int


@dataclass(frozen=True, slots=True)
class Words:
    """A text with its words. `terms` are all stems, the parts of compounds too."""

    text: str
    lower: str
    words: tuple[Word, ...]
    terms: frozenset[str]

    @property
    def known(self) -> frozenset[str]:
        """The words in lower case."""
        return frozenset(word.lower for word in self.words)

    def near(self, at: int, after: int = 0, before: int = 0) -> frozenset[str]:
        """Return the stems of the meaningful words around word number `at`, in its clause."""
        found: list[str] = []
        clause = self.words[at].clause
        for step, most in ((1, after), (-1, before)):
            left, place = most, at + step
            while left and 0 <= place < len(self.words) and self.words[place].clause == clause:
                if self.words[place].stem:
                    found.append(self.words[place].stem)
                    left -= 1
                place += step
        return frozenset(found)

    def index_at(self, offset: int) -> int:
        """Return the number of the word that covers or follows a character offset."""
        low, high = 0, len(self.words)
        while low < high:
            middle = (low + high) // 2
            word = self.words[middle]
            if word.start + len(word.text) <= offset:
                low = middle + 1
            else:
                high = middle
        return min(low, len(self.words) - 1)


def split_words(text: str, terms: Terms) -> Words:
    """Return a text's words; offsets are those of the folded text."""
    plain = folded(text)
    ends = [end.start() for end in _CLAUSE_END.finditer(plain)]
    words, found_terms, clause = [], set[str](), 0
    for found in _WORD.finditer(plain):
        while clause < len(ends) and ends[clause] < found.start():
            clause += 1
        lower = found[0].lower()
        plural = _PLURAL_ACRONYM.fullmatch(found[0])
        stems = (
            ()
            if lower in FUNCTION_WORDS
            else terms(IRREGULAR.get(lower, plural[1].lower() if plural else lower))
        )
        found_terms.update(stems)
        stem = stems[-1] if stems else ""
        words.append(Word(found[0], lower, stem, found.start(), clause))
    return Words(plain, plain.lower(), tuple(words), frozenset(found_terms))
