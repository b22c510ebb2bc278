"""Where a document is cited: the answers that quote it, for those who look after it.

Contributors learn when an answer quoted which place of a document that they may see, so that they
know what hangs on it. What was asked and by whom is the asker's business: only they themselves and
operators of the tenant, who may read every answer record, are told.
"""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.recorded import may_read
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.documents import DocumentId
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_records import CitingAnswersBody, citing_answers_body


def routes(services: ApiServices) -> APIRouter:
    """Return the route for where a document is cited."""
    router = APIRouter()

    @router.get(
        "/v1/documents/{document_id}/citations",
        response_model=CitingAnswersBody,
        summary="Show where a document is cited",
        responses=problems(403, 404, 422, 429, 500, 503),
    )
    async def citations(
        request: Request,
        document_id: DocumentId,
        limit: Annotated[int, Query(ge=1, le=100, description="How many answers at most.")] = 20,
        before: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    ) -> Response:
        """List the answers that quote a document, newest first, with the places they quote.

        Questions and askers are told only to who asked, and to operators. A page may hold fewer
        than `limit` and still have a `next`.
        """
        caller = caller_of(request)
        document = await services.library.document(caller.scope, str(document_id))
        page = await services.answers.citing(
            caller.scope.tenant,
            document.id,
            limit=limit,
            before=str(before) if before else None,
        )
        # Answers from before quoted another document, which had this name and was removed.
        records = [each for each in page.records if each.at >= document.created_at]
        # The records come newest first, so nothing older is of this document either.
        following = page.next if len(records) == len(page.records) else None
        return json_answer(
            citing_answers_body(
                records, document.id, following, lambda record: may_read(caller, record.subject)
            )
        )

    return router
