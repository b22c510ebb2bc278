"""The steps of a question's way, in order. Whoever reads this file knows the product."""

import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from info_assistant.answering.admit import (
    language_notice,
    readable_question,
    readable_turns,
    require_no_personal_data,
)
from info_assistant.answering.answer_key import AnswerKey
from info_assistant.answering.budget import budget_notices
from info_assistant.answering.currency import with_currency
from info_assistant.answering.generate import Generation
from info_assistant.answering.journey import Asked, Journey
from info_assistant.answering.making import Making
from info_assistant.answering.parts import PipelineParts
from info_assistant.answering.recall import (
    Recall,
    Recalled,
    events_of,
    taken_along,
    unknown_answer,
)
from info_assistant.answering.record import PutRecord, Recorder, keep_record
from info_assistant.answering.release import MayShow, released, visible_part
from info_assistant.answering.saved_questions import MOST_OFFERED, SavedQuestions
from info_assistant.errors import GenerationUnavailable, InfoAssistantError, InvalidRequest
from info_assistant.model.answer import Answer
from info_assistant.model.events import AnswerEvent, AnswerFinished, NoticeGiven, StageReached
from info_assistant.model.mode import ModeName
from info_assistant.model.question import Question
from info_assistant.model.record import NOTICE, AnswerRecord
from info_assistant.observability.spans import Facts, QuestionSpans
from info_assistant.ports import KeepRecord
from info_assistant.resilience.single_flight import Produce, SingleFlight


@dataclass(frozen=True, slots=True)
class GivenAgain:
    """An answer that was given before; `kept` is to be awaited before its last word leaves."""

    answer: Answer
    kept: Awaitable[None]


