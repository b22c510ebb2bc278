"""Questions that are alike, put together for those who look after the documents.

Each question, the oldest first, joins the group whose first question it is most like, if it is like
enough, and else begins a group of its own ("leader clustering"). So the same questions always make
the same groups, and a new question never moves an old one. What is compared is the question as it
stands alone, by the model that also searches the documents.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from info_assistant.model.unanswered import QuestionGroup, UnansweredQuestion
from info_assistant.model.vectors import Floats
from info_assistant.ports import Embedder

LEAST_ALIKE = 0.5
"""The cosine from which two questions count as alike; measured in docs/decisions/0043."""

_KEPT = 2000


class QuestionLikeness:
    """Groups questions; for one event loop. It remembers the vectors of those it has seen."""

    def __init__(self, embedder: Embedder) -> None:
        """Compare by `embedder`."""
        self._embedder = embedder
        self._known: OrderedDict[str, Floats] = OrderedDict()
        self._turn = asyncio.Lock()

    async def groups(self, questions: Sequence[UnansweredQuestion]) -> Sequence[QuestionGroup]:
        """Return questions in groups: the largest first, of equal ones that with the newest.

        A question that is new here takes some milliseconds. They are embedded one after the other,
        so that who asks waits for one at most. Raises EmbedderUnavailable.
        """
        ordered = sorted(questions, key=lambda each: each.id)
        # Two who look at the same time: the second finds what the first has embedded.
        async with self._turn:
            vectors = [await self._vector(each.searched or each.question) for each in ordered]
        return await asyncio.to_thread(grouped, ordered, vectors, LEAST_ALIKE)

    async def _vector(self, text: str) -> Floats:
        vector = self._known.pop(text, None)
        if vector is None:
            vector = (await self._embedder.embed_question(text)).dense
        self._known[text] = vector
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return vector


def grouped(
    questions: Sequence[UnansweredQuestion], vectors: Sequence[Floats], least_alike: float
) -> Sequence[QuestionGroup]:
    """Return questions, given the oldest first with their unit vectors, in groups."""
    leaders: list[int] = []
    members: dict[int, list[int]] = {}
    for at, vector in enumerate(vectors):
        alike = np.array([vectors[each] @ vector for each in leaders])
        closest = int(alike.argmax()) if leaders else 0
        if leaders and alike[closest] >= least_alike:
            members[leaders[closest]].append(at)
        else:
            leaders.append(at)
            members[at] = [at]
    groups = [_group(questions, vectors, each) for each in members.values()]
    groups.sort(key=lambda each: (len(each.questions), each.questions[0].id), reverse=True)
    return groups


def _group(
    questions: Sequence[UnansweredQuestion], vectors: Sequence[Floats], members: Sequence[int]
) -> QuestionGroup:
    middle = np.sum([vectors[each] for each in members], axis=0)
    # Of those that are equally near the middle, the oldest.
    typical = max(members, key=lambda each: (round(float(vectors[each] @ middle), 6), -each))
    newest_first = tuple(questions[each] for each in reversed(members))
    return QuestionGroup(questions[typical], newest_first)
