"""Questions: one address, answered whole or as a stream."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.answering.release import MayShow, visible_part
from info_assistant.api import streams
from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action
from info_assistant.api.bodies import described_body, json_body
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of, request_id_of
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import (
    AnswerStream,
    ClientGone,
    StreamOptions,
    while_connected,
)
from info_assistant.api.wire import AnswerBody, QueryRequest, answer_body
from info_assistant.errors import (
    DeadlineExceeded,
    InfoAssistantError,
    Overloaded,
    ShuttingDown,
)
from info_assistant.model.answer import Answer
from info_assistant.model.events import AnswerEvent
from info_assistant.model.ids import new_id
from info_assistant.model.question import Filters, Question
from info_assistant.resilience.deadline import Deadline

COST_HEADER = "X-Request-Cost"
"""What a whole answer cost in US dollars; of a stream the last event says it."""

_WHAT = "Answering the question"
_ONE_BY_ONE = (
    "Questions are answered one by one for now: earlier turns of the conversation were not used."
)


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for questions."""
    router = APIRouter()
    asker = _Asker(services)

    @router.post(
        "/v1/query",
        response_model=AnswerBody,
        summary="Ask a question",
        openapi_extra=described_body(QueryRequest),
        responses={
            200: {
                "description": "The answer, or that the documents hold none. With `Accept: "
                "text/event-stream`: status, sources, sentence, citation, notice, then final "
                "or error.",
                "content": {streams.MEDIA_TYPE: {"schema": {"type": "string"}}},
            },
            **problems(400, 413, 422, 429, 500, 503, 504),
        },
    )
    async def ask(request: Request) -> Response:
        """Answer from the documents that the caller may see, each sentence with its quote."""
        asked = await json_body(request, QueryRequest)
        question = Question(
            id=new_id(),
            text=asked.question,
            caller=caller_of(request),
            filters=_filters(asked),
        )
        describe_action(request, question.id)
        if streams.MEDIA_TYPE in request.headers.get("accept", "").lower():
            return await asker.stream(question, asked, request)
        return await asker.whole(question, asked, request)

    return router


def _filters(asked: QueryRequest) -> Filters:
    chosen = asked.filters.document_ids if asked.filters else []
    return Filters(tuple(str(each) for each in chosen))


def _notices(asked: QueryRequest) -> tuple[str, ...]:
    return (_ONE_BY_ONE,) if asked.history else ()


class _Asker:
    """Takes a question through admission and the pipeline, within its deadline."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services

    async def whole(self, question: Question, asked: QueryRequest, request: Request) -> Response:
        deadline = Deadline.after(self._services.limits.request_s)
        async with while_connected(request.receive):
            answer = await self._answer(question, deadline)
        # The client's connection was let go meanwhile, in which time documents can be closed to it.
        answer = visible_part(answer, self._may_show(question))
        with_text = "passages" in asked.include
        response = json_answer(answer_body(answer, with_text=with_text, notices=_notices(asked)))
        response.headers[COST_HEADER] = f"{answer.usage.micro_usd / 1e6:.6f}"
        return response

    async def stream(self, question: Question, asked: QueryRequest, request: Request) -> Response:
        deadline = Deadline.after(self._services.limits.request_s)
        events = self._events(question)
        try:
            async with while_connected(request.receive):
                begun = await self._begun(events, deadline)
        except BaseException:
            await events.aclose()
            raise
        options = StreamOptions(
            with_text="passages" in asked.include,
            request_id=request_id_of(request),
            notices=_notices(asked),
            ping_s=self._services.limits.ping_s,
            may_show=self._may_show(question),
            lifecycle=self._services.lifecycle,
        )
        return AnswerStream(begun, events, deadline, options, self._count)

    def _may_show(self, question: Question) -> MayShow:
        return partial(self._services.visibility.may_show, question.caller.scope)

    async def _answer(self, question: Question, deadline: Deadline) -> Answer:
        async with self._within(deadline):
            return await self._services.pipeline.answer(question)

    async def _begun(
        self, events: AsyncGenerator[AnswerEvent, None], deadline: Deadline
    ) -> list[AnswerEvent]:
        async with self._within(deadline):
            return await streams.begin(events)

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
        """Yield the pipeline's events; closing this ends the pipeline."""
        stream = self._services.pipeline.stream(question)
        if isinstance(stream, AsyncGenerator):
            async with aclosing(stream):
                async for event in stream:
                    yield event
        else:
            async for event in stream:
                yield event

    def _count(self, error: Exception) -> None:
        """Count what the pipeline cannot: its own errors it has counted already."""
        if isinstance(error, (Overloaded, DeadlineExceeded, ShuttingDown)):
            self._services.metrics.failed(error.code)
        elif not isinstance(error, (InfoAssistantError, ClientGone)):
            self._services.metrics.failed("internal")
