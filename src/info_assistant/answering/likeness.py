"""Likeness: how alike a written sentence and the statements of its passages are.

Further evidence for the check, where a sentence says in other words what its quote says. The
measure that ranks passages (MaxSim over word pieces) finds the statements that are worth a closer
look. Those are then embedded by themselves: in a passage each word also carries what stands around
it, so that a statement beside the right one looks nearly as much like the sentence as that one.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from info_assistant.answering.rank import likeness
from info_assistant.model.passage import Candidate
from info_assistant.model.vectors import Floats
from info_assistant.ports import Embedder, Likeness, RankedPassage, WrittenSentence

CLOSEST = 4
"""Statements of each passage that are embedded by themselves."""

RUN = 6
"""Word pieces of a run: a thought that is added to a sentence is hardly told in fewer."""

RUN_WEIGHT = 1 / 3
"""How much the run that is least like the statement counts, beside the sentence as a whole."""

_KEPT = 512


class SentenceLikeness:
    """Compares sentences with the passages that they name. For one event loop."""

    def __init__(self, embedder: Embedder) -> None:
        """Embed sentences with `embedder`, the one that the passages were embedded with."""
        self._embedder = embedder
        self._known: OrderedDict[str, Floats] = OrderedDict()

    async def of(self, sentence: WrittenSentence, ranked: Sequence[RankedPassage]) -> Likeness:
        """Return the scores of the statements of each passage named.

        Raises EmbedderUnavailable.
        """
        named = {passage.id for passage in sentence.passages}
        held = [each.candidate for each in ranked if each.candidate.passage.id in named]
        if not held:
            return {}
        vectors = await self._embedder.embed_question(sentence.text)
        rough = likeness(vectors, held)
        return {
            each.passage.id: await self._closer(vectors.tokens, each, rough[each.passage.id])
            for each in held
            if each.passage.id in rough
        }

    async def _closer(
        self, sentence: Floats, held: Candidate, rough: Sequence[float]
    ) -> Sequence[float]:
        """Return the scores, those of the closest statements looked at by themselves.

        The others score no more than the least of these.
        """
        chosen = sorted(range(len(rough)), key=rough.__getitem__, reverse=True)[:CLOSEST]
        spans = held.passage.statements
        scores = {
            at: alike(
                sentence, await self._tokens(held.passage.text[spans[at].start : spans[at].end])
            )
            for at in chosen
        }
        most = min(scores.values(), default=0.0)
        return tuple(scores.get(at, min(score, most)) for at, score in enumerate(rough))

    async def _tokens(self, statement: str) -> Floats:
        tokens = self._known.pop(statement, None)
        if tokens is None:
            tokens = (await self._embedder.embed_question(statement)).tokens
        self._known[statement] = tokens
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return tokens


def alike(sentence: Floats, statement: Floats) -> float:
    """Return how alike two texts are, given their word pieces as unit rows; 1 for the same text.

    It is the mean of the best cosines of the sentence's pieces (MaxSim), and in part that of the
    run of them which is least alike: what a sentence adds to a statement stands in one place.
    """
    if not len(sentence) or not len(statement):
        return 0.0
    best = (sentence @ statement.T).max(axis=1)
    whole = float(best.mean())
    if len(best) <= RUN:
        return whole
    least = float(np.convolve(best, np.full(RUN, 1 / RUN), "valid").min())
    return (1 - RUN_WEIGHT) * whole + RUN_WEIGHT * least
