"""OpenAI's chat completions, for clients and front ends that speak nothing else."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.addresses import CHAT_PATH, MODELS_PATH
from info_assistant.api.answers import json_answer, with_facts
from info_assistant.api.asking import Asker
from info_assistant.api.auditing import describe_action
from info_assistant.api.bodies import described_body, json_body
from info_assistant.api.openapi import EVENT_SCHEMA, problems
from info_assistant.api.requests import caller_of, request_id_of
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import MEDIA_TYPE
from info_assistant.api.wire_chat import (
    MODEL,
    ChatChunks,
    ChatCompletion,
    ChatRequest,
    ModelBody,
    ModelsBody,
    chat_completion,
)
from info_assistant.errors import NotFound
from info_assistant.model.ids import new_id
from info_assistant.model.question import Question


def routes(services: ApiServices) -> APIRouter:
    """Return the routes of OpenAI's API."""
    router = APIRouter()
    asker = Asker(services)

    @router.post(
        CHAT_PATH,
        response_model=ChatCompletion,
        summary="Ask a question as a chat completion",
        openapi_extra=described_body(ChatRequest),
        responses={
            200: {
                "description": "The answer, with footnotes and `citations`. With `stream`: chunks, "
                "then `[DONE]`.",
                "content": {MEDIA_TYPE: {"schema": EVENT_SCHEMA}},
            },
            **problems(400, 413, 422, 429, 500, 503, 504),
        },
    )
    async def complete_chat(request: Request) -> Response:
        """Answer the last message from the documents; the messages before it are earlier turns.

        System messages, sampling and tools are accepted and ignored.
        """
        asked = json_body(request, ChatRequest)
        question = Question(
            id=new_id(),
            text=asked.question(),
            caller=caller_of(request),
            history=asked.history(),
        )
        describe_action(request, question.id)
        if asked.stream:
            chunks = ChatChunks(question.id, asked, request_id_of(request))
            return await asker.stream(question, request, chunks)
        answer = await asker.whole(question, request)
        return with_facts(json_answer(chat_completion(answer, asked.model)), answer)

    _add_models(router)
    return router


def _add_models(router: APIRouter) -> None:
    @router.get(
        MODELS_PATH,
        response_model=ModelsBody,
        summary="List the models that a chat completion can name",
        responses=problems(401, 403, 422, 429, 500, 503),
    )
    async def list_models() -> Response:
        """Give the one model that there is."""
        return json_answer(ModelsBody(data=[ModelBody(id=MODEL)]))

    @router.get(
        f"{MODELS_PATH}/{{model}}",
        response_model=ModelBody,
        summary="Show a model that a chat completion can name",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def show_model(model: Annotated[str, Path(description="The model's id.")]) -> Response:
        """Give the one model that there is; chats may name any other, and are answered by it."""
        if model != MODEL:
            raise NotFound(f"There is one model here, {MODEL!r}.")
        return json_answer(ModelBody(id=MODEL))
