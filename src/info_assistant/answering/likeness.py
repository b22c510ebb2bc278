"""Likeness: how alike a written sentence and the statements of its passages are.

The same measure that ranks passages for a question (MaxSim over word pieces), with the sentence in
the question's place. Further evidence for the check, where a sentence says in other words what its
quote says.
"""

from collections.abc import Sequence

from info_assistant.answering.rank import likeness
from info_assistant.ports import Embedder, Likeness, RankedPassage, WrittenSentence


class SentenceLikeness:
    """Compares sentences with the passages that they name."""

    def __init__(self, embedder: Embedder) -> None:
        """Embed sentences with `embedder`, the one that the passages were embedded with."""
        self._embedder = embedder

    async def of(self, sentence: WrittenSentence, ranked: Sequence[RankedPassage]) -> Likeness:
        """Return the scores of the statements of each passage named.

        Raises EmbedderUnavailable.
        """
        named = {passage.id for passage in sentence.passages}
        held = [each.candidate for each in ranked if each.candidate.passage.id in named]
        if not held:
            return {}
        return likeness(await self._embedder.embed_question(sentence.text), held)
