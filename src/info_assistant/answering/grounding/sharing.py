"""How much of a sentence is in its quote: what decides how closely the two are compared."""

from info_assistant.answering.grounding.statements import Facts, Quote

ABOUT_THE_SAME = 0.5
"""With this share of its words in the quote, it is looked at who does what in a sentence."""

NEAR_COPY = 0.65
"""With this share of its words in the quote, a sentence is compared with it word by word."""


def about_the_same(sentence: Facts, quote: Quote) -> bool:
    """Whether half of a sentence's words are in its quote."""
    return _shared(sentence, quote) >= ABOUT_THE_SAME


def near_copy(sentence: Facts, quote: Quote) -> bool:
    """Whether most of a sentence's words are in its quote."""
    return _shared(sentence, quote) >= NEAR_COPY


def repeats(terms: frozenset[str], quoted: frozenset[str]) -> bool:
    """Whether most of the smaller of two sets of terms is in the other."""
    return len(terms & quoted) >= NEAR_COPY * min(len(terms), max(len(quoted), 1))


def _shared(sentence: Facts, quote: Quote) -> float:
    terms = sentence.words.terms
    return len(terms & quote.words.terms) / len(terms) if terms else 1.0
