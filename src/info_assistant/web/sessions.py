"""What the page remembers of its visitors, all of it in their own browsers, sealed.

Three kinds of cookies: the session of somebody who has signed in, each sign-in that has begun, and
a question that was typed before signing in again.
"""

import hmac
import time
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from info_assistant.web.attempts import ATTEMPT_LIFE_S, Attempt
from info_assistant.web.cookies import ContentTooLarge, SealedCookies
from info_assistant.web.visits import Session, Visit, stranger

_DRAFT_LIFE_S = 1800
_MOST_ATTEMPTS = 4
_NAME_CHARACTERS = 12
_SESSION, _DRAFT, _ATTEMPT = "session", "draft", "attempt-"

Kind = TypeVar("Kind", Session, Attempt, "_Draft")


@dataclass(frozen=True, slots=True)
class _Draft:
    """A question that was kept for `subject` ("" for anybody) until then, in s since 1970."""

    question: str
    subject: str
    until: float


class Sessions:
    """Reads and writes what is remembered."""

    def __init__(
        self, secret: str, *, secure: bool, clock: Callable[[], float] = time.time
    ) -> None:
        """Seal with `secret`; `secure` says that people reach the page over HTTPS."""
        self._cookies = SealedCookies(secret, secure=secure)
        self.clock = clock

    def visit(self, request: Request) -> Visit:
        """Return who sent the request."""
        visit = stranger(request)
        session = self._kept(request, _SESSION, Session)
        if session is None or session.expires_at > self.clock():
            return replace(visit, session=session)
        return replace(visit, past=session)

    def begin(self, request: Request, response: Response, session: Session) -> None:
        """Let the browser come back as `session`. Raises ContentTooLarge.

        The id token is only a courtesy to the provider when signing out, so it must fit beside.
        """
        content = asdict(session)
        if not self._cookies.fits(_SESSION, content, parts=1):
            content["id_token"] = ""
        self._cookies.write(request, response, _SESSION, content)

    def end(self, request: Request, response: Response) -> None:
        """Forget the session."""
        self._cookies.drop(request, response, _SESSION)

    def keep_draft(
        self, request: Request, response: Response, question: str, past: Session | None
    ) -> bool:
        """Keep a question for whoever had typed it, if that is known. Return whether it fits."""
        subject = past.subject if past else ""
        draft = _Draft(question, subject, self.clock() + _DRAFT_LIFE_S)
        try:
            self._cookies.write(request, response, _DRAFT, asdict(draft), _DRAFT_LIFE_S)
        except ContentTooLarge:
            return False
        return True

    def draft(self, request: Request, session: Session) -> str:
        """Return the question that was kept, unless somebody else had typed it."""
        draft = self._kept(request, _DRAFT, _Draft)
        if draft is None or draft.until <= self.clock():
            return ""
        return draft.question if draft.subject in {"", session.subject} else ""

    def drop_draft(self, request: Request, response: Response) -> None:
        """Forget the question."""
        self._cookies.drop(request, response, _DRAFT)

    def keep_attempt(self, request: Request, response: Response, attempt: Attempt) -> None:
        """Remember that a sign-in has begun, beside a few others in other tabs."""
        begun = self._cookies.names(request, _ATTEMPT)
        for name in begun[: max(len(begun) - _MOST_ATTEMPTS + 1, 0)]:
            self._cookies.drop(request, response, name)
        name = _attempt_name(attempt.state)
        self._cookies.write(request, response, name, asdict(attempt), ATTEMPT_LIFE_S)

    def attempt(self, request: Request, state: str) -> Attempt | None:
        """Return the sign-in that began with `state` in this browser, if its time is not up."""
        attempt = self._kept(request, _attempt_name(state), Attempt)
        if attempt is None:
            return None
        same = hmac.compare_digest(attempt.state.encode(), state.encode(errors="replace"))
        return attempt if same and attempt.until > self.clock() else None

    def drop_attempt(self, request: Request, response: Response, state: str) -> None:
        """Forget the sign-in that began with `state`: it counts once."""
        self._cookies.drop(request, response, _attempt_name(state))

    def _kept(self, request: Request, name: str, kind: type[Kind]) -> Kind | None:
        """Return what a cookie keeps, or None; what a newer page added to it is passed over."""
        kept = self._cookies.read(request, name)
        if kept is None or not _needed(kind) <= kept.keys():
            return None  # There is none, or one of another version of the page, which knew less.
        return kind(**{each: kept[each] for each in _known(kind) & kept.keys()})


def _known(kind: type[Kind]) -> set[str]:
    return {each.name for each in fields(kind)}


def _needed(kind: type[Kind]) -> set[str]:
    """Return the fields without which there is nothing of this kind."""
    return {each.name for each in fields(kind) if each.default is MISSING}


def _attempt_name(state: str) -> str:
    """Return the name of an attempt's cookie, harmless whatever `state` holds."""
    plain = "".join(c for c in state if c.isascii() and (c.isalnum() or c in "-_"))
    return _ATTEMPT + plain[:_NAME_CHARACTERS]
