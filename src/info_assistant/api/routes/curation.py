"""Looking after documents: editing what is said about them, holding them back, trying them again.

Whatever can be done to one document can be done to a hundred at once; each then has an outcome of
its own, and an event of its own in the audit trail.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action, note_done
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.documents import DocumentId
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_curation import (
    DocumentChange,
    HoldOrder,
    OutcomeBody,
    OutcomesBody,
    Several,
    SeveralChanges,
    SeveralHolds,
)
from info_assistant.api.wire_documents import DocumentBody, document_body
from info_assistant.errors import Conflict, Forbidden, InvalidRequest, NotFound
from info_assistant.model.document import DocumentStatus, HoldKind

_AT_ONCE = 8
_LONGEST_TOLD = 1000
_PROBLEMS = problems(403, 404, 409, 422, 429, 500, 503)
_PROBLEMS_OF_SEVERAL = problems(403, 422, 429, 500, 503)
_HOLDS = {"withdraw": HoldKind.WITHDRAWN, "quarantine": HoldKind.QUARANTINED}

_WORDS = {
    HoldKind.WITHDRAWN: "Take out of answers, here from this answer on, everywhere within 2 "
    "seconds. Who may see a document can still read it. Nothing but restoring brings it back.",
    HoldKind.QUARANTINED: "Take out of answers, here from this answer on, everywhere within 2 "
    "seconds, and close the content to all but contributors and operators. Nothing but restoring "
    "brings it back.",
}
"""What holding back means, for the API's description."""

Act = Callable[[str], Awaitable[DocumentStatus]]


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for those who look after documents."""
    router = APIRouter(prefix="/v1/documents")
    _add_editing(router, services)
    for word, kind in _HOLDS.items():
        _add_holding(router, services, word, kind)
    _add_restoring(router, services)
    _add_retrying(router, services)
    return router


def _add_editing(router: APIRouter, services: ApiServices) -> None:
    @router.patch(
        "/{document_id}",
        response_model=DocumentBody,
        summary="Edit a document's title, metadata and access",
        responses=_PROBLEMS,
    )
    async def change(request: Request, document_id: DocumentId, change: DocumentChange) -> Response:
        """Change what is said about a document and who may see it: here from this answer on,
        everywhere within 2 seconds. It is neither read nor embedded again.
        """  # noqa: D205  It is one sentence in the API's description.
        _describe(request, change)
        status = await services.library.edit(caller_of(request), str(document_id), change.edit())
        return json_answer(document_body(status))

    @router.patch(
        "",
        response_model=OutcomesBody,
        summary="Edit several documents",
        responses=_PROBLEMS_OF_SEVERAL,
    )
    async def change_several(request: Request, several: SeveralChanges) -> Response:
        """Make the same change to several documents, each with an outcome of its own."""
        _describe(request, several.change)
        caller, edit = caller_of(request), several.change.edit()
        return await _each(request, several, lambda each: services.library.edit(caller, each, edit))


def _describe(request: Request, change: DocumentChange) -> None:
    access = {} if change.access is None else {"access": ", ".join(change.access)[:_LONGEST_TOLD]}
    describe_action(request, changed=change.told, **access)


def _add_holding(router: APIRouter, services: ApiServices, word: str, kind: HoldKind) -> None:
    @router.post(
        f"/{{document_id}}/{word}",
        name=f"{word}_document",
        response_model=DocumentBody,
        summary=f"{word.capitalize()} a document",
        description=_WORDS[kind],
        responses=_PROBLEMS,
    )
    async def hold(request: Request, document_id: DocumentId, order: HoldOrder) -> Response:
        describe_action(request, reason=order.reason)
        status = await services.library.hold(
            caller_of(request), str(document_id), kind, order.reason
        )
        return json_answer(document_body(status))

    @router.post(
        f"/{word}",
        name=f"{word}_documents",
        response_model=OutcomesBody,
        summary=f"{word.capitalize()} several documents",
        description=_WORDS[kind],
        responses=_PROBLEMS_OF_SEVERAL,
    )
    async def hold_several(request: Request, order: SeveralHolds) -> Response:
        describe_action(request, reason=order.reason)
        caller = caller_of(request)
        return await _each(
            request, order, lambda each: services.library.hold(caller, each, kind, order.reason)
        )


def _add_restoring(router: APIRouter, services: ApiServices) -> None:
    @router.post(
        "/{document_id}/restore",
        response_model=DocumentBody,
        summary="Restore a document",
        responses=_PROBLEMS,
    )
    async def restore(request: Request, document_id: DocumentId) -> Response:
        """Let a document that was held back into answers again: at once, without reading it anew,
        where its passages are there.
        """  # noqa: D205  It is one sentence in the API's description.
        status = await services.library.restore(caller_of(request), str(document_id))
        return json_answer(document_body(status))

    @router.post(
        "/restore",
        response_model=OutcomesBody,
        summary="Restore several documents",
        responses=_PROBLEMS_OF_SEVERAL,
    )
    async def restore_several(request: Request, several: Several) -> Response:
        """Let several documents into answers again, each with an outcome of its own."""
        caller = caller_of(request)
        return await _each(request, several, lambda each: services.library.restore(caller, each))


def _add_retrying(router: APIRouter, services: ApiServices) -> None:
    @router.post(
        "/{document_id}/retry",
        status_code=202,
        response_model=DocumentBody,
        summary="Take a failed document in again",
        responses=_PROBLEMS,
    )
    async def retry(request: Request, document_id: DocumentId) -> Response:
        """Try a document again that failed; one that is on its way already goes on."""
        status = await services.library.retry(caller_of(request), str(document_id))
        return json_answer(document_body(status), 202)


async def _each(request: Request, several: Several, act: Act) -> Response:
    """Do the same to each document; outages end the request, refusals are outcomes."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(document_id: UUID) -> OutcomeBody:
        identity = str(document_id)
        async with places:
            try:
                status = await act(identity)
            except (NotFound, Conflict, Forbidden, InvalidRequest) as error:
                note_done(request, identity, error.code)
                return OutcomeBody(
                    id=identity, outcome=error.code, detail=error.message, document=None
                )
            note_done(request, identity)
            return OutcomeBody(
                id=identity, outcome="done", detail="", document=document_body(status)
            )

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(each)) for each in several.ids]
    except ExceptionGroup as outages:
        # All meet the same outage; one of them is enough to tell.
        raise outages.exceptions[0] from outages
    return json_answer(OutcomesBody(documents=[task.result() for task in tasks]))
