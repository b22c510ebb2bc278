"""Answers given before, as far as a reader may see them now."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from starlette.requests import Request

from info_assistant.answering.release import visible_part
from info_assistant.api.requests import caller_of, request_id_of
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import AnswerStream, StreamOptions
from info_assistant.api.wire_events import NamedEvents
from info_assistant.errors import InfoAssistantError, NotFound, ObjectStorageUnavailable
from info_assistant.model.conversation import ConversationKey
from info_assistant.model.events import AnswerEvent
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.record import AnswerRecord
from info_assistant.resilience.deadline import Deadline

LEFT_OUT = (
    "Parts of this answer rested on documents that are gone or that you may not see any more. "
    "They are left out."
)

_LOOK_S = 2.0


async def record_for(services: ApiServices, caller: Caller, answer_id: str) -> AnswerRecord:
    """Return the record of an answer as it was stored, if `caller` may read it.

    That is who asked, unless they have deleted its conversation, or another operator of the tenant.
    Raises NotFound, ObjectStorageUnavailable.
    """
    record = await kept_record_for(services, caller, answer_id)
    if await _deleted(services, caller, record):
        raise _no_answer()
    return record


async def kept_record_for(services: ApiServices, caller: Caller, answer_id: str) -> AnswerRecord:
    """Return a record for a records request: to operators also what they deleted as its asker.

    Raises NotFound, ObjectStorageUnavailable.
    """
    record = await services.answers.find(caller.scope.tenant, answer_id)
    if record is None or not may_read(caller, record.subject):
        raise _no_answer()
    if not caller.role.includes(Role.OPERATOR) and await _deleted(services, caller, record):
        raise _no_answer()
    return record


async def require_not_deleted(services: ApiServices, caller: Caller, answer_id: str) -> None:
    """Return unless the caller has deleted this answer with its conversation. Raises NotFound."""
    try:
        async with asyncio.timeout(_LOOK_S):
            record = await services.answers.find(caller.scope.tenant, answer_id)
    except (TimeoutError, InfoAssistantError):
        return
    if record is not None and await _deleted(services, caller, record):
        raise _no_answer()


def _no_answer() -> NotFound:
    return NotFound(
        "There is no such answer, or it is not yours. An answer given a moment ago may take "
        "some seconds to be found."
    )


async def _deleted(services: ApiServices, caller: Caller, record: AnswerRecord) -> bool:
    """Whether the caller has deleted this answer of theirs.

    While object storage cannot say, they are shown it: readers go on reading then.
    """
    if record.conversation_id is None or record.subject != caller.subject:
        return False
    key = ConversationKey(record.tenant, record.subject, record.conversation_id)
    try:
        async with asyncio.timeout(_LOOK_S):
            return await services.conversations.deleted(key, record.id)
    except (TimeoutError, ObjectStorageUnavailable):
        return False


def may_read(caller: Caller, subject: str) -> bool:
    """Whether a caller may read what was answered to `subject`, in the same tenant."""
    return caller.subject == subject or caller.role.includes(Role.OPERATOR)


async def visible_record(
    services: ApiServices, scope: AccessScope, record: AnswerRecord
) -> tuple[AnswerRecord, bool]:
    """Return the part of a record that `scope` may see now, and whether that is all of it."""
    answer = record.answer
    cited = {each.passage.document_id for each in (*answer.citations, *answer.see_also)}
    visible = await visible_documents(services, scope, cited, record.at)
    left = visible_part(answer, lambda each: each.document_id in visible)
    # Follow-ups name what stands in documents.
    if left is not answer:
        left = replace(left, follow_ups=())
    return replace(record, answer=left), left is answer


def told_again(
    services: ApiServices,
    request: Request,
    answer_id: str,
    events: AsyncGenerator[AnswerEvent | None, None],
    *,
    after: int = 0,
) -> AnswerStream:
    """Return events of an answer that was begun before as a stream; `after` were read already."""
    options = StreamOptions(
        rendering=NamedEvents(request_id_of(request), with_text=False),
        ping_s=services.limits.ping_s,
        lifecycle=services.lifecycle,
        may_show=partial(services.visibility.may_show, caller_of(request).scope),
        first=after + 1,
        answer_id=answer_id,
    )
    return AnswerStream((), events, Deadline.after(services.limits.request_s), options)


async def each_of(events: Iterable[AnswerEvent]) -> AsyncGenerator[AnswerEvent | None, None]:
    """Yield events that are there already."""
    for event in events:
        yield event


async def visible_documents(
    services: ApiServices, scope: AccessScope, documents: Collection[str], at: datetime
) -> frozenset[str]:
    """Return those documents that `scope` may see now and that are those of the moment `at`."""

    async def is_visible(document_id: str) -> bool:
        try:
            document = await services.library.document(scope, document_id)
        except NotFound:
            return False
        # Else the document that was cited is gone, and another has its name now.
        return document.hold is None and document.created_at <= at

    ordered = sorted(documents)
    found = await asyncio.gather(*map(is_visible, ordered))
    return frozenset(each for each, visible in zip(ordered, found, strict=True) if visible)
