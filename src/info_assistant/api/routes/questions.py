"""Questions: one address, answered whole or as a stream."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.addresses import QUERY_PATH
from info_assistant.api.answers import whole_answer
from info_assistant.api.asking import Asker
from info_assistant.api.auditing import describe_target
from info_assistant.api.bodies import described_body, json_body
from info_assistant.api.once import KEY_PARAMETER, AskedOnce
from info_assistant.api.openapi import EVENT_SCHEMA, problems
from info_assistant.api.requests import caller_of, headers_of, request_id_of
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import MEDIA_TYPE, wants_stream
from info_assistant.api.wire import AnswerBody, QueryRequest
from info_assistant.api.wire_events import NamedEvents
from info_assistant.model.conversation import Turn
from info_assistant.model.identity import Caller
from info_assistant.model.ids import new_id
from info_assistant.model.question import Filters, Question


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for questions."""
    router = APIRouter()
    asker = Asker(services)
    once = AskedOnce(services, asker)

    @router.post(
        QUERY_PATH,
        response_model=AnswerBody,
        summary="Ask a question",
        openapi_extra={**described_body(QueryRequest), "parameters": [KEY_PARAMETER]},
        responses={
            200: {
                "description": "The answer, or that the documents hold none. With `Accept: "
                "text/event-stream`: status, sources, sentence, citation, notice, then final "
                "or error; after a reset, all sentences and citations before it are void.",
                "content": {MEDIA_TYPE: {"schema": EVENT_SCHEMA}},
            },
            **problems(400, 409, 413, 422, 429, 500, 503, 504),
        },
    )
    async def ask(request: Request) -> Response:
        """Answer from the documents that the caller may see, each sentence with its quote."""
        asked = json_body(request, QueryRequest)
        question = question_of(asked, caller_of(request))
        question, given = await once.earlier(request, asked, question)
        describe_target(request.scope, question.id)
        with_text = "passages" in asked.include
        streamed = wants_stream(headers_of(request))
        if given is not None:
            return once.again(request, given, streamed=streamed)
        if streamed:
            named = NamedEvents(request_id_of(request), with_text=with_text)
            return await asker.stream(question, request, named)
        answer = await asker.whole(question, request)
        return whole_answer(answer, with_text=with_text)

    return router


def question_of(asked: QueryRequest, caller: Caller) -> Question:
    """Return what was asked, under an id of its own."""
    chosen = asked.filters.document_ids if asked.filters else ()
    return Question(
        id=new_id(),
        text=asked.question,
        caller=caller,
        filters=Filters(tuple(map(str, chosen))),
        history=tuple(Turn(each.role, each.content) for each in asked.history),
        conversation_id=asked.conversation_id,
    )