class AnswerPipeline:
    """Answers questions; between them it knows only which are being answered."""

    def __init__(self, parts: PipelineParts) -> None:
        """Take the parts; nothing is contacted yet."""
        self._parts = parts
        self._generation = Generation(parts.generator, parts.composing)
        self._recall = Recall(parts.memory, parts.visibility, parts.clock)
        self._saved = SavedQuestions(parts.memory.cache, parts.memory.keys, parts.embedder)
        self._making = Making(parts, self._generation, self._recall, self._saved)
        self._flights: SingleFlight[AnswerEvent] = SingleFlight("Answering the question")

    @property
    def remembers(self) -> bool:
        """Whether answers are given again at this moment, so that `known` may find one."""
        return self._recall.open

    async def known(self, question: Question) -> GivenAgain | None:
        """Return the answer if it was given before and may be given now; else None.

        The short way for most questions: nothing is looked for, and nobody else is waited for.
        What is wrong with a question is told by `answer` and `stream`. Raises nothing.
        """
        parts, began = self._parts, time.perf_counter()
        if question.conversation_id is not None or not self.remembers:
            return None
        try:
            question = self._readable(question)
        except InvalidRequest:
            return None
        key = parts.memory.keys.of(question, self._generation.composed_by)
        may_show = partial(parts.visibility.may_show, question.caller.scope)
        answer = (await self._recall.find(question, key, may_show)).answer
        if answer is None:
            return None
        answer = self._labelled(answer)
        total = round((time.perf_counter() - began) * 1000, 2)
        given = replace(answer, id=question.id, timings_ms={"recall": total, "total": total})
        given = with_currency(given, parts.clock.now().date())
        parts.recorder.answered(given)
        if parts.spans is not None:
            trace = parts.spans.question(question.id, total / 1000)
            trace.done("recall", total / 1000)
            trace.end(_facts_of(given))
        kept = PutRecord(parts.records, parts.recorder, self._record(question, given))
        return GivenAgain(given, kept)

    async def answer(self, question: Question, keep: KeepRecord | None = None) -> Answer:
        """Answer at once and in whole, without word of the steps. Raises what `stream` raises.

        It is what might be shown when it was recorded: who hands it on looks once more.
        """
        may_show = partial(self._parts.visibility.may_show, question.caller.scope)
        journey = self._journey(question, keep)
        with Failures(self._parts.recorder, may_show, journey.trace):
            asked = await self._asked(question, journey)
            recalled = await self._recalled(asked, may_show)
            if recalled.answer is not None:
                answer = await self._given(asked, recalled.answer, may_show)
            else:
                leads = self._flights.leads(asked.key.parts)
                event = await self._flights.last(asked.key.parts, self._make(asked, recalled))
                if not isinstance(event, AnswerFinished):
                    raise InfoAssistantError(
                        "The question was left without an answer. Please ask again."
                    )
                self._add_own_notices(asked, event.answer)
                made = event.answer if leads else taken_along(event.answer)
                answer = await self._given(asked, made, may_show)
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
        journey = self._journey(question, keep)
        with Failures(self._parts.recorder, may_show, journey.trace):
            async with aclosing(self._steps(question, may_show, journey)) as events:
                async for event in events:
                    visible = released(event, may_show)
                    if visible is not None:
                        yield visible

    async def _steps(
        self, question: Question, may_show: MayShow, journey: Journey
    ) -> AsyncGenerator[AnswerEvent]:
        asked = await self._asked(question, journey)
        yield StageReached("recall")
        recalled = await self._recalled(asked, may_show)
        if recalled.answer is not None:
            answer = await self._given(asked, recalled.answer, may_show)
            for event in events_of(answer):
                yield event
            return

        key, make = asked.key.parts, self._make(asked, recalled)
        leads = self._flights.leads(key)
        async with aclosing(self._flights.join(key, make)) as events:
            async for event in events:
                if not isinstance(event, AnswerFinished):
                    yield event
                    continue
                self._add_own_notices(asked, event.answer)
                for notice in asked.journey.own_notices:
                    yield NoticeGiven(notice)
                answer = event.answer if leads else taken_along(event.answer)
                yield AnswerFinished(await self._given(asked, answer, may_show))

    def _journey(self, question: Question, keep: KeepRecord | None) -> Journey:
        spans = self._parts.spans
        trace = None if spans is None else spans.question(question.id)
        return Journey(self._generation.begin(), keep or self._parts.records.keep, trace=trace)

    async def _asked(self, question: Question, journey: Journey) -> Asked:
        """Admit a question. Raises InvalidRequest."""
        question = await self._admitted(question, journey)
        journey.passed("admit", journey.started)
        key = self._parts.memory.keys.of(question, self._generation.composed_by)
        return Asked(question, journey, key)

    def _make(self, asked: Asked, recalled: Recalled) -> Produce[AnswerEvent]:
        """Return what makes an answer: once, for the first of those who ask the same by then."""
        return partial(self._making.make, asked, recalled)

    def _add_own_notices(self, asked: Asked, answer: Answer) -> None:
        budget = self._parts.budget_of(asked.question.caller.scope.tenant)
        asked.journey.own_notices += budget_notices(answer.mode, budget)

    async def _admitted(self, question: Question, journey: Journey) -> Question:
        """Return the question as it is asked, with the turns before it. Raises InvalidRequest."""
        question = self._readable(question)
        notice = language_notice(question.text)
        journey.notices += [] if notice is None else [notice]
        if question.conversation_id is None or question.history:
            return question
        joined = self._parts.talk.joined(question, journey.own_notices)
        return await journey.timed("talk", joined)

    def _readable(self, question: Question) -> Question:
        """Return the question as it can be asked. Raises InvalidRequest."""
        text, history = readable_question(question.text), readable_turns(question.history)
        if (text, history) != (question.text, question.history):
            question = replace(question, text=text, history=history)
        if self._parts.refuse_personal_data:
            require_no_personal_data(question)
        return question

    async def _recalled(self, asked: Asked, may_show: MayShow) -> Recalled:
        """Return what is known. Raises CacheOnlyMiss where that is all that may be given."""
        return await asked.journey.timed("recall", self._known(asked.question, asked.key, may_show))

    async def _known(self, question: Question, key: AnswerKey, may_show: MayShow) -> Recalled:
        recalled = await self._recall.find(question, key, may_show)
        if recalled.answer is not None or not self._parts.memory.only():
            return recalled
        answer = await self._recall.standing(question, recalled, may_show)
        if answer is None:
            raise unknown_answer(await self._offered(question, may_show))
        return Recalled("hit", answer)

    async def _offered(self, question: Question, may_show: MayShow) -> tuple[str, ...]:
        """Return saved questions that resemble one and whose answers may be given."""
        offered: list[str] = []
        for saved in await self._saved.nearest(question):
            recalled = await self._recall.find(question, AnswerKey.known(saved.key), may_show)
            if recalled.answer is not None or recalled.candidate is not None:
                offered.append(saved.text)
            if len(offered) == MOST_OFFERED:
                break
        return tuple(offered)

    async def _given(self, asked: Asked, answer: Answer, may_show: MayShow) -> Answer:
        """Take note of an answer, and return it as it is given to this asker."""
        question, journey = asked.question, asked.journey
        parts, draft = self._parts, journey.draft
        answer = replace(
            self._labelled(visible_part(answer, may_show)),
            id=question.id,
            notices=(*answer.notices, *journey.own_notices),
            timings_ms=journey.finished(),
        )
        answer = with_currency(answer, parts.clock.now().date())
        if question.conversation_id is not None:
            answer = await journey.timed("talk", parts.talk.continued(question, answer))
        parts.recorder.answered(answer)
        parts.recorder.checked(draft.checks, draft.held_back)
        record = self._record(question, answer, journey)
        await journey.timed("record", keep_record(journey.keep, parts.recorder, record))
        if journey.trace is not None:
            journey.trace.end(_facts_of(answer))
        return answer

    def _labelled(self, answer: Answer) -> Answer:
        """Return an answer that names the switch under which it was given."""
        if not self._parts.memory.only():
            return answer
        served_by = replace(answer.served_by, switch=ModeName.CACHE_ONLY_MODE.value)
        return replace(answer, served_by=served_by)

    def _record(
        self, question: Question, answer: Answer, journey: Journey | None = None
    ) -> AnswerRecord:
        return AnswerRecord(
            id=answer.id,
            at=self._parts.clock.now(),
            tenant=question.caller.scope.tenant,
            subject=question.caller.subject,
            question=question.text,
            answer=answer,
            conversation_id=question.conversation_id,
            notice=NOTICE,
            searched=journey.searched if journey is not None else "",
            prompt=journey.draft.prompt if journey is not None else "",
            checks=tuple(journey.draft.checks) if journey is not None else (),
            narrowed=bool(question.filters.document_ids),
        )


