"""BM25 term weights as sparse vectors, computed here so that every Qdrant ranks alike.

A passage's weight for a term is the saturated term frequency of BM25 (Robertson and Zaragoza, The
Probabilistic Relevance Framework, 2009) and a question's is its count; the store multiplies by the
inverse document frequency (`Modifier.IDF`). The average length is a constant, because
passages are cut to one size and weights written earlier must stay true as the library grows.
"""

import re
import zlib
from collections import Counter

import Stemmer

from info_assistant.model.passage import SparseVector

K1 = 1.2
B = 0.75
AVERAGE_TERMS = 75
"""Terms in a passage of typical length, its heading path included, stop words left out."""

_WORD = re.compile(r"[^\W_]+(?:[.'\-/][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"n't\b|'(?:s|t|ll|re|ve|d|m)\b")
STOP_WORDS = frozenset(
    """
    a about after all also am an and any are arent as at be because been before being but by ca
    can cant could couldnt did didnt do does doesnt doing dont for from had hadnt has hasnt have
    havent having he her here hers him his how i id if im in into is isnt it its ive just me more
    most my no nor of off on once only or other our ours out over own same she should shouldnt so
    some such than that the their theirs them then there theres these they this those to too under
    until up very was wasnt we were werent what whats when where which while who whom why will
    with wo wont would wouldnt you your yours
    """.split()  # noqa: SIM905 - A table of words reads best as text.
)


class TermVectors:
    """Turns text into stemmed terms and sparse vectors. Not safe to share between threads."""

    def __init__(self) -> None:
        """Load the English stemmer."""
        self._stemmer = Stemmer.Stemmer("english")

    def terms(self, text: str) -> list[str]:
        """Return the stemmed terms of a text in order; compounds count whole and in parts."""
        lowered = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        words = [
            word
            for match in _WORD.finditer(_ENDING.sub("", lowered))
            for word in _forms(match.group())
        ]
        return list(self._stemmer.stemWords(words))

    def passage(self, text: str) -> SparseVector:
        """Return a passage's saturated term frequencies."""
        counts = Counter(map(_term_id, self.terms(text)))
        total = sum(counts.values())
        norm = K1 * (1 - B + B * total / AVERAGE_TERMS)
        return _vector({term: n * (K1 + 1) / (n + norm) for term, n in counts.items()})

    def question(self, text: str) -> SparseVector:
        """Return a question's term counts."""
        return _vector(
            {term: float(n) for term, n in Counter(map(_term_id, self.terms(text))).items()}
        )


def _forms(word: str) -> list[str]:
    """Return a word's parts that mean something and, for a compound, the whole."""
    parts = _PART.findall(word)
    forms = [part for part in parts if part not in STOP_WORDS]
    return [*forms, "".join(parts)] if len(forms) == len(parts) > 1 else forms


def _term_id(term: str) -> int:
    """Return the same 32-bit id for a term on every machine."""
    return zlib.crc32(term.encode())


def _vector(weights: dict[int, float]) -> SparseVector:
    ordered = sorted(weights.items())
    return SparseVector(tuple(term for term, _ in ordered), tuple(weight for _, weight in ordered))
