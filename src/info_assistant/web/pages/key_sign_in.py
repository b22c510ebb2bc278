"""Signing in with an API key."""

import re

from starlette.requests import Request
from starlette.responses import Response

from info_assistant.web import words
from info_assistant.web.attempts import Attempt, own_path
from info_assistant.web.backend import BackendProblem
from info_assistant.web.forms import check_origin, read_form
from info_assistant.web.sign_in import Reception, Situation
from info_assistant.web.visits import Session

KEY_SESSION_S = 12 * 3600
"""How long somebody stays signed in with an API key, which may have no end of its own."""

_KEY = re.compile(r"[!-~]{1,200}")
_UNAUTHENTICATED, _INVALID = 401, 422


class KeySignIn:
    """The form that takes a key, which the backend then checks."""

    def __init__(self, reception: Reception) -> None:
        """Let people in by way of `reception`."""
        self._reception = reception

    async def visit(self, request: Request) -> Response:
        """Return the form, or let in whoever gives a key that the backend knows.

        Raises CrossSite, PayloadTooLarge, BodyLate, and what `Backend.me` does.
        """
        sessions = self._reception.sessions
        await self._reception.maintenance.require_open(sessions.visit(request))
        if request.method != "POST":
            wanted = own_path(request.query_params.get("return_to", "/"))
            return self._reception.page(request, Situation(wanted))
        check_origin(request)
        form = await read_form(request)
        attempt = sessions.attempt(request, form.get("state", ""))
        if attempt is None:
            situation = Situation(mistake=words.OUTDATED_KEY_FORM)
            return self._reception.page(request, situation, status=_INVALID)
        response = await self._admitted(request, attempt, form.get("key", "").strip())
        sessions.drop_attempt(request, response, attempt.state)
        return response

    async def _admitted(self, request: Request, attempt: Attempt, key: str) -> Response:
        """Return to where they came from, or show the form with what is wrong about the key."""
        if not _KEY.fullmatch(key):
            mistake = words.UNUSABLE_KEY if key else words.EMPTY_KEY
            situation = Situation(attempt.return_to, mistake=mistake)
            return self._reception.page(request, situation, status=_INVALID)
        until = self._reception.sessions.clock() + KEY_SESSION_S
        session = Session("keys", key, subject="", name="", organisation="", expires_at=until)
        try:
            return await self._reception.admit(request, attempt, session)
        except BackendProblem as exc:
            if exc.status != _UNAUTHENTICATED:
                raise
            situation = Situation(attempt.return_to, mistake=words.key_refusal(exc.code))
            return self._reception.page(request, situation, status=_INVALID)
