"""An answer at an address of its own: under way, finished, stopped; and what readers say of it."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from info_assistant.errors import InfoAssistantError
from info_assistant.web import words
from info_assistant.web.answer_events import SoFar
from info_assistant.web.answer_text import plain_text
from info_assistant.web.asked import AskedQuestions
from info_assistant.web.backend import Backend, BackendProblem, ByteStream
from info_assistant.web.failures import failure
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.pages.ask import Typed, question_form
from info_assistant.web.rendering import Renderer
from info_assistant.web.replies import ProblemDetails, RecordedAnswer
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.visits import Visit

_log = structlog.get_logger(__name__)

PATIENCE_S = 0.4
"""How long the page of an answer waits for its end before it shows what there is so far."""

_SEE_OTHER, _NOT_FOUND, _CONFLICT, _GONE = 303, 404, 409, 410
_JUDGEMENTS = {"helpful", "not_helpful", "wrong"}
_LONGEST_COMMENT = 2000


class AnswerPages:
    """Everything under /answers."""

    def __init__(
        self, backend: Backend, renderer: Renderer, door: Doorkeeper, asked: AskedQuestions
    ) -> None:
        """Ask `backend` for those whom `door` lets in, show with `renderer`."""
        self._backend = backend
        self._renderer = renderer
        self._door = door
        self._asked = asked

    async def show(self, request: Request) -> Response:
        """Return an answer as it may be seen now, or as far as it is.

        Raises SignInNeeded, and what `Backend.recorded` and `Backend.so_far` do.
        """
        visit = self._door.require(request)
        answer_id = _answer_id(request)
        record = await self._recorded(answer_id, visit)
        if record is not None:
            return self._finished(request, visit, record)
        so_far = await self._so_far(answer_id, visit)
        if so_far.answer is not None:
            record = await self._recorded(answer_id, visit)
            return self._finished(
                request, visit, record or RecordedAnswer(id=answer_id, answer=so_far.answer)
            )
        if so_far.ended:
            return self._broken_off(answer_id, visit, so_far.problem)
        return self._under_way(answer_id, visit, so_far)

    async def events(self, request: Request) -> Response:
        """Return the events of an answer as they come, after the one that arrived last.

        Raises SignInNeeded, and what `Backend.events` does.
        """
        visit = self._door.require(request)
        last = request.headers.get("last-event-id", "")
        after = int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else 0  # noqa: PLR2004
        stream = await self._backend.events(_answer_id(request), after, visit)
        return _PassedOn(stream)

    async def stop(self, request: Request) -> Response:
        """Stop an answer that is under way here, and lead back to its page.

        Raises CrossSite, FormOutdated, SignInNeeded.
        """
        visit, _ = await self._form(request)
        answer_id = _answer_id(request)
        self._asked.stop(answer_id, visit)
        return RedirectResponse(f"/answers/{answer_id}", _SEE_OTHER)

    async def judge(self, request: Request) -> Response:
        """Pass on what a reader thinks of an answer, and lead back to its page.

        Raises CrossSite, FormOutdated, SignInNeeded, and what `Backend.judge` does.
        """
        visit, form = await self._form(request)
        answer_id = _answer_id(request)
        judgement = form.get("judgement", "")
        if judgement in _JUDGEMENTS:
            comment = form.get("comment", "").strip()[:_LONGEST_COMMENT]
            await self._backend.judge(answer_id, judgement, comment, visit)
        thanks = "?said=thanks" if judgement in _JUDGEMENTS else ""
        return RedirectResponse(f"/answers/{answer_id}{thanks}#feedback", _SEE_OTHER)

    async def _form(self, request: Request) -> tuple[Visit, dict[str, str]]:
        check_origin(request)
        form = dict(await read_form(request))
        visit = self._door.require(request)
        check_csrf(form, visit.csrf)
        return visit, form

    async def _recorded(self, answer_id: str, visit: Visit) -> RecordedAnswer | None:
        """Return an answer that is finished, or None if it is not found (yet)."""
        try:
            return await self._backend.recorded(answer_id, visit)
        except BackendProblem as exc:
            if exc.status != _NOT_FOUND:
                raise
        return None

    async def _so_far(self, answer_id: str, visit: Visit) -> SoFar:
        """Return what is known of an answer under way; nothing if another process gives it."""
        try:
            return await self._backend.so_far(answer_id, visit, patience_s=PATIENCE_S)
        except BackendProblem as exc:
            if exc.status != _CONFLICT:
                raise
        return SoFar()

    def _finished(self, request: Request, visit: Visit, record: RecordedAnswer) -> Response:
        asked = self._asked.find(record.id, visit)
        question = record.question or (asked.question if asked else "")
        context = {
            "here": "ask",
            "record": record,
            "answer": record.answer,
            "question": question,
            "outcome": words.outcome(record.answer.status),
            "typed": Typed("", record.conversation_id or (asked.conversation if asked else "")),
            "text": plain_text(question, record, visit.language),
            "thanked": request.query_params.get("said") == "thanks",
        }
        return self._renderer.page("answer.html", context, visit=visit)

    def _under_way(self, answer_id: str, visit: Visit, so_far: SoFar) -> Response:
        asked = self._asked.find(answer_id, visit)
        context = {
            "here": "ask",
            "answer_id": answer_id,
            "question": asked.question if asked else "",
            "can_stop": asked is not None,
            "so_far": so_far,
        }
        return self._renderer.page("under_way.html", context, visit=visit)

    def _broken_off(self, answer_id: str, visit: Visit, problem: ProblemDetails | None) -> Response:
        """Return the form with the question, and why it has no answer."""
        asked = self._asked.find(answer_id, visit)
        told = problem or ProblemDetails(code="answer_unfinished", status=_GONE)
        error = BackendProblem(told.status, told, told.retry_after)
        found = failure(error, visit.request_id)
        _log.info("answer_broken_off", code=found.code, request_id=found.request_id)
        typed = Typed(asked.question, asked.conversation) if asked else Typed()
        return question_form(self._renderer, visit, typed, failure=found)


class _PassedOn(StreamingResponse):
    """Hands events through, and gives the backend's connection back however that ends."""

    def __init__(self, stream: ByteStream) -> None:
        super().__init__(
            stream.chunks,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except InfoAssistantError as exc:
            # The browser takes the stream up again by itself, after the last event it has.
            _log.info("events_broke_off", code=exc.code)
        finally:
            await self._stream.aclose()


def _answer_id(request: Request) -> str:
    """Return the identifier in the path, which the route has checked to be a UUID."""
    return str(request.path_params["answer_id"])
