"""One's conversations: all of them, each with its questions; an end to one."""

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from info_assistant.errors import NotFound
from info_assistant.web.asking import is_conversation
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.pages.ask import Typed
from info_assistant.web.rendering import Renderer
from info_assistant.web.sign_in import Doorkeeper

_SEE_OTHER, _NOT_FOUND = 303, 404
_PLACE = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class ConversationPages:
    """Everything under /conversations."""

    backend: Backend
    renderer: Renderer
    door: Doorkeeper

    async def listing(self, request: Request) -> HTMLResponse:
        """Return the visitor's conversations, the newest first, a page at a time.

        Raises SignInNeeded, and what `Backend.conversations` does.
        """
        visit = self.door.require(request)
        before = request.query_params.get("before", "")
        page = await self.backend.conversations(before if _PLACE.fullmatch(before) else "", visit)
        context = {
            "here": "conversations",
            "page": page,
            "older": bool(before),
            "deleted": request.query_params.get("done") == "deleted",
        }
        return self.renderer.page("conversations.html", context, visit=visit)

    async def show(self, request: Request) -> Response:
        """Return the questions of one conversation, and how to go on with it or end it.

        Raises SignInNeeded, and what `Backend.conversation` does.
        """
        visit = self.door.require(request)
        name = _name(request)
        conversation = await self.backend.conversation(name, visit)
        context = {
            "here": "conversations",
            "conversation": conversation,
            "name": name,
            "typed": Typed("", name),
        }
        return self.renderer.page("conversation.html", context, visit=visit)

    async def delete(self, request: Request) -> Response:
        """Delete a conversation, and lead back to the list.

        Raises CrossSite, FormOutdated, SignInNeeded, and what `Backend.delete_conversation` does.
        """
        check_origin(request)
        form = await read_form(request)
        visit = self.door.require(request)
        check_csrf(form, visit.csrf)
        name = _name(request)
        try:
            await self.backend.delete_conversation(name, visit)
        except BackendProblem as exc:
            # Deleted already, as from a second tab: that is what was wanted.
            if exc.status != _NOT_FOUND:
                raise
        return RedirectResponse("/conversations?done=deleted", _SEE_OTHER)


def _name(request: Request) -> str:
    """Return the conversation's id in the path. Raises NotFound."""
    name: str = request.path_params["conversation_id"]
    if not is_conversation(name):
        raise NotFound("There is no such conversation.")
    return name
