"""Language: whether a question is in another language than the search knows best.

It speaks up only when it is sure; a question of few words may pass for English.
"""

from functools import lru_cache

from info_assistant.model.language import SCRIPTS, frequent_words, leading, script_of

FEWEST_MARKS = 2
"""Frequent words of a language that must be there, and more than of English."""

_ENGLISH = "English"


@lru_cache(maxsize=1024)
def other_language(question: str) -> str | None:
    """Return the name of a question's language if it is surely not English, else None."""
    script = script_of(question)
    return SCRIPTS[script] if script is not None else _by_words(question)


def _by_words(question: str) -> str | None:
    marks = frequent_words(question)
    if max(marks.values(), default=0) < FEWEST_MARKS:
        return None
    english = marks.pop(_ENGLISH, 0)
    best, most, next_most = leading(marks)
    if most < FEWEST_MARKS or most <= english:
        return None
    return best if most > next_most else "another language than English"
