"""How often a document is read: numbers for those who look after it, names for operators.

Who read what is in the audit trail, which operators of the tenant may see. Contributors learn how
often, and by how many, so that they know whether anybody would miss a document.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.documents import DocumentId
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_records import ReadersBody, readers_body
from info_assistant.model.identity import Role


def routes(services: ApiServices) -> APIRouter:
    """Return the route for who reads a document."""
    router = APIRouter()

    @router.get(
        "/v1/documents/{document_id}/readers",
        response_model=ReadersBody,
        summary="Show how often a document is read",
        responses=problems(403, 404, 422, 429, 500, 503),
    )
    async def readers(
        request: Request,
        document_id: DocumentId,
        *,
        days: Annotated[int, Query(ge=1, le=365, description="How far back, in days.")] = 30,
    ) -> Response:
        """Count how often its text was opened, its file downloaded, and an answer quoted it.

        By day (UTC), and by how many different people; names only for operators. Each part of a
        long text that is opened counts. What other replicas noted is here within some seconds.
        """
        caller = caller_of(request)
        document = await services.library.document(caller.scope, str(document_id))
        # Before that, another document had this name.
        since = max(datetime.now(UTC) - timedelta(days=days), document.created_at)
        found = await services.curating.readers.of(caller.scope.tenant, document.id, since)
        named = caller.role.includes(Role.OPERATOR)
        return json_answer(readers_body(found, named=named))

    return router
