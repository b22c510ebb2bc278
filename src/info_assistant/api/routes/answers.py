"""Answers given before, for those who asked and for operators of their tenant."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.answering.release import visible_part
from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_records import RecordedAnswerBody, recorded_answer_body
from info_assistant.errors import NotFound
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.record import AnswerRecord

_LEFT_OUT = (
    "Parts of this answer rested on documents that are gone or that you may not see any more. "
    "They are left out."
)


def routes(services: ApiServices) -> APIRouter:
    """Return the route for answers given before."""
    router = APIRouter()

    @router.get(
        "/v1/answers/{answer_id}",
        response_model=RecordedAnswerBody,
        summary="Show an answer given before",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def show_answer(
        request: Request, answer_id: Annotated[UUID, Path(description="The answer's id.")]
    ) -> Response:
        """Give a question and its answer to who asked, or to an operator of the tenant.

        What rests on documents that the reader may not see now is left out, and a notice says so.
        """
        caller = caller_of(request)
        record = await services.answers.find(caller.scope.tenant, str(answer_id))
        if record is None or not may_read(caller, record):
            raise NotFound(
                "There is no such answer, or it is not yours. An answer given a moment ago may "
                "take some seconds to be found."
            )
        visible = await _visible_documents(services, caller.scope, record)
        answer = visible_part(record.answer, lambda each: each.document_id in visible)
        notices = () if answer is record.answer else (_LEFT_OUT,)
        return json_answer(recorded_answer_body(replace(record, answer=answer), notices))

    return router


def may_read(caller: Caller, record: AnswerRecord) -> bool:
    """Whether a caller may know what was asked and answered: who asked, and operators."""
    return caller.subject == record.subject or caller.role.includes(Role.OPERATOR)


async def _visible_documents(
    services: ApiServices, scope: AccessScope, record: AnswerRecord
) -> frozenset[str]:
    """Return those documents of an answer that `scope` may see now."""
    answer = record.answer
    cited = {each.passage.document_id for each in (*answer.citations, *answer.see_also)}

    async def is_visible(document_id: str) -> bool:
        try:
            document = await services.library.document(scope, document_id)
        except NotFound:
            return False
        return document.hold is None and not _made_anew(document.created_at, record)

    documents = sorted(cited)
    found = await asyncio.gather(*map(is_visible, documents))
    return frozenset(each for each, visible in zip(documents, found, strict=True) if visible)


def _made_anew(created_at: datetime, record: AnswerRecord) -> bool:
    """Whether the document that was cited is gone, and another has its name now."""
    return created_at > record.at
