"""Questions on their way through the pipeline, within their deadline and while somebody waits."""

from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request

from info_assistant.answering.release import MayShow, visible_part
from info_assistant.api.auditing import note_answer
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import (
    AnswerStream,
    ClientGone,
    Rendering,
    StreamOptions,
    WhileConnected,
    begin,
)
from info_assistant.errors import (
    DeadlineExceeded,
    InfoAssistantError,
    Overloaded,
    ShuttingDown,
)
from info_assistant.model.answer import Answer
from info_assistant.model.events import AnswerEvent
from info_assistant.model.question import Question
from info_assistant.model.record import AnswerRecord
from info_assistant.resilience.deadline import Deadline

_WHAT = "Answering the question"

T = TypeVar("T")


class Asker:
    """Takes a question through the pipeline, whole or as a stream."""

    def __init__(self, services: ApiServices) -> None:
        """Ask the pipeline of `services`."""
        self._services = services
        self._under_way: set[str] = set()

    def is_under_way(self, answer_id: str) -> bool:
        """Whether this answer is being given here at this moment."""
        return answer_id in self._under_way

    async def whole(self, question: Question, request: Request) -> Answer:
        """Return the whole answer, as far as it may be shown at this moment."""
        deadline = Deadline.after(self._services.limits.request_s)

        async def keep(record: AnswerRecord) -> None:
            # With the audit event, before the answer leaves: two commits cost twice as much.
            note_answer(request, record)

        self._under_way.add(question.id)
        try:
            async with WhileConnected(request.receive):
                answering = self._services.pipeline.answer(question, keep)
                answer = await self._within(deadline, answering)
        finally:
            self._under_way.discard(question.id)
        # The client's connection was let go meanwhile, in which time documents can be closed to it.
        return visible_part(answer, self._may_show(question))

    async def stream(
        self, question: Question, request: Request, rendering: Rendering
    ) -> AnswerStream:
        """Return the answer as a stream, once its sources are known."""
        deadline = Deadline.after(self._services.limits.request_s)
        events = self._events(question)
        self._under_way.add(question.id)
        self._services.events.begin(question.id, question.caller)
        try:
            async with WhileConnected(request.receive):
                begun = await self._begun(events, deadline)
        except BaseException:
            await events.aclose()
            self._ended(question.id)
            raise
        options = StreamOptions(
            rendering=rendering,
            answer_id=question.id,
            ping_s=self._services.limits.ping_s,
            may_show=self._may_show(question),
            lifecycle=self._services.lifecycle,
            on_failure=partial(self._failed, question.id),
            on_end=partial(self._ended, question.id),
        )
        return AnswerStream(begun, events, deadline, options)

    def _may_show(self, question: Question) -> MayShow:
        return partial(self._services.visibility.may_show, question.caller.scope)

    async def _begun(
        self, events: AsyncGenerator[AnswerEvent, None], deadline: Deadline
    ) -> list[AnswerEvent]:
        return await self._within(deadline, begin(events))

    async def _within(self, deadline: Deadline, step: Coroutine[Any, Any, T]) -> T:
        """Return what a step returns, and stop it at the deadline; count what fails."""
        try:
            async with deadline.enforced(_WHAT):
                return await step
        except Exception as error:
            self._count(error)
            raise

    async def _events(self, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """Yield the pipeline's events, and keep them; closing this ends the pipeline."""
        async with aclosing(self._services.pipeline.stream(question)) as stream:
            async for event in stream:
                self._services.events.add(question.id, event)
                yield event

    def _ended(self, answer_id: str) -> None:
        self._under_way.discard(answer_id)
        self._services.events.end(answer_id)

    def _failed(self, answer_id: str, error: Exception) -> None:
        self._services.events.add(answer_id, error)
        self._count(error)

    def _count(self, error: Exception) -> None:
        """Count what the pipeline cannot: its own errors it has counted already."""
        if isinstance(error, (Overloaded, DeadlineExceeded, ShuttingDown)):
            self._services.metrics.failed(error.code)
        elif not isinstance(error, (InfoAssistantError, ClientGone)):
            self._services.metrics.failed("internal")
