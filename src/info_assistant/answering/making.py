"""Making: find the passages for a question and let an answer be written from them.

What comes out is for everybody who asks the same at this moment with the same access; what belongs
to one asker alone (its id, its record, its conversation) is added by the pipeline.
"""

import time
from collections.abc import Sequence
from functools import partial

from info_assistant.answering.cite import cite
from info_assistant.answering.conversation import follow_ups
from info_assistant.answering.extract import best_extract
from info_assistant.answering.generate import Generation, Task
from info_assistant.answering.journey import Asked, Journey
from info_assistant.answering.parts import PipelineParts
from info_assistant.answering.rank import rank
from info_assistant.answering.recall import Recall, Recalled, events_of
from info_assistant.answering.release import MayShow, visible_part
from info_assistant.answering.saved_questions import SavedQuestions
from info_assistant.errors import TooBusy, Unavailable
from info_assistant.model.answer import Answer, Citation, ServedBy
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    NoticeGiven,
    SourcesFound,
    StageReached,
)
from info_assistant.model.question import Question
from info_assistant.ports import RankedPassage
from info_assistant.resilience.single_flight import Tell

CANDIDATES = 24
"""Passages that retrieval hands to the ranking; more cost time and find nothing more."""

LISTED = 10
"""Passages named in an answer, cited and "see also" together."""

EVIDENCE_THRESHOLD = 0.64
"""A best passage that scores below this means "not in these documents"; see docs/decisions."""

_RETRIEVING, _GENERATING = StageReached("retrieve"), StageReached("generate")


