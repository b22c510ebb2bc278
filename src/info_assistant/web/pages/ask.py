"""The first page: a question, and its answer with the evidence."""

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from info_assistant.errors import InfoAssistantError
from info_assistant.model.question import MAX_QUESTION_CHARACTERS
from info_assistant.web import words
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.failures import failure
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.rendering import Renderer
from info_assistant.web.replies import Answer
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.visits import SignInNeeded, Visit

_log = structlog.get_logger(__name__)


class AskPage:
    """Shows the form, and answers it in the same page."""

    def __init__(self, backend: Backend, renderer: Renderer, door: Doorkeeper) -> None:
        """Ask `backend` for those whom `door` lets in, show with `renderer`."""
        self._backend = backend
        self._renderer = renderer
        self._door = door

    async def visit(self, request: Request) -> Response:
        """Return the form, or the answer to the question in it.

        Raises CrossSite, PayloadTooLarge and BodyLate for what is not a question at all,
        SignInNeeded, and BackendProblem while the service is closed.
        """
        if request.method != "POST":
            return await self._form(request)
        check_origin(request)
        form = await read_form(request)
        question = form.get("question", "")
        if mistake := _mistake_in(question):
            return self._mistake(question, mistake, self._door.visit(request))
        visit = self._door.require(request, question=question)
        try:
            check_csrf(form, visit.csrf)
            answer = await self._backend.ask(question, visit)
        except (InfoAssistantError, BackendProblem) as exc:
            return self._failure(question, exc, visit)
        return self._renderer.page("ask.html", _context(question, answer=answer), visit=visit)

    async def _form(self, request: Request) -> Response:
        """Return the form, with the question in it that was typed before signing in again."""
        visit = self._door.visit(request)
        await self._door.require_open(visit)
        visit = self._door.require(request)
        context = _context(self._door.draft(request, visit))
        response = self._renderer.page("ask.html", context, visit=visit)
        self._door.drop_draft(request, response)
        return response

    def _failure(
        self, question: str, error: InfoAssistantError | BackendProblem, visit: Visit
    ) -> HTMLResponse:
        """Return the form with what went wrong. Raises SignInNeeded if the session has ended."""
        found = failure(error, visit.request_id)
        _log.warning("question_not_answered", code=found.code, request_id=found.request_id)
        if visit.session is not None and found.status == 401:  # noqa: PLR2004 — not signed in.
            raise SignInNeeded(question=question, refused=True)
        if found.status == 422:  # noqa: PLR2004 — the question itself is at fault.
            return self._mistake(question, found.detail or found.words.heading, visit)
        return self._renderer.page(
            "ask.html",
            _context(question, failure=found),
            visit=visit,
            status=found.status,
            retry_after_s=found.retry_after_s,
        )

    def _mistake(self, question: str, said: str, visit: Visit) -> HTMLResponse:
        """Return the form with what is wrong about its field."""
        context = _context(question, mistake=said)
        return self._renderer.page("ask.html", context, visit=visit, status=422)


def _mistake_in(question: str) -> str:
    """Return what is wrong with a question, "" if nothing is."""
    if not question.strip():
        return words.EMPTY_QUESTION
    return words.LONG_QUESTION if len(question) > MAX_QUESTION_CHARACTERS else ""


def _context(
    question: str, *, answer: Answer | None = None, failure: object = None, mistake: str = ""
) -> dict[str, object]:
    """Return everything that the template knows."""
    return {
        "here": "ask",
        "question": question,
        "answer": answer,
        "outcome": words.outcome(answer.status) if answer else None,
        "failure": failure,
        "mistake": mistake,
    }
