"""One's conversations: those begun in this browser, each with its questions; an end to one."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from info_assistant.errors import NotFound
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.pages.ask import Typed
from info_assistant.web.preferences import (
    conversations,
    drop_conversation,
    is_conversation,
    keep_conversation,
)
from info_assistant.web.rendering import Renderer
from info_assistant.web.replies import Conversation
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.visits import Visit

_SEE_OTHER, _NOT_FOUND = 303, 404


@dataclass(frozen=True, slots=True)
class ConversationPages:
    """Everything under /conversations."""

    backend: Backend
    renderer: Renderer
    door: Doorkeeper

    async def listing(self, request: Request) -> HTMLResponse:
        """Return the conversations that this browser knows and that are there still.

        Raises SignInNeeded, and what `Backend.conversation` does.
        """
        visit = self.door.require(request)
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(self._found(name, visit)) for name in conversations(request)]
        found = [each for look in looks if (each := look.result()) is not None]
        context = {
            "here": "conversations",
            "conversations": found,
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
        response = self.renderer.page("conversation.html", context, visit=visit)
        keep_conversation(request, response, name)
        return response

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
        response = RedirectResponse("/conversations?done=deleted", _SEE_OTHER)
        drop_conversation(request, response, name)
        return response

    async def _found(self, name: str, visit: Visit) -> Conversation | None:
        """Return a conversation, or None if there is none of the visitor's by this name."""
        try:
            return await self.backend.conversation(name, visit)
        except BackendProblem as exc:
            if exc.status != _NOT_FOUND:
                raise
        return None


def _name(request: Request) -> str:
    """Return the conversation's id in the path. Raises NotFound."""
    name: str = request.path_params["conversation_id"]
    if not is_conversation(name):
        raise NotFound("There is no such conversation.")
    return name