class Making:
    """Makes answers, or finds that one made before still stands."""

    def __init__(
        self,
        parts: PipelineParts,
        generation: Generation,
        recall: Recall,
        saved: SavedQuestions,
    ) -> None:
        """Take the parts; nothing is contacted yet."""
        self._parts = parts
        self._generation = generation
        self._recall = recall
        self._saved = saved

    async def make(self, asked: Asked, recalled: Recalled, tell: Tell[AnswerEvent]) -> None:
        """Tell the events of an answer, the whole of it last; it is kept under its key.

        The journey is that of the one who asked first. Raises what `AnswerPipeline.stream` raises.
        """
        question, key, token = asked.question, asked.key, asked.question.id
        may_show = partial(self._parts.visibility.may_show, question.caller.scope)
        if recalled.state == "miss":
            taken = await self._recall.take_lead(question, key, token, may_show)
            recalled = taken if taken.answer or taken.candidate else recalled
        if recalled.answer is not None:
            await self._recall.give_up(key, token)
            await _tell_all(recalled.answer, tell)
            return
        try:
            await self._make_anew(asked, recalled, tell)
        except (Unavailable, TooBusy) as error:
            # Who has begun to read is not told something else instead.
            told = asked.journey.draft.sentences
            if recalled.state == "off" and not told:
                # The first look may have met a moment without Redis, which is over.
                recalled = await self._recall.find(question, key, may_show)
            answer = (
                None if told else await self._recall.instead(question, recalled, error, may_show)
            )
            if answer is None:
                raise
            await _tell_all(answer, tell)
        finally:
            await self._recall.give_up(key, token)

    async def _make_anew(self, asked: Asked, recalled: Recalled, tell: Tell[AnswerEvent]) -> None:
        question, journey, key = asked.question, asked.journey, asked.key
        may_show = partial(self._parts.visibility.may_show, question.caller.scope)
        # Before anything is looked for: what changes from here on may be found or not.
        position = self._recall.position
        await tell(_RETRIEVING)
        searched = await self._standalone(question, journey)
        ranked = await self._find(searched, journey, may_show)
        found = {each.candidate.passage.id: each.candidate.passage for each in ranked}
        known = recalled.candidate
        again = self._recall.again(known, found) if known is not None else None
        if again is not None:
            await self._recall.keep(key, question.id, again, tuple(found), position)
            await _tell_all(again, tell)
            return
        await tell(SourcesFound(journey.sources))

        if journey.evidence >= EVIDENCE_THRESHOLD:
            await tell(_GENERATING)
            task = Task(searched, ranked, journey.sources)
            await self._generation.fill(journey.draft, task, journey.generating, tell)

        for notice in journey.notices:
            await tell(NoticeGiven(notice))

        answer = self._finished(question, journey, ranked)
        # What had to do without its usual means, or lost a part on its way, is not for others.
        usual = not answer.degraded and not journey.draft.by_fault
        if usual and self._recall.open and visible_part(answer, may_show) is answer:
            keeping = self._recall.keep(key, question.id, answer, tuple(found), position)
            await journey.timed("keep", keeping)
            if journey.vector is not None and answer.sentences:
                await self._saved.remember(question, key.text, journey.vector)
        # What may be shown of it is asked when it is given.
        await tell(AnswerFinished(answer))

    async def _standalone(self, question: Question, journey: Journey) -> Question:
        """Return the question as one that needs no earlier turn."""
        if not question.history:
            return question
        text = await journey.timed("rewrite", self._parts.talk.standalone(question))
        journey.searched = text if text != question.text else ""
        return Question(
            question.id,
            text,
            question.caller,
            question.filters,
            question.history,
            question.conversation_id,
        )

    async def _find(
        self, question: Question, journey: Journey, may_show: MayShow
    ) -> tuple[RankedPassage, ...]:
        """Embed, retrieve and rank."""
        parts = self._parts
        vectors = await journey.timed("embed", parts.embedder.embed_question(question.text))
        journey.vector = vectors.dense
        scope = question.caller.scope
        candidates = await journey.timed(
            "retrieve", parts.index.search(scope, vectors, question.filters, CANDIDATES)
        )
        begun = time.perf_counter()
        ranked = rank(vectors, candidates, limit=LISTED, may_show=may_show)
        journey.sources = _listed(ranked)
        journey.evidence = ranked[0].score if ranked else 0.0
        journey.timings_ms["rank"] = journey.passed("rank", begun)
        return ranked

    def _finished(
        self, question: Question, journey: Journey, ranked: Sequence[RankedPassage]
    ) -> Answer:
        draft, usage_of, finder = journey.draft, self._parts.usage_of, self._parts.conflicts
        cited = {citation.passage.id for citation in draft.citations}
        rest = [source for source in journey.sources if source.passage.id not in cited]
        see_also = tuple(
            [each.numbered(n) for n, each in enumerate(rest, len(draft.citations) + 1)]
        )
        cache = "miss" if self._recall.open else "off"
        return Answer(
            id=question.id,
            status=draft.status,
            mode=draft.mode,
            sentences=tuple(draft.sentences),
            citations=tuple(draft.citations),
            see_also=see_also,
            served_by=ServedBy(draft.provider, draft.model, cache),
            evidence=journey.evidence,
            documents_as_of=self._parts.clock.now(),
            degraded=tuple(draft.degraded),
            notices=tuple(journey.notices),
            follow_ups=follow_ups(see_also, question.text),
            usage=draft.usage if usage_of is None else usage_of(question.id),
            conflicts=()
            if finder is None
            else finder.find(question.text, ranked, draft.citations, see_also),
        )


async def _tell_all(answer: Answer, tell: Tell[AnswerEvent]) -> None:
    """Tell the events of an answer that is known already."""
    for event in events_of(answer):
        await tell(event)


def _listed(ranked: Sequence[RankedPassage]) -> tuple[Citation, ...]:
    """Return passages as numbered citations, each quoting what matched best."""
    extracts = [best_extract(item) for item in ranked]
    return tuple(
        [
            cite(n, extract.ranked.candidate.passage, extract.span.start, extract.span.end)
            for n, extract in enumerate(extracts, 1)
        ]
    )
