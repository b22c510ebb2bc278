"""Who may see a document, explained."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.documents import DocumentId
from info_assistant.api.services import ApiServices
from info_assistant.api.wire import Wire
from info_assistant.errors import InvalidRequest, NotFound
from info_assistant.model.identity import EVERYONE, AccessScope, Caller
from info_assistant.model.visibility import Explanation

_MOST_GROUPS_ASKED = 200
_LONGEST_TOLD = 1000


class ExplanationBody(Wire):
    """Whether a caller may see a document, and why. `tombstone` is when it was removed."""

    visible: bool
    because: str
    document_groups: list[str] | None
    caller_groups: list[str]
    shared_groups: list[str]
    tenant_matches: bool
    state: str | None
    tombstone: datetime | None


def routes(services: ApiServices) -> APIRouter:
    """Return the route that explains access."""
    router = APIRouter(prefix="/v1/documents")

    @router.get(
        "/{document_id}/access",
        response_model=ExplanationBody,
        summary="Explain who may see a document",
        responses=problems(404, 422, 429, 500, 503),
    )
    async def explain(
        request: HttpRequest,
        document_id: DocumentId,
        groups: Annotated[
            list[str],
            Query(max_length=_MOST_GROUPS_ASKED, description="Explain for members of these."),
        ] = [],  # noqa: B006  FastAPI's form of a list that may be left out.
        key: Annotated[
            str, Query(max_length=100, description="Explain for the API key of this id.")
        ] = "",
    ) -> Response:
        """Say in a sentence why a caller may see a document or not: yourself unless named."""
        caller = caller_of(request)
        if groups and key:
            raise InvalidRequest("Give either `groups` or `key`, not both.")
        describe_action(request, asked=f"key {key}" if key else _told(groups) or "me")
        scope, ended = _asked(services, caller, groups, key)
        explanation = await services.library.explain_access(
            caller.scope.tenant, str(document_id), scope
        )
        return json_answer(_body(explanation, ended))

    return router


def _told(groups: list[str]) -> str:
    """Return groups as the audit trail keeps them."""
    return ", ".join(groups)[:_LONGEST_TOLD]


def _asked(
    services: ApiServices, caller: Caller, groups: list[str], key: str
) -> tuple[AccessScope, str]:
    """Return whose access is asked about, and why they get in nowhere any more, if so."""
    if groups:
        return AccessScope(caller.scope.tenant, frozenset({EVERYONE, *groups})), ""
    if not key:
        return caller.scope, ""
    found = services.find_key(key)
    # Of another tenant's keys nobody here learns anything, not even that there are any.
    if found is None or found[0].tenant != caller.scope.tenant:
        raise NotFound(
            f"There is no API key {key!r}. `info-assistant keys list` shows those there are."
        )
    return found


def _body(explanation: Explanation, ended: str) -> ExplanationBody:
    if ended:
        because = f"Not visible: the API key is {ended}, so nobody gets in with it."
        explanation = replace(explanation, visible=False, because=because)
    return ExplanationBody(
        visible=explanation.visible,
        because=explanation.because,
        document_groups=None
        if explanation.document_groups is None
        else list(explanation.document_groups),
        caller_groups=list(explanation.caller_groups),
        shared_groups=list(explanation.shared_groups),
        tenant_matches=explanation.tenant_matches,
        state=explanation.state,
        tombstone=explanation.tombstone,
    )
