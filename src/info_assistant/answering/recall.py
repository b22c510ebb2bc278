"""Recall: look for an answer given before, under a key that only the same access can form."""

import hashlib
import json
from collections.abc import Iterator

from info_assistant.errors import CacheOnlyMiss
from info_assistant.model.answer import Answer
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    SentenceReleased,
    SourcesFound,
)
from info_assistant.model.question import Question


def cache_key(question: Question, *, retrieval_version: str, composed_by: str = "") -> str:
    """Return the key of a question's answer.

    Tenant, access groups and filters are part of it, so one caller's answer is never another's;
    so are earlier turns. `composed_by` names prompt and model.
    """
    scope = question.caller.scope
    parts = [
        scope.tenant,
        sorted(scope.groups),
        question.text.casefold(),
        sorted(question.filters.document_ids),
        [(turn.role, turn.text) for turn in question.history],
        retrieval_version,
        composed_by,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def unknown_answer() -> CacheOnlyMiss:
    """Return the error for a question without a known answer, while only those are given."""
    return CacheOnlyMiss(
        "At the moment only answers that were given before are available, and this question has "
        "none. Please ask again later, or look into the documents themselves."
    )


def events_of(answer: Answer) -> Iterator[AnswerEvent]:
    """Yield the events of an answer that is known already."""
    yield SourcesFound((*answer.citations, *answer.see_also))
    numbered = {citation.n: citation for citation in answer.citations}
    for sentence in answer.sentences:
        evidence = tuple(numbered[n] for n in sentence.citations)
        yield SentenceReleased(sentence, evidence)
        for citation in evidence:
            yield CitationReleased(citation)
    yield AnswerFinished(answer)
