"""For those who look after the documents: questions that found no good answer, in groups.

Nobody is told here who asked. Contributors are shown a question only if its asker was told so (the
edition of the privacy notice that is in its record) and if they may see all documents that it came
closest to: a question may tell what stands in them. Operators, who may read every answer record of
their tenant, are shown all. Shown to nobody here are questions in which personal data is found, and
those of conversations that their asker has deleted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.answering.personal_data import personal_data_in
from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_unanswered import (
    HandledRequest,
    QuestionGroupBody,
    UnansweredBody,
    group_body,
)
from info_assistant.errors import NotFound, VectorStoreUnavailable
from info_assistant.model.conversation import ConversationKey
from info_assistant.model.document import Document
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.ids import new_id
from info_assistant.model.record import NOTICE
from info_assistant.model.unanswered import (
    HandledMark,
    QuestionGroup,
    UnansweredQuestion,
    newest_marks,
)
from info_assistant.ports import DocumentFilter

MOST_QUESTIONS = 500
"""Of how many questions, the newest, groups are made."""

_DOCUMENTS_AT_ONCE = 500
_LOOKS_AT_ONCE = 16

Days = Annotated[int, Query(ge=1, le=365, description="How far back, in days.")]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a caller is shown: groups, the documents that they may see, marks; and what is not."""

    groups: Sequence[QuestionGroup]
    seen: Mapping[str, Document]
    marks: Mapping[str, HandledMark]
    since: datetime
    left_out: int

    def bodies(self) -> list[QuestionGroupBody]:
        """Return the groups as they travel."""
        return [group_body(each, self.marks, self.seen) for each in self.groups]


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for unanswered questions."""
    router = APIRouter(prefix="/v1/unanswered")
    _add_list(router, services)
    _add_marking(router, services)
    return router


def _add_list(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "",
        response_model=UnansweredBody,
        summary="Show unanswered questions",
        responses=problems(401, 403, 422, 429, 500, 503),
    )
    async def show_unanswered(
        request: Request,
        *,
        days: Days = 30,
        handled: Annotated[bool, Query(description="Those that are handled instead.")] = False,
        limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    ) -> Response:
        """Show questions that were not answered, or not well, grouped by likeness.

        Of the newest 500; `since` says how far back that goes. Contributors are shown those of
        askers who were told so, about documents that they may see.
        """
        shown = await _shown(services, caller_of(request), days)
        bodies = shown.bodies()
        wanted = [each for each in bodies if (each.state == "handled") is handled]
        body = UnansweredBody(
            groups=wanted[:limit],
            since=shown.since,
            questions=sum(each.count for each in wanted),
            left_out=shown.left_out,
            handled=sum(each.state == "handled" for each in bodies),
        )
        return json_answer(body)


def _add_marking(router: APIRouter, services: ApiServices) -> None:
    @router.post(
        "/{question_id}/handled",
        response_model=QuestionGroupBody,
        summary="Say that unanswered questions are handled",
        responses=problems(401, 403, 404, 422, 429, 500, 503),
    )
    async def mark_handled(
        request: Request, question_id: UUID, said: HandledRequest, *, days: Days = 30
    ) -> Response:
        """Mark the group of a question as handled, or take that back.

        It counts for the questions that you are shown now: when one comes up later, the group is
        open again.
        """
        caller = caller_of(request)
        shown = await _shown(services, caller, days)
        group = _group_of(shown, str(question_id))
        until = str(said.until or group.questions[0].id)
        named = tuple(each.id for each in group.questions if each.id <= until)
        mark = HandledMark(
            id=new_id(),
            at=datetime.now(UTC),
            tenant=caller.scope.tenant,
            actor=caller.subject,
            question_ids=named,
            handled=said.handled,
        )
        describe_action(request, handled=str(said.handled).lower(), questions=str(len(named)))
        await services.curating.unanswered.mark(mark)
        marks = {**shown.marks, **newest_marks([mark])}
        return json_answer(group_body(group, marks, shown.seen))


def _group_of(shown: _Shown, question_id: str) -> QuestionGroup:
    """Return the group of a question. Raises NotFound."""
    for group in shown.groups:
        if any(each.id == question_id for each in group.questions):
            return group
    raise NotFound(
        "There is no such question among those that you are shown now. It may be older than the "
        "days that you look at: load the list again."
    )


async def _shown(services: ApiServices, caller: Caller, days: int) -> _Shown:
    """Return what a caller is shown of the questions of their tenant."""
    tenant, begin = caller.scope.tenant, datetime.now(UTC) - timedelta(days=days)
    found = await services.curating.unanswered.questions(tenant, begin, MOST_QUESTIONS)
    named = sorted({each for question in found.questions for each in question.documents})
    try:
        seen = await _documents_seen(services, caller.scope, named)
    except VectorStoreUnavailable:
        if not caller.role.includes(Role.OPERATOR):
            raise
        seen = {}  # Whether they are shown a question does not hang on its documents.
    open_to = [each for each in found.questions if _may_be_shown(caller, each, seen)]
    kept = await _without_deleted(services, open_to)
    clean = await asyncio.to_thread(_without_personal_data, kept)
    groups = await services.curating.likeness.groups(clean)
    marks = newest_marks(await services.curating.unanswered.marks(tenant, begin))
    return _Shown(groups, seen, marks, found.since, len(kept) - len(clean))


def _may_be_shown(
    caller: Caller, question: UnansweredQuestion, seen: Mapping[str, Document]
) -> bool:
    """Whether somebody may read a question of another."""
    if caller.role.includes(Role.OPERATOR):
        return True
    # A document of the same name that came later is another one.
    return question.notice >= NOTICE and all(
        each in seen and seen[each].created_at <= question.at for each in question.documents
    )


async def _without_deleted(
    services: ApiServices, questions: Sequence[UnansweredQuestion]
) -> list[UnansweredQuestion]:
    """Return the questions whose askers have not deleted their conversation."""
    places = asyncio.Semaphore(_LOOKS_AT_ONCE)

    async def is_deleted(each: UnansweredQuestion) -> bool:
        if each.conversation_id is None:
            return False
        key = ConversationKey(each.tenant, each.subject, each.conversation_id)
        async with places:
            return await services.conversations.deleted(key, each.id)

    deleted = await asyncio.gather(*map(is_deleted, questions))
    return [each for each, gone in zip(questions, deleted, strict=True) if not gone]


def _without_personal_data(questions: Sequence[UnansweredQuestion]) -> list[UnansweredQuestion]:
    return [
        each
        for each in questions
        if not personal_data_in(each.question) and not personal_data_in(each.searched)
    ]


async def _documents_seen(
    services: ApiServices, scope: AccessScope, ids: Sequence[str]
) -> Mapping[str, Document]:
    """Return those of the documents that `scope` may see now, by id."""
    seen: dict[str, Document] = {}
    for at in range(0, len(ids), _DOCUMENTS_AT_ONCE):
        wanted = DocumentFilter(ids=tuple(ids[at : at + _DOCUMENTS_AT_ONCE]))
        after: str | None = None
        while True:
            page = await services.library.page(
                scope, limit=_DOCUMENTS_AT_ONCE, after=after, wanted=wanted
            )
            seen |= {each.document.id: each.document for each in page.statuses}
            after = page.next
            if after is None:
                break
    return seen
