"""The steps of a question's way, in order. Whoever reads this file knows the product."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from info_assistant.answering.admit import (
    language_notice,
    readable_question,
    readable_turns,
    require_no_personal_data,
)
from info_assistant.answering.budget import budget_notices
from info_assistant.answering.cite import cite
from info_assistant.answering.conversation import Talk, follow_ups
from info_assistant.answering.currency import with_currency
from info_assistant.answering.draft import Draft
from info_assistant.answering.extract import best_extract
from info_assistant.answering.generate import Composing, Generation, Task
from info_assistant.answering.rank import rank
from info_assistant.answering.recall import cache_key, events_of, unknown_answer
from info_assistant.answering.record import Recorder, keep_record
from info_assistant.answering.release import released, visible_part
from info_assistant.errors import GenerationUnavailable, InfoAssistantError
from info_assistant.model.answer import Answer, AnswerUsage, Citation, ServedBy
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    NoticeGiven,
    SourcesFound,
    StageReached,
)
from info_assistant.model.passage import Passage
from info_assistant.model.question import Question
from info_assistant.model.record import AnswerRecord
from info_assistant.model.spend import Budget
from info_assistant.ports import (
    AnswerCache,
    AnswerRecords,
    Clock,
    Embedder,
    Generator,
    KeepRecord,
    PassageIndex,
    RankedPassage,
    Visibility,
)

CANDIDATES = 24
"""Passages that retrieval hands to the ranking; more cost time and find nothing more."""

LISTED = 10
"""Passages named in an answer, cited and "see also" together."""

KEEPING_S = 0.5
"""How long a finished answer waits at most until it is kept for others, in seconds."""

EVIDENCE_THRESHOLD = 0.64
"""A best passage that scores below this means "not in these documents"; see docs/decisions."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """What the pipeline needs from outside.

    `generator` quotes; `composing` has models write instead, where there are any. `talk` knows
    earlier turns. `visibility` knows what may be shown at each moment, `cache_only` whether only
    known answers are given now. `usage_of` returns what all model calls for an answer took, by the
    ledger; without it the answer's own call counts. `budget_of` returns how a tenant's stands.
    """

    embedder: Embedder
    index: PassageIndex
    generator: Generator
    cache: AnswerCache
    clock: Clock
    recorder: Recorder
    records: AnswerRecords
    visibility: Visibility
    composing: Composing | None = None
    talk: Talk = field(default_factory=Talk)
    refuse_personal_data: bool = False
    usage_of: Callable[[str], AnswerUsage] | None = None
    budget_of: Callable[[str], Budget | None] = lambda _tenant: None
    cache_only: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class _Journey:
    """One question on its way: what was found and said, and how long it took."""

    draft: Draft
    keep: KeepRecord
    sources: tuple[Citation, ...] = ()
    evidence: float = 0.0
    searched: str = ""
    notices: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    timings_ms: dict[str, float] = field(default_factory=dict)

    async def timed(self, stage: str, step: Awaitable[T]) -> T:
        """Wait for a step and note the time it took."""
        begun = time.perf_counter()
        try:
            return await step
        finally:
            spent = (time.perf_counter() - begun) * 1000
            self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + spent

    async def generating(self, step: Awaitable[T]) -> T:
        """Wait for a step of generating an answer."""
        return await self.timed("generate", step)

    def finished(self) -> dict[str, float]:
        """Return the time of each stage and of the whole, in milliseconds."""
        total = (time.perf_counter() - self.started) * 1000
        return {stage: round(ms, 2) for stage, ms in (*self.timings_ms.items(), ("total", total))}


class AnswerPipeline:
    """Answers questions; holds no state of its own between them."""

    def __init__(self, parts: PipelineParts) -> None:
        """Take the parts; nothing is contacted yet."""
        self._parts = parts
        self._generation = Generation(parts.generator, parts.composing)

    async def answer(self, question: Question, keep: KeepRecord | None = None) -> Answer:
        """Answer at once and in whole. Raises what `stream` raises."""
        answer: Answer | None = None
        async for event in self.stream(question, keep):
            if isinstance(event, AnswerFinished):
                answer = event.answer
        if answer is None:
            raise InfoAssistantError("The question was left without an answer. Please ask again.")
        return answer

    async def stream(
        self, question: Question, keep: KeepRecord | None = None
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Answer step by step, for as long as the caller's deadline lets it.

        Everything that can fail because a dependency is down happens before `SourcesFound`. The
        record of the answer is given to `keep`; without one it is kept at once.

        Raises:
            InvalidRequest: there is no question in it, or (PersonalDataFound) more than may be.
            CacheOnlyMiss: only known answers are given now, and this is none.
            VectorStoreUnavailable: there is no search and no cached answer.
            EmbedderUnavailable: the question cannot be turned into vectors.
            GenerationUnavailable: no model could write, and quotes do not stand in.
        """
        may_show = partial(self._parts.visibility.may_show, question.caller.scope)
        try:
            async with aclosing(self._steps(question, may_show, keep)) as events:
                async for event in events:
                    visible = released(event, may_show)
                    if visible is not None:
                        yield visible
        except InfoAssistantError as error:
            if isinstance(error, GenerationUnavailable):
                error.passages = tuple(each for each in error.passages if may_show(each.passage))
            self._parts.recorder.failed(error.code)
            raise

    async def _steps(
        self,
        question: Question,
        may_show: Callable[[Passage], bool],
        keep: KeepRecord | None,
    ) -> AsyncGenerator[AnswerEvent]:
        parts = self._parts
        journey = _Journey(self._generation.begin(), keep or parts.records.keep)
        question = await self._admitted(question, journey)

        yield StageReached("recall")
        key = self._key(question)
        known = await journey.timed("recall", self._known(key))
        if known is not None and all(map(may_show, _shown(known))):
            served_by = replace(known.served_by, cache="hit")
            known = replace(known, id=question.id, served_by=served_by, usage=AnswerUsage())
            known = with_currency(known, parts.clock.now().date())
            known = await self._kept(question, known, journey)
            for event in events_of(known):
                yield event
            return
        if parts.cache_only():
            raise unknown_answer()

        yield StageReached("retrieve")
        searched = await self._standalone(question, journey)
        ranked = await self._find(searched, journey, may_show)
        yield SourcesFound(journey.sources)

        if journey.evidence >= EVIDENCE_THRESHOLD:
            yield StageReached("generate")
            task = Task(searched, ranked, journey.sources)
            filling = self._generation.fill(journey.draft, task, journey.generating)
            async with aclosing(filling) as events:
                async for event in events:
                    yield event

        budget = parts.budget_of(question.caller.scope.tenant)
        of_budget = budget_notices(journey.draft.mode, budget)
        for notice in (*journey.notices, *of_budget):
            yield NoticeGiven(notice)

        answer = visible_part(self._finish(question, journey), may_show)
        # A finished answer is not withheld because it could not be kept for others in time. One
        # that had to do without its usual means is not for others at all.
        if not answer.degraded:
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEPING_S):
                    await journey.timed("keep", parts.cache.put(key, answer))
        answer = with_currency(answer, parts.clock.now().date())
        answer = replace(answer, notices=(*answer.notices, *of_budget))
        yield AnswerFinished(await self._kept(question, answer, journey))

    async def _admitted(self, question: Question, journey: _Journey) -> Question:
        """Return the question as it is asked, with the turns before it. Raises InvalidRequest."""
        question = replace(
            question,
            text=readable_question(question.text),
            history=readable_turns(question.history),
        )
        if self._parts.refuse_personal_data:
            require_no_personal_data(question)
        notice = language_notice(question.text)
        journey.notices += [] if notice is None else [notice]
        if question.conversation_id is None or question.history:
            return question
        return await journey.timed("talk", self._parts.talk.joined(question, journey.notices))

    async def _standalone(self, question: Question, journey: _Journey) -> Question:
        """Return the question as one that needs no earlier turn."""
        if not question.history:
            return question
        text = await journey.timed("rewrite", self._parts.talk.standalone(question))
        journey.searched = text if text != question.text else ""
        return replace(question, text=text)

    def _key(self, question: Question) -> str:
        return cache_key(
            question,
            retrieval_version=self._parts.embedder.identity,
            composed_by=self._generation.composed_by,
        )

    async def _kept(self, question: Question, answer: Answer, journey: _Journey) -> Answer:
        """Take note of an answer, and return it as it is given as finished."""
        parts, draft = self._parts, journey.draft
        if question.conversation_id is not None:
            answer = await journey.timed("talk", parts.talk.continued(question, answer))
        parts.recorder.answered(answer)
        parts.recorder.checked(draft.checks, draft.held_back)
        record = AnswerRecord(
            id=answer.id,
            at=parts.clock.now(),
            tenant=question.caller.scope.tenant,
            subject=question.caller.subject,
            question=question.text,
            answer=answer,
            conversation_id=question.conversation_id,
            searched=journey.searched,
            prompt=draft.prompt,
            checks=tuple(draft.checks),
        )
        await journey.timed("record", keep_record(journey.keep, parts.recorder, record))
        return answer

    async def _known(self, key: str) -> Answer | None:
        """Return an answer given before, unless what it shows may have been removed since."""
        return None if self._parts.visibility.stale else await self._parts.cache.get(key)

    async def _find(
        self, question: Question, journey: _Journey, may_show: Callable[[Passage], bool]
    ) -> tuple[RankedPassage, ...]:
        """Embed, retrieve and rank."""
        parts = self._parts
        vectors = await journey.timed("embed", parts.embedder.embed_question(question.text))
        scope = question.caller.scope
        candidates = await journey.timed(
            "retrieve", parts.index.search(scope, vectors, question.filters, CANDIDATES)
        )
        begun = time.perf_counter()
        ranked = rank(vectors, candidates, limit=LISTED, may_show=may_show)
        journey.sources = _listed(ranked)
        journey.evidence = ranked[0].score if ranked else 0.0
        journey.timings_ms["rank"] = (time.perf_counter() - begun) * 1000
        return ranked

    def _finish(self, question: Question, journey: _Journey) -> Answer:
        draft, usage_of = journey.draft, self._parts.usage_of
        cited = {citation.passage.id for citation in draft.citations}
        rest = [source for source in journey.sources if source.passage.id not in cited]
        see_also = tuple(
            Citation(n, source.passage, source.quote, source.start, source.end)
            for n, source in enumerate(rest, len(draft.citations) + 1)
        )
        return Answer(
            id=question.id,
            status=draft.status,
            mode=draft.mode,
            sentences=tuple(draft.sentences),
            citations=tuple(draft.citations),
            see_also=see_also,
            served_by=ServedBy(draft.provider, draft.model),
            evidence=journey.evidence,
            documents_as_of=self._parts.clock.now(),
            degraded=tuple(draft.degraded),
            timings_ms=journey.finished(),
            notices=tuple(journey.notices),
            follow_ups=follow_ups(see_also, question.text),
            usage=draft.usage if usage_of is None else usage_of(question.id),
        )


def _listed(ranked: Sequence[RankedPassage]) -> tuple[Citation, ...]:
    """Return passages as numbered citations, each quoting what matched best."""
    extracts = [best_extract(item) for item in ranked]
    return tuple(
        cite(n, extract.ranked.candidate.passage, extract.span.start, extract.span.end)
        for n, extract in enumerate(extracts, 1)
    )


def _shown(answer: Answer) -> list[Passage]:
    """Return the passages that an answer shows."""
    return [citation.passage for citation in (*answer.citations, *answer.see_also)]
