"""The first page: a question, which leads to the page of its answer."""

import re
from dataclasses import dataclass

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from info_assistant.errors import InfoAssistantError
from info_assistant.model.question import MAX_QUESTION_CHARACTERS
from info_assistant.web import words
from info_assistant.web.asked import Asked, AskedQuestions
from info_assistant.web.asking import Asking, is_conversation, new_conversation
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.condition import ConditionWatch
from info_assistant.web.failures import Failure, failure
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.languages import Phrase
from info_assistant.web.rendering import Renderer
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.visits import SignInNeeded, Visit

_log = structlog.get_logger(__name__)

_DOCUMENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEE_OTHER, _UNAUTHENTICATED, _INVALID = 303, 401, 422


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed: a question, and the conversation that it goes on with, if any.

    `document` is the only one that is to be searched, if there is one.
    """

    question: str = ""
    conversation: str = ""
    document: str = ""


def question_form(
    renderer: Renderer,
    visit: Visit,
    typed: Typed,
    *,
    failure: Failure | None = None,
    mistake: str | Phrase = "",
) -> HTMLResponse:
    """Return the form with what was typed, and with what went wrong, if anything did."""
    status = failure.status if failure else _INVALID if mistake else 200
    context = {"here": "ask", "typed": typed, "failure": failure, "mistake": mistake}
    return renderer.page(
        "ask.html",
        context,
        visit=visit,
        status=status,
        retry_after_s=failure.retry_after_s if failure else None,
    )


class AskPage:
    """Shows the form, and takes questions."""

    def __init__(
        self,
        backend: Backend,
        renderer: Renderer,
        door: Doorkeeper,
        asked: AskedQuestions,
        condition: ConditionWatch,
    ) -> None:
        """Ask `backend` for those whom `door` lets in, show with `renderer`."""
        self._backend = backend
        self._condition = condition
        self._renderer = renderer
        self._door = door
        self._asked = asked

    async def visit(self, request: Request) -> Response:
        """Return the form, or lead to the answer to the question in it.

        Raises CrossSite, PayloadTooLarge and BodyLate for what is not a question at all,
        SignInNeeded, and BackendProblem while the service is closed.
        """
        if request.method != "POST":
            return await self._form(request)
        check_origin(request)
        form = await read_form(request)
        conversation = form.get("conversation", "")
        typed = Typed(
            form.get("question", ""),
            conversation if is_conversation(conversation) else "",
            only if _DOCUMENT.fullmatch(only := form.get("document", "")) else "",
        )
        if mistake := _mistake_in(typed.question):
            visit = self._door.visit(request)
            return question_form(self._renderer, visit, typed, mistake=mistake)
        visit = self._door.require(request, question=typed.question)
        try:
            check_csrf(form, visit.csrf)
            return await self._begun(visit, typed)
        except (InfoAssistantError, BackendProblem) as exc:
            return self._failure(typed, exc, visit)

    async def _form(self, request: Request) -> Response:
        """Return the form, with the question in it that was typed before signing in again."""
        visit = self._door.visit(request)
        await self._door.require_open(visit)
        visit = self._door.require(request)
        typed = Typed(self._door.draft(request, visit))
        response = question_form(self._renderer, visit, typed)
        self._door.drop_draft(request, response)
        return response

    async def _begun(self, visit: Visit, typed: Typed) -> Response:
        """Ask, and lead to the answer, which is read to its end meanwhile."""
        conversation = typed.conversation or new_conversation()
        question = Asking(typed.question, conversation, typed.document)
        # A backend that hangs is noticed long before the time for an answer is up.
        underway = await self._condition.while_it_answers(self._backend.begin(question, visit))
        self._asked.remember(underway.id, Asked(typed.question, conversation, visit))
        return RedirectResponse(
            f"/answers/{underway.id}#result",
            _SEE_OTHER,
            background=BackgroundTask(self._asked.follow, underway),
        )

    def _failure(
        self, typed: Typed, error: InfoAssistantError | BackendProblem, visit: Visit
    ) -> HTMLResponse:
        """Return the form with what went wrong. Raises SignInNeeded if the session has ended."""
        found = failure(error, visit.request_id)
        _log.warning("question_not_answered", code=found.code, request_id=found.request_id)
        if visit.session is not None and found.status == _UNAUTHENTICATED:
            raise SignInNeeded(question=typed.question, refused=True)
        if found.status == _INVALID:
            mistake = found.detail or found.words.heading
            return question_form(self._renderer, visit, typed, mistake=mistake)
        return question_form(self._renderer, visit, typed, failure=found)


def _mistake_in(question: str) -> str | Phrase:
    """Return what is wrong with a question, "" if nothing is."""
    if not question.strip():
        return words.EMPTY_QUESTION
    return words.LONG_QUESTION if len(question) > MAX_QUESTION_CHARACTERS else ""
