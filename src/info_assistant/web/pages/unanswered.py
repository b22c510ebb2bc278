"""Questions that found no good answer, in groups, and the word that one was dealt with."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from info_assistant.errors import InvalidRequest
from info_assistant.web.curation import DAYS, ID, Curation
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.rendering import Renderer
from info_assistant.web.sign_in import Doorkeeper

PATH = "/unanswered"
_SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class UnansweredPage:
    """The page for contributors; the backend decides who is one."""

    curation: Curation
    renderer: Renderer
    door: Doorkeeper

    async def visit(self, request: Request) -> Response:
        """Return the questions, or mark a group of them.

        Raises CrossSite, FormOutdated, SignInNeeded, InvalidRequest, and what the backend says.
        """
        if request.method == "POST":
            return await self._mark(request)
        visit = self.door.require(request)
        handled = request.query_params.get("show") == "handled"
        context = {
            "here": "documents",
            "found": await self.curation.unanswered(visit, handled=handled),
            "handled": handled,
            "days": DAYS,
            "done": request.query_params.get("done", ""),
        }
        return self.renderer.page("unanswered.html", context, visit=visit)

    async def _mark(self, request: Request) -> Response:
        check_origin(request)
        form = await read_form(request)
        visit = self.door.require(request)
        check_csrf(form, visit.csrf)
        action, question_id = form.get("action", ""), form.get("question", "")
        until = form.get("until", "")
        known = action in {"handled", "open"} and ID.fullmatch(question_id)
        if not known or (until and not ID.fullmatch(until)):
            raise InvalidRequest("The form asks for nothing that is known.")
        await self.curation.mark(question_id, until, visit, handled=action == "handled")
        back = f"{PATH}?done={action}" + ("" if action == "handled" else "&show=handled")
        return RedirectResponse(back, _SEE_OTHER)
