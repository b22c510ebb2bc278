"""Questions on their way through the pipeline, within their deadline and while somebody waits."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from starlette.requests import Request

from info_assistant.answering.release import MayShow, visible_part
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import (
    AnswerStream,
    ClientGone,
    Rendering,
    StreamOptions,
    begin,
    while_connected,
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
from info_assistant.resilience.deadline import Deadline

ANSWER_ID_HEADER = "X-Answer-Id"
"""The id of an answer that is streamed, under which it can be taken up and read again."""

_WHAT = "Answering the question"


class Asker:
    """Takes a question through the pipeline, whole or as a stream."""

    def __init__(self, services: ApiServices) -> None:
        """Ask the pipeline of `services`."""
        self._services = services

    async def whole(self, question: Question, request: Request) -> Answer:
        """Return the whole answer, as far as it may be shown at this moment."""
        deadline = Deadline.after(self._services.limits.request_s)
        async with while_connected(request.receive):
            answer = await self._answer(question, deadline)
        # The client's connection was let go meanwhile, in which time documents can be closed to it.
        return visible_part(answer, self._may_show(question))

    async def stream(
        self, question: Question, request: Request, rendering: Rendering
    ) -> AnswerStream:
        """Return the answer as a stream, once its sources are known."""
        deadline = Deadline.after(self._services.limits.request_s)
        events = self._events(question)
        self._services.events.begin(question.id, question.caller)
        try:
            async with while_connected(request.receive):
                begun = await self._begun(events, deadline)
        except BaseException:
            await events.aclose()
            self._services.events.end(question.id)
            raise
        options = StreamOptions(
            rendering=rendering,
            ping_s=self._services.limits.ping_s,
            may_show=self._may_show(question),
            lifecycle=self._services.lifecycle,
            on_failure=partial(self._failed, question.id),
            on_end=partial(self._services.events.end, question.id),
        )
        stream = AnswerStream(begun, events, deadline, options)
        # Whoever loses the stream must know what to ask for again.
        stream.headers[ANSWER_ID_HEADER] = question.id
        return stream

    def _may_show(self, question: Question) -> MayShow:
        return partial(self._services.visibility.may_show, question.caller.scope)

    async def _answer(self, question: Question, deadline: Deadline) -> Answer:
        async with self._within(deadline):
            return await self._services.pipeline.answer(question)

    async def _begun(
        self, events: AsyncGenerator[AnswerEvent, None], deadline: Deadline
    ) -> list[AnswerEvent]:
        async with self._within(deadline):
            return await begin(events)

    @asynccontextmanager
    async def _within(self, deadline: Deadline) -> AsyncIterator[None]:
        """Stop the body at the deadline; count what fails."""
        try:
            async with deadline.enforced(_WHAT):
                yield
        except Exception as error:
            self._count(error)
            raise

    async def _events(self, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """Yield the pipeline's events, and keep them; closing this ends the pipeline."""
        async with aclosing(self._services.pipeline.stream(question)) as stream:
            async for event in stream:
                self._services.events.add(question.id, event)
                yield event

    def _failed(self, answer_id: str, error: Exception) -> None:
        self._services.events.add(answer_id, error)
        self._count(error)

    def _count(self, error: Exception) -> None:
        """Count what the pipeline cannot: its own errors it has counted already."""
        if isinstance(error, (Overloaded, DeadlineExceeded, ShuttingDown)):
            self._services.metrics.failed(error.code)
        elif not isinstance(error, (InfoAssistantError, ClientGone)):
            self._services.metrics.failed("internal")
