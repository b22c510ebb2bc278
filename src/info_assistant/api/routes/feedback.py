"""What readers say about answers, and where curators read it."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.recorded import record_for, visible_documents
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.answers import AnswerId
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_records import (
    FeedbackBody,
    FeedbackListBody,
    FeedbackRequest,
    feedback_body,
)
from info_assistant.model.feedback import Feedback, Judgement
from info_assistant.model.identity import Caller, Role
from info_assistant.model.ids import new_id
from info_assistant.model.record import AnswerRecord


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for feedback."""
    router = APIRouter()

    @router.post(
        "/v1/answers/{answer_id}/feedback",
        status_code=201,
        response_model=FeedbackBody,
        summary="Say whether an answer helped, or that it is wrong",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def give_feedback(
        request: Request, answer_id: AnswerId, said: FeedbackRequest
    ) -> Response:
        """Keep a word on an answer of one's own, for those who look after its documents."""
        caller = caller_of(request)
        record = await record_for(services, caller, str(answer_id))
        feedback = _feedback(caller, record, said)
        await services.feedback.append(feedback)
        return json_answer(feedback_body(feedback), 201)

    @router.get(
        "/v1/feedback",
        response_model=FeedbackListBody,
        summary="Read what readers say about answers",
        responses=problems(401, 403, 422, 429, 500, 503),
    )
    async def list_feedback(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 50,
        before: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
        judgement: Annotated[Judgement | None, Query(description="Only of this kind.")] = None,
    ) -> Response:
        """List feedback on answers, newest first.

        Contributors read what is about documents that they may see, all of them; operators read
        all of their tenant. A page may be shorter than its limit; `next` continues it.
        """
        caller = caller_of(request)
        page = await services.feedback.page(
            caller.scope.tenant,
            limit=limit,
            before=str(before) if before else None,
            judgement=judgement,
        )
        shown = [each for each in page.feedback if await _may_read(services, caller, each)]
        return json_answer(
            FeedbackListBody(feedback=[feedback_body(each) for each in shown], next=page.next)
        )

    return router


def _feedback(caller: Caller, record: AnswerRecord, said: FeedbackRequest) -> Feedback:
    named = record.answer.citations or record.answer.see_also
    return Feedback(
        id=new_id(),
        at=datetime.now(UTC),
        tenant=caller.scope.tenant,
        subject=caller.subject,
        answer_id=record.id,
        judgement=said.judgement,
        comment=said.comment,
        question=record.question,
        document_ids=tuple(dict.fromkeys(each.passage.document_id for each in named)),
    )


async def _may_read(services: ApiServices, caller: Caller, feedback: Feedback) -> bool:
    """Whether a curator may read this: a question may tell what stands in its documents."""
    if caller.role.includes(Role.OPERATOR):
        return True
    documents = frozenset(feedback.document_ids)
    return bool(documents) and documents == await visible_documents(
        services, caller.scope, documents, feedback.at
    )
