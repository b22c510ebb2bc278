"""Answers given before, for those who asked and for operators of their tenant."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.answering.recall import events_of
from info_assistant.answering.release import MayShow, released
from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import EVENT_SCHEMA, problems
from info_assistant.api.recorded import (
    LEFT_OUT,
    each_of,
    kept_record_for,
    record_for,
    require_not_deleted,
    told_again,
    visible_record,
)
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import MEDIA_TYPE
from info_assistant.api.wire_records import (
    AnswerExport,
    RecordedAnswerBody,
    answer_export,
    recorded_answer_body,
)
from info_assistant.errors import NotFound, ResumeElsewhere
from info_assistant.model.events import AnswerEvent, AnswerReset
from info_assistant.model.ids import milliseconds_of
from info_assistant.ports import NumberedEvent

FROM_RECORD = "resumed_from_record"
"""Why a stream that is taken up again begins anew: its events are gone, its answer is there."""

AnswerId = Annotated[UUID, Path(description="The answer's id.")]


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for answers given before."""
    router = APIRouter()

    @router.get(
        "/v1/answers/{answer_id}",
        response_model=RecordedAnswerBody,
        summary="Show an answer given before",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def show_answer(request: Request, answer_id: AnswerId) -> Response:
        """Give a question and its answer to who asked, or to an operator of the tenant.

        What rests on documents that the reader may not see now is left out, and a notice says so.
        """
        caller = caller_of(request)
        record = await record_for(services, caller, str(answer_id))
        record, whole = await visible_record(services, caller.scope, record)
        return json_answer(recorded_answer_body(record, () if whole else (LEFT_OUT,)))

    @router.get(
        "/v1/answers/{answer_id}/export",
        response_model=AnswerExport,
        summary="Export the record of an answer, for a records request",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def export_answer(request: Request, answer_id: AnswerId) -> Response:
        """Give all that is recorded of an answer: what was asked, found, checked, said and spent.

        `sha256` is of the whole record, also where parts are left out here: two exports with the
        same are of the same record.
        """
        caller = caller_of(request)
        stored = await kept_record_for(services, caller, str(answer_id))
        record, whole = await visible_record(services, caller.scope, stored)
        digest = hashlib.sha256(to_json(stored)).hexdigest()
        now = datetime.now(UTC)
        return json_answer(answer_export(record, digest, now, () if whole else (LEFT_OUT,)))

    _add_resumption(router, services)
    return router


def _add_resumption(router: APIRouter, services: ApiServices) -> None:
    """Add the route that goes on with the events of an answer."""

    @router.get(
        "/v1/answers/{answer_id}/events",
        summary="Take up the stream of an answer again",
        response_class=Response,
        responses={
            200: {
                "description": "The events after `Last-Event-ID`, as they happen. Where they are "
                "gone and the answer is there: a reset, and the whole answer once more.",
                "content": {MEDIA_TYPE: {"schema": EVENT_SCHEMA}},
            },
            **problems(401, 403, 404, 409, 422, 429, 500, 503),
        },
    )
    async def resume_events(
        request: Request,
        answer_id: AnswerId,
        last_event_id: Annotated[
            int,
            Header(ge=0, le=10**9, description="The last event that arrived; 0, or none, for all."),
        ] = 0,
    ) -> Response:
        """Go on with an answer's events, for its asker, whichever process gives it.

        While Redis is away, or not in use, it must be asked of the process that gives it (409
        `resume_elsewhere`); an answer that is finished can be had from every process.
        """
        caller = caller_of(request)
        await require_not_deleted(services, caller, str(answer_id))
        numbered = await services.events.read(str(answer_id), caller, last_event_id)
        if numbered is None:
            events = await _from_record(services, request, str(answer_id), last_event_id)
        else:
            events = _shown(numbered, partial(services.visibility.may_show, caller.scope))
        return told_again(services, request, str(answer_id), events, after=last_event_id)


async def _from_record(
    services: ApiServices, request: Request, answer_id: str, after: int
) -> AsyncGenerator[AnswerEvent | None, None]:
    """Return the events of a recorded answer. Raises NotFound, ResumeElsewhere."""
    caller = caller_of(request)
    try:
        record = await record_for(services, caller, answer_id)
    except NotFound:
        if _is_young(answer_id, services.limits.request_s):
            raise ResumeElsewhere(
                "This answer may be given by another process at this moment. Please ask for it "
                "again in a few seconds; it can be had from here once it is finished.",
                retry_after_s=3.0,
            ) from None
        raise
    record, _ = await visible_record(services, caller.scope, record)
    anew = (AnswerReset(FROM_RECORD),) if after else ()
    return each_of((*anew, *events_of(record.answer)))


def _is_young(answer_id: str, request_s: float) -> bool:
    """Whether an answer with this id could still be on its way."""
    try:
        made = milliseconds_of(answer_id) / 1000
    except ValueError:
        return False
    return abs(datetime.now(UTC).timestamp() - made) < 2 * request_s


async def _shown(
    numbered: AsyncIterator[NumberedEvent], may_show: MayShow
) -> AsyncGenerator[AnswerEvent | None, None]:
    """Yield what may be shown of each event, None where that is nothing; raise what ended them."""
    async for _, event in numbered:
        if isinstance(event, Exception):
            raise event
        yield released(event, may_show)
