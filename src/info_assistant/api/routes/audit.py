"""For operators: what was done in their tenant, by whom and with what outcome."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_records import AuditBody, audit_body

Word = Annotated[str, Query(max_length=200)]


def routes(services: ApiServices) -> APIRouter:
    """Return the route for the audit trail."""
    router = APIRouter()

    @router.get(
        "/v1/admin/audit",
        response_model=AuditBody,
        summary="Show the audit trail",
        responses=problems(401, 403, 422, 429, 500, 503),
    )
    async def show_audit(  # noqa: PLR0913  Each is a parameter of the address.
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
        before: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
        actor: Word = "",
        action: Word = "",
        target: Word = "",
        outcome: Word = "",
    ) -> Response:
        """List what was done in the caller's tenant, newest first; each filter must match wholly.

        What other replicas noted is here within some seconds.
        """
        given = {"actor": actor, "action": action, "target": target, "outcome": outcome}
        page = await services.audit.page(
            caller_of(request).scope.tenant,
            limit=limit,
            before=str(before) if before else None,
            matching={name: value for name, value in given.items() if value},
        )
        return json_answer(audit_body(page))

    return router
