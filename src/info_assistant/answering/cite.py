"""Cite: let a sentence out only with a quote that its passage really contains.

For quoted answers the check is exact: the sentence is the quote, character by character. What
cannot be shown this way is held back.
"""

from info_assistant.model.answer import AnswerSentence, Citation, Support
from info_assistant.model.passage import Passage
from info_assistant.ports import DraftSentence

MAX_QUOTE_CHARACTERS = 400


def cite(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Return citation number `n` for the stretch [start, end) of a passage's text."""
    quote = passage.text[start:end]
    return Citation(n, passage, quote, passage.start + start, passage.start + end)


def check(draft: DraftSentence, n: int) -> tuple[AnswerSentence, Citation] | None:
    """Return the sentence with citation `n` if its quote carries it word for word, else None."""
    if not 0 <= draft.start < draft.end <= len(draft.passage.text):
        return None
    citation = cite(n, draft.passage, draft.start, draft.end)
    if len(citation.quote) > MAX_QUOTE_CHARACTERS or draft.text != citation.quote:
        return None
    return AnswerSentence(draft.text, (n,), Support.SUPPORTED), citation
