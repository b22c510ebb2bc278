"""Who the caller is, as the service sees them."""

from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.wire import Wire
from info_assistant.model.identity import Role


class MeBody(Wire):
    """The caller. `signed_in_by` is `none` where nobody needs to sign in."""

    subject: str
    name: str
    tenant: str
    role: Role
    groups: list[str]
    signed_in_by: Literal["none", "key", "token"]


def routes() -> APIRouter:
    """Return the route about the caller."""
    router = APIRouter()

    @router.get(
        "/v1/me",
        response_model=MeBody,
        summary="Who you are here, and what you may do",
        responses=problems(422, 500, 503),
    )
    async def me(request: Request) -> Response:
        """Tell callers their own name, tenant, role and access groups."""
        caller = caller_of(request)
        return json_answer(
            MeBody(
                subject=caller.subject,
                name=caller.name or caller.subject,
                tenant=caller.scope.tenant,
                role=caller.role,
                groups=sorted(caller.scope.groups),
                signed_in_by=caller.signed_in_by,
            )
        )

    return router
