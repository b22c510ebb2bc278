"""Choosing golden questions out of an installation's own documents."""

import random
import re
from collections.abc import Sequence

from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.model.identity import AccessScope
from info_assistant.model.question import Filters
from info_assistant.stores.backup.golden import GoldenQuestion
from info_assistant.wiring.foundation import Foundation

QUESTIONS = 12
"""How many are chosen for a backup."""

DEPTH = 10
"""Among so many passages the document must be."""

_TRIES = 4
_LONGEST, _SHORTEST = 200, 20
_SENTENCE = re.compile(r"[.!?]\s|\n")


async def chosen_questions(base: Foundation) -> Sequence[GoldenQuestion]:
    """Return sentences of documents that are found by them now, of every tenant if there is room.

    Raises VectorStoreUnavailable, EmbedderUnavailable.
    """
    ready = [
        each
        async for each in base.qdrant.board.every()
        if each.state is DocumentState.READY and each.document.findable_by and each.passages
    ]
    found: list[GoldenQuestion] = []
    for status in _mixed(ready):
        question = await _question_of(base, status)
        if question is not None and await finds(base, question):
            found.append(question)
        if len(found) == QUESTIONS:
            break
    return found


async def finds(base: Foundation, asked: GoldenQuestion) -> bool:
    """Whether the document is among what is found for its question."""
    vectors = await base.embedder.embed_question(asked.question)
    scope = AccessScope(asked.tenant, frozenset(asked.groups))
    passages = await base.qdrant.passages.search(scope, vectors, Filters(), DEPTH)
    return asked.document_id in {each.passage.document_id for each in passages}


def _mixed(ready: Sequence[DocumentStatus]) -> Sequence[DocumentStatus]:
    """Return some documents, those of all tenants taking turns."""
    by_tenant: dict[str, list[DocumentStatus]] = {}
    for each in random.sample(ready, len(ready)):
        by_tenant.setdefault(each.document.tenant, []).append(each)
    turns = [(turn, each) for group in by_tenant.values() for turn, each in enumerate(group)]
    turns.sort(key=lambda pair: pair[0])
    return [each for _, each in turns[: QUESTIONS * _TRIES]]


async def _question_of(base: Foundation, status: DocumentStatus) -> GoldenQuestion | None:
    document = status.document
    first = random.randrange(status.passages)  # noqa: S311  Any will do.
    for passage in await base.qdrant.passages.some(document, first=first, limit=1):
        sentences = [each.strip() for each in _SENTENCE.split(passage.text)]
        longest = max(sentences, key=len, default="")[:_LONGEST]
        if len(longest) >= _SHORTEST:
            return GoldenQuestion(document.tenant, document.findable_by, longest, document.id)
    return None
