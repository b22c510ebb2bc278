"""The first page: a question, and its answer with the evidence."""

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from info_assistant.errors import InfoAssistantError
from info_assistant.model.question import MAX_QUESTION_CHARACTERS
from info_assistant.web import words
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.failures import failure
from info_assistant.web.forms import check_origin, read_question
from info_assistant.web.rendering import Renderer
from info_assistant.web.replies import Answer

_log = structlog.get_logger(__name__)


class AskPage:
    """Shows the form, and answers it in the same page."""

    def __init__(self, backend: Backend, renderer: Renderer) -> None:
        """Ask `backend`, show with `renderer`."""
        self._backend = backend
        self._renderer = renderer

    async def visit(self, request: Request) -> Response:
        """Return the form, or the answer to the question in it.

        Raises CrossSite, PayloadTooLarge and BodyLate for what is not a question at all.
        """
        if request.method != "POST":
            return self._renderer.page("ask.html", _context(""))
        check_origin(request)
        question = await read_question(request)
        if not question.strip():
            return self._mistake(question, words.EMPTY_QUESTION)
        if len(question) > MAX_QUESTION_CHARACTERS:
            return self._mistake(question, words.LONG_QUESTION)
        return await self._answer(question, request.state.request_id)

    async def _answer(self, question: str, request_id: str) -> HTMLResponse:
        """Return the page with the backend's answer, or with what went wrong."""
        try:
            answer = await self._backend.ask(question, request_id=request_id)
        except (InfoAssistantError, BackendProblem) as exc:
            found = failure(exc, request_id)
            _log.warning("question_not_answered", code=found.code, request_id=found.request_id)
            if found.status == 422:  # noqa: PLR2004 — the question itself is at fault.
                return self._mistake(question, found.detail or found.words.heading)
            return self._renderer.page(
                "ask.html",
                _context(question, failure=found),
                status=found.status,
                retry_after_s=found.retry_after_s,
            )
        return self._renderer.page("ask.html", _context(question, answer=answer))

    def _mistake(self, question: str, said: str) -> HTMLResponse:
        """Return the form with what is wrong about its field."""
        return self._renderer.page("ask.html", _context(question, mistake=said), status=422)


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