class Failures:
    """Counts errors of the body, and lets them show no more than may be shown; ends the trace.

    To be entered with `with`. No generator: every question passes one.
    """

    __slots__ = ("_may_show", "_recorder", "_trace")

    def __init__(self, recorder: Recorder, may_show: MayShow, trace: QuestionSpans | None) -> None:
        """Count with `recorder`."""
        self._recorder = recorder
        self._may_show = may_show
        self._trace = trace

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        """End; whatever was raised goes on."""
        facts: Facts = {"info_assistant.abandoned": True}
        if isinstance(error, InfoAssistantError):
            facts = {"error.type": error.code}
            if isinstance(error, GenerationUnavailable):
                shown = (each for each in error.passages if self._may_show(each.passage))
                error.passages = tuple(shown)
            self._recorder.failed(error.code)
        if self._trace is not None:
            # Where the answer was given, its trace has ended with what is known of it.
            self._trace.end(facts)


def _facts_of(answer: Answer) -> Facts:
    """Return what a trace says of an answer: how it ended and who gave it, never its words."""
    return {
        "info_assistant.answer.status": answer.status.value,
        "info_assistant.answer.mode": answer.mode.value,
        "info_assistant.cache": answer.served_by.cache,
        "info_assistant.degraded": ",".join(answer.degraded),
        "gen_ai.provider.name": answer.served_by.provider,
        "gen_ai.response.model": answer.served_by.model,
    }
