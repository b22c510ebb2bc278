"""Saved questions: what others with the same access asked, for one whose question has no answer.

They are offered as links and never taken for the question itself: however alike two questions are,
the answer to one is not the answer to the other.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from info_assistant.answering.answer_key import AnswerKeys
from info_assistant.answering.personal_data import personal_data_in
from info_assistant.errors import EmbedderUnavailable, RedisUnavailable
from info_assistant.model.known_answer import SavedQuestion
from info_assistant.model.question import Question
from info_assistant.model.vectors import Floats
from info_assistant.ports import AnswerCache, Embedder

MOST_OFFERED = 5
"""Questions that are offered at most."""

LEAST_ALIKE = 0.3
"""The cosine below which a question is too far from what was asked to be offered."""

_PATIENCE_S = 1.0
_LITTLE_ENDIAN = np.dtype("<f2")


class SavedQuestions:
    """Questions with known answers, of everybody with the same access."""

    def __init__(self, cache: AnswerCache, keys: AnswerKeys, embedder: Embedder) -> None:
        """Keep them in `cache`, and compare them by `embedder`."""
        self._cache = cache
        self._keys = keys
        self._embedder = embedder

    async def remember(self, question: Question, key: str, vector: Floats) -> None:
        """Remember a question whose answer is kept under `key`. Raises nothing.

        Not those that lean on a conversation or on a choice of documents, and none that hold
        personal data: others will read them.
        """
        bound = question.history or question.conversation_id or question.filters.document_ids
        if bound or personal_data_in(question.text):
            return
        saved = SavedQuestion(key, question.text, vector.astype(_LITTLE_ENDIAN).tobytes())
        with suppress(RedisUnavailable, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._cache.save_question(self._keys.of_scope(question.caller.scope), saved)

    async def nearest(self, question: Question) -> Sequence[SavedQuestion]:
        """Return questions that resemble one, the most alike first. Raises nothing."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                scope = self._keys.of_scope(question.caller.scope)
                saved = await self._cache.saved_questions(scope)
                if not saved:
                    return ()
                asked = (await self._embedder.embed_question(question.text)).dense
        except (RedisUnavailable, EmbedderUnavailable, TimeoutError):
            return ()
        vectors = [np.frombuffer(each.vector, _LITTLE_ENDIAN) for each in saved]
        fitting = [n for n, vector in enumerate(vectors) if vector.shape == asked.shape]
        alike = {n: float(vectors[n].astype(np.float32) @ asked) for n in fitting}
        near = [n for n in fitting if alike[n] >= LEAST_ALIKE]
        return [saved[n] for n in sorted(near, key=alike.__getitem__, reverse=True)]
