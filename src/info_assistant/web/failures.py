"""From what went wrong to the page that says so."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from info_assistant.errors import InfoAssistantError
from info_assistant.web.backend import BackendProblem
from info_assistant.web.languages import Language
from info_assistant.web.rendering import Renderer
from info_assistant.web.replies import Citation
from info_assistant.web.troubles import Trouble, trouble
from info_assistant.web.visits import NOBODY, Visit

_STATUSES = {
    "backend_unavailable": 503,
    "deadline_exceeded": 503,
    "identity_provider_unavailable": 503,
    "cross_site": 403,
    "form_outdated": 403,
    "sign_in_unknown": 400,
    "sign_in_denied": 403,
    "sign_in_refused": 403,
    "sign_in_untrusted": 403,
    "sign_in_not_accepted": 403,
    "sign_in_too_large": 403,
    "payload_too_large": 413,
    "request_timeout": 408,
    "not_found": 404,
    "answer_unfinished": 410,
    "invalid_request": 422,
}
_FIRST_ERROR = 400
_LAST_ERROR = 599


@dataclass(frozen=True, slots=True)
class Failure:
    """An error for people: an HTTP status, words, how long to wait, what to quote to support.

    `detail` is the backend's own sentence where that may be shown; else it is empty. `passages`
    help a reader whose answer could not be written, `saved_questions` one who may ask those.
    """

    status: int
    code: str
    words: Trouble
    detail: str
    request_id: str
    retry_after_s: float | None
    passages: tuple[Citation, ...] = ()
    saved_questions: tuple[str, ...] = ()

    def advice(self, language: Language) -> str:
        """Return what to do about it."""
        return self.words.advice(language, self.retry_after_s)


def failure(error: InfoAssistantError | BackendProblem | HTTPException, request_id: str) -> Failure:
    """Return what to tell about `error`; the backend's name for the request beats ours."""
    code, detail, retry_after_s = "", "", None
    passages: tuple[Citation, ...] = ()
    saved: tuple[str, ...] = ()
    if isinstance(error, HTTPException):
        status = error.status_code
    elif isinstance(error, BackendProblem):
        # A redirect or an oddity of the backend is a fault of ours, not of the reader.
        status = error.status if _FIRST_ERROR <= error.status <= _LAST_ERROR else 502
        code, retry_after_s = error.code, error.retry_after_s
        request_id, passages = error.request_id or request_id, error.passages
        saved = error.saved_questions
    else:
        code, retry_after_s = error.code, error.retry_after_s
        status = _STATUSES.get(code, 500)
    said = trouble(code, status)
    if said.quotes and isinstance(error, BackendProblem):
        detail = error.detail
    return Failure(
        status, code or str(status), said, detail, request_id, retry_after_s, passages, saved
    )


def failure_page(
    renderer: Renderer, found: Failure, *, method: str = "GET", visit: Visit = NOBODY
) -> HTMLResponse:
    """Return a page of its own for an error that leaves nothing else to show."""
    context = {"failure": found, "here": "", "asked": method == "POST"}
    return renderer.page(
        "failure.html",
        context,
        visit=visit,
        status=found.status,
        retry_after_s=found.retry_after_s,
    )
