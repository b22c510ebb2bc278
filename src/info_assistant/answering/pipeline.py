"""The steps of a question's way, in order. Whoever reads this file knows the product."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from info_assistant.answering.admit import readable_question
from info_assistant.answering.cite import check, cite
from info_assistant.answering.currency import with_currency
from info_assistant.answering.extract import best_extract
from info_assistant.answering.rank import rank
from info_assistant.answering.recall import cache_key, unknown_answer
from info_assistant.answering.record import Recorder, keep_record
from info_assistant.answering.release import released, visible_part
from info_assistant.errors import InfoAssistantError
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    Citation,
    ServedBy,
)
from info_assistant.model.events import (
    AnswerEvent,
    AnswerFinished,
    CitationReleased,
    SentenceReleased,
    SourcesFound,
    StageReached,
)
from info_assistant.model.passage import Passage
from info_assistant.model.question import Question
from info_assistant.model.record import AnswerRecord
from info_assistant.ports import (
    AnswerCache,
    AnswerRecords,
    Clock,
    DraftSentence,
    Embedder,
    Generator,
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

    `visibility` knows what may be shown at each moment, `cache_only` whether only known answers
    are given now.
    """

    embedder: Embedder
    index: PassageIndex
    generator: Generator
    cache: AnswerCache
    clock: Clock
    recorder: Recorder
    records: AnswerRecords
    visibility: Visibility
    cache_only: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class _Journey:
    """One question on its way: what was found and said, and how long it took."""

    sources: tuple[Citation, ...] = ()
    evidence: float = 0.0
    sentences: list[AnswerSentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
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

    def finished(self) -> dict[str, float]:
        """Return the time of each stage and of the whole, in milliseconds."""
        total = (time.perf_counter() - self.started) * 1000
        return {stage: round(ms, 2) for stage, ms in (*self.timings_ms.items(), ("total", total))}


class AnswerPipeline:
    """Answers questions; holds no state of its own between them."""

    def __init__(self, parts: PipelineParts) -> None:
        """Take the parts; nothing is contacted yet."""
        self._parts = parts

    async def answer(self, question: Question) -> Answer:
        """Answer at once and in whole. Raises what `stream` raises."""
        answer: Answer | None = None
        async for event in self.stream(question):
            if isinstance(event, AnswerFinished):
                answer = event.answer
        if answer is None:
            raise InfoAssistantError("The question was left without an answer. Please ask again.")
        return answer

    async def stream(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Answer step by step, for as long as the caller's deadline lets it.

        Everything that can fail because a dependency is down happens before `SourcesFound`.

        Raises:
            InvalidRequest: there is no question in it.
            CacheOnlyMiss: only known answers are given now, and this is none.
            VectorStoreUnavailable: there is no search and no cached answer.
            EmbedderUnavailable: the question cannot be turned into vectors.
        """
        try:
            may_show = partial(self._parts.visibility.may_show, question.caller.scope)
            async with aclosing(self._steps(question, may_show)) as events:
                async for event in events:
                    visible = released(event, may_show)
                    if visible is not None:
                        yield visible
        except InfoAssistantError as error:
            self._parts.recorder.failed(error.code)
            raise

    async def _steps(
        self, question: Question, may_show: Callable[[Passage], bool]
    ) -> AsyncGenerator[AnswerEvent]:
        parts = self._parts
        journey = _Journey()
        question = replace(question, text=readable_question(question.text))

        yield StageReached("recall")
        key = cache_key(question, retrieval_version=parts.embedder.identity)
        known = await journey.timed("recall", self._known(key))
        if known is not None and all(map(may_show, _shown(known))):
            known = replace(known, id=question.id, served_by=replace(known.served_by, cache="hit"))
            known = with_currency(known, parts.clock.now().date())
            await self._record(question, known, journey)
            async for event in _replay(known):
                yield event
            return
        if parts.cache_only():
            raise unknown_answer()

        yield StageReached("retrieve")
        ranked = await self._find(question, journey, may_show)
        yield SourcesFound(journey.sources)

        if journey.evidence >= EVIDENCE_THRESHOLD:
            yield StageReached("generate")
            async with aclosing(self._drafts(question, ranked, journey)) as drafts:
                async for draft in drafts:
                    checked = check(draft, n=len(journey.citations) + 1)
                    if checked is not None:
                        sentence, citation = checked
                        journey.sentences.append(sentence)
                        journey.citations.append(citation)
                        yield SentenceReleased(sentence, (citation,))
                        yield CitationReleased(citation)

        answer = visible_part(self._finish(question, journey), may_show)
        # A finished answer is not withheld because it could not be kept for others in time.
        with suppress(TimeoutError):
            async with asyncio.timeout(KEEPING_S):
                await journey.timed("keep", parts.cache.put(key, answer))
        answer = with_currency(answer, parts.clock.now().date())
        await self._record(question, answer, journey)
        yield AnswerFinished(answer)

    async def _record(self, question: Question, answer: Answer, journey: _Journey) -> None:
        """Take note of an answer, before it is given as finished."""
        parts = self._parts
        parts.recorder.answered(answer)
        record = AnswerRecord(
            id=answer.id,
            at=parts.clock.now(),
            tenant=question.caller.scope.tenant,
            subject=question.caller.subject,
            question=question.text,
            answer=answer,
        )
        await journey.timed("record", keep_record(parts.records, parts.recorder, record))

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

    async def _drafts(
        self, question: Question, ranked: Sequence[RankedPassage], journey: _Journey
    ) -> AsyncGenerator[DraftSentence]:
        """Yield the generator's sentences, and note the time that each took."""
        async with aclosing(self._parts.generator.generate(question, ranked)) as drafts:
            while (draft := await journey.timed("generate", anext(drafts, None))) is not None:
                yield draft

    def _finish(self, question: Question, journey: _Journey) -> Answer:
        parts = self._parts
        cited = {citation.passage.id for citation in journey.citations}
        rest = [source for source in journey.sources if source.passage.id not in cited]
        return Answer(
            id=question.id,
            status=AnswerStatus.ANSWERED if journey.sentences else AnswerStatus.NO_EVIDENCE,
            mode=AnswerMode.EXTRACTIVE,
            sentences=tuple(journey.sentences),
            citations=tuple(journey.citations),
            see_also=tuple(
                Citation(n, source.passage, source.quote, source.start, source.end)
                for n, source in enumerate(rest, len(journey.citations) + 1)
            ),
            served_by=ServedBy(parts.generator.provider, parts.generator.model),
            evidence=journey.evidence,
            documents_as_of=parts.clock.now(),
            timings_ms=journey.finished(),
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


async def _replay(answer: Answer) -> AsyncIterator[AnswerEvent]:
    """Yield the events of an answer that is known already."""
    yield SourcesFound((*answer.citations, *answer.see_also))
    numbered = {citation.n: citation for citation in answer.citations}
    for sentence in answer.sentences:
        evidence = tuple(numbered[n] for n in sentence.citations)
        yield SentenceReleased(sentence, evidence)
        for citation in evidence:
            yield CitationReleased(citation)
    yield AnswerFinished(answer)
