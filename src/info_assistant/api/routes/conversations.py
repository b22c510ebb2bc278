"""Conversations: what a caller asked under one id, and an end to it."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.recorded import LEFT_OUT, visible_record
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire import ConversationId
from info_assistant.api.wire_records import (
    ConversationBody,
    ConversationDeleted,
    ConversationListBody,
    RecordedAnswerBody,
    TurnBody,
    conversation_list_body,
    recorded_answer_body,
)
from info_assistant.errors import NotFound
from info_assistant.model.conversation import ConversationKey, ConversationTurn
from info_assistant.model.identity import Caller

MOST_LISTED = 50
"""Conversations on a page of the list."""

MOST_TURNS = 100
"""Turns that are shown, from the newest back."""

_KEPT = (
    "The conversation is gone: neither it nor its answers are shown to you any more, and no later "
    "question knows it. The records of its answers are kept until their time is over, for records "
    "requests; operators can read them. The audit trail keeps when you asked, read and deleted, "
    "without your words."
)

Id = Annotated[ConversationId, Path(description="The id that the questions were asked under.")]


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for conversations."""
    router = APIRouter()

    @router.get(
        "/v1/conversations/{conversation_id}",
        response_model=ConversationBody,
        summary="Show a conversation",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def show_conversation(request: Request, conversation_id: Id) -> Response:
        """Give the caller's own questions under an id, oldest first, with their answers.

        An answer that was given a moment ago by another process may be missing for some seconds.
        """
        caller = caller_of(request)
        key = _key(caller, conversation_id)
        turns = await services.conversations.newest(key, MOST_TURNS)
        if not turns:
            raise _unknown()
        answers = await asyncio.gather(*(_answer(services, caller, each) for each in turns))
        shown = [
            TurnBody(id=turn.answer_id, question=turn.question, answer=answer)
            for turn, answer in zip(turns, answers, strict=True)
        ]
        return json_answer(ConversationBody(id=conversation_id, turns=shown))

    @router.delete(
        "/v1/conversations/{conversation_id}",
        response_model=ConversationDeleted,
        summary="Delete a conversation",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def delete_conversation(request: Request, conversation_id: Id) -> Response:
        """Forget the caller's own questions under an id; durable when this returns."""
        key = _key(caller_of(request), conversation_id)
        deleted = await services.conversations.delete(key)
        if not deleted:
            raise _unknown()
        return json_answer(ConversationDeleted(id=conversation_id, turns=deleted, detail=_KEPT))

    _add_list(router, services)
    return router


def _add_list(router: APIRouter, services: ApiServices) -> None:
    """Add the route that lists conversations."""

    @router.get(
        "/v1/conversations",
        response_model=ConversationListBody,
        summary="List one's conversations",
        responses=problems(401, 403, 422, 429, 500, 503),
    )
    async def list_conversations(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="How many at most.")] = 20,
        before: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    ) -> Response:
        """List the caller's own conversations, the one asked in last first.

        A page may be shorter than its limit; `next` continues it.
        """
        caller = caller_of(request)
        page = await services.conversations.of_asker(
            caller.scope.tenant,
            caller.subject,
            limit=limit,
            before=None if before is None else str(before),
        )
        return json_answer(conversation_list_body(page))


def _key(caller: Caller, conversation_id: str) -> ConversationKey:
    return ConversationKey(caller.scope.tenant, caller.subject, conversation_id)


def _unknown() -> NotFound:
    return NotFound("There is no such conversation, or it is not yours.")


async def _answer(
    services: ApiServices, caller: Caller, turn: ConversationTurn
) -> RecordedAnswerBody | None:
    """Return a turn's answer as far as it may be seen now, or None while it is not found."""
    record = await services.answers.find(caller.scope.tenant, turn.answer_id)
    if record is None or record.subject != caller.subject:
        return None
    record, whole = await visible_record(services, caller.scope, record)
    return recorded_answer_body(record, () if whole else (LEFT_OUT,))
