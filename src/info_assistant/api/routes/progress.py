"""How far documents are, told as it changes."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.documents import DocumentId
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import MEDIA_TYPE
from info_assistant.api.watching import DocumentStream, Places, WatchOptions
from info_assistant.errors import NotFound
from info_assistant.model.document import DocumentState, DocumentStatus
from info_assistant.ports import DocumentFilter

_UNDER_WAY = tuple(state for state in DocumentState if not state.settled)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`document` whenever one changes, then `settled`, or `again` at the end of "
        "the time; after that the client may come back.",
        "content": {MEDIA_TYPE: {"schema": {"description": "Server-sent events."}}},
    },
}


def routes(services: ApiServices) -> APIRouter:
    """Return the routes that tell of documents under way."""
    router = APIRouter(prefix="/v1/documents")
    places = Places(services.limits.watched_at_once)
    options = WatchOptions(ping_s=services.limits.ping_s, longest_s=services.limits.request_s * 0.8)

    @router.get(
        "/events",
        response_class=Response,
        summary="Watch documents come in",
        responses={**_RESPONSES, **problems(422, 429, 500, 503)},
    )
    async def watch_all(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=200, description="How many to watch.")] = 100,
    ) -> Response:
        """Tell of the documents under way that the caller may see, until all are settled.

        A document that comes later is told of too while others are on their way.
        """
        scope = caller_of(request).scope
        watched: dict[str, None] = {}

        async def look() -> list[DocumentStatus]:
            found: list[DocumentStatus] = []
            for state in _UNDER_WAY:
                page = await services.library.page(
                    scope, limit=limit, after=None, wanted=DocumentFilter(state=state)
                )
                found += page.statuses
            now = {each.document.id for each in found}
            for left in [each for each in watched if each not in now]:
                found += await _if_there(services, request, left)
                del watched[left]
            watched.update(dict.fromkeys(each.document.id for each in found[:limit]))
            return found[:limit]

        return await DocumentStream.begin(look, options, places.take())

    @router.get(
        "/{document_id}/events",
        response_class=Response,
        summary="Watch a document come in",
        responses={**_RESPONSES, **problems(404, 422, 429, 500, 503)},
    )
    async def watch(request: Request, document_id: DocumentId) -> Response:
        """Tell how far a document is whenever that changes, until it is settled."""
        scope = caller_of(request).scope

        async def look() -> list[DocumentStatus]:
            return [await services.library.status(scope, str(document_id))]

        return await DocumentStream.begin(look, options, places.take())

    return router


async def _if_there(
    services: ApiServices, request: Request, document_id: str
) -> list[DocumentStatus]:
    """Return the state of a document that left the list, unless it is gone."""
    try:
        return [await services.library.status(caller_of(request).scope, document_id)]
    except NotFound:
        return []
