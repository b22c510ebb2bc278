"""Who may see the pages: everybody, or those who have signed in; and what the others see."""

import secrets
from dataclasses import dataclass, field, replace

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from info_assistant.errors import Unauthenticated
from info_assistant.web.attempts import Attempt, own_path
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.condition import ConditionWatch
from info_assistant.web.cookies import ContentTooLarge
from info_assistant.web.failures import failure, failure_page
from info_assistant.web.provider import OidcClient
from info_assistant.web.rendering import Renderer
from info_assistant.web.sessions import Sessions
from info_assistant.web.visits import Session, SignInNeeded, Visit, stranger

SIGN_IN, CALLBACK, SIGN_OUT = "/sign-in", "/sign-in/callback", "/sign-out"
"""The addresses for signing in and out."""

_log = structlog.get_logger(__name__)

_UNAUTHENTICATED = 401
_SEE_OTHER = 303
_CHALLENGE = f'Cookie realm="Info Assistant", form-action="{SIGN_IN}"'


@dataclass(frozen=True, slots=True)
class SignInConfig:
    """How people sign in on the page: as the client `oidc` of a provider, or by API keys.

    `secret` seals the cookies. `public_url` is the page's own address for browsers; empty where the
    browser's own request is to be believed, which is for one machine only.
    """

    secret: str = field(repr=False)
    oidc: OidcClient | None = None
    public_url: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether people reach the page over HTTPS."""
        return self.public_url.startswith("https:")

    def base_url(self, request: Request) -> str:
        """Return the page's own address, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        return f"{request.url.scheme}://{request.headers.get('host', '')}"


class Doorkeeper:
    """Knows visitors, and whom to let in: without `sessions`, everybody."""

    def __init__(self, sessions: Sessions | None, maintenance: ConditionWatch) -> None:
        """Know those who have one of `sessions`."""
        self._sessions = sessions
        self._maintenance = maintenance

    def visit(self, request: Request) -> Visit:
        """Return who sent the request."""
        if self._sessions is None:
            return replace(stranger(request), open_to_all=True)
        return self._sessions.visit(request)

    async def require_open(self, visit: Visit) -> None:
        """Return unless operators have closed the service. Raises BackendProblem."""
        await self._maintenance.require_open(visit)

    def require(self, request: Request, *, question: str = "") -> Visit:
        """Return who sent the request. Raises SignInNeeded, which keeps `question`."""
        visit = self.visit(request)
        if self._sessions is not None and visit.session is None:
            raise SignInNeeded(question=question)
        return visit

    def draft(self, request: Request, visit: Visit) -> str:
        """Return the question that the visitor had typed before signing in again."""
        if self._sessions is None or visit.session is None:
            return ""
        return self._sessions.draft(request, visit.session)

    def drop_draft(self, request: Request, response: Response) -> None:
        """Forget that question: it is in the form now."""
        if self._sessions is not None:
            self._sessions.drop_draft(request, response)


@dataclass(frozen=True, slots=True)
class Situation:
    """Why somebody sees the page for signing in: `return_to` is where they wanted to go.

    `ended` says that they were signed in, `kept` that a question of theirs is kept, and `mistake`
    what is wrong with the API key that they gave.
    """

    return_to: str = "/"
    ended: bool = False
    kept: bool = False
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class Reception:
    """What every way of signing in shares."""

    config: SignInConfig
    sessions: Sessions
    maintenance: ConditionWatch
    backend: Backend
    renderer: Renderer

    async def needed(self, request: Request, need: SignInNeeded) -> Response:
        """Return the page that stands where somebody must sign in first, or that of maintenance.

        Either way the question that they had typed is kept.
        """
        visit = self.sessions.visit(request)
        before = visit.session or visit.past
        try:
            await self.maintenance.require_open(visit)
        except BackendProblem as closed:
            found = failure(closed, visit.request_id)
            response: Response = failure_page(
                self.renderer, found, method=request.method, visit=stranger(request)
            )
        else:
            response = self._page_in_place(request, ended=before is not None, need=need)
        if need.question:
            self.sessions.keep_draft(request, response, need.question, before)
        if need.refused:
            self.sessions.end(request, response)
        return response

    def _page_in_place(self, request: Request, *, ended: bool, need: SignInNeeded) -> Response:
        """Return the page that leads back to the one in whose place it stands."""
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        situation = Situation(
            return_to="/" if request.method == "POST" else own_path(here),
            ended=ended,
            kept=bool(need.question),
        )
        response = self.page(request, situation, status=_UNAUTHENTICATED)
        response.headers["WWW-Authenticate"] = _CHALLENGE
        return response

    def page(self, request: Request, situation: Situation, *, status: int = 200) -> Response:
        """Return the page with the way to sign in."""
        attempt = Attempt.begin(situation.return_to, self.sessions.clock())
        context = {
            "here": "",
            "situation": situation,
            "by_key": self.config.oidc is None,
            "state": attempt.state,
        }
        visit = stranger(request)
        response = self.renderer.page("sign_in.html", context, visit=visit, status=status)
        if self.config.oidc is None:
            # The form below belongs to this browser; with a provider, an attempt begins there.
            self.sessions.keep_attempt(request, response, attempt)
        return response

    async def admit(self, request: Request, attempt: Attempt, session: Session) -> Response:
        """Return to where the attempt began, signed in as whom the backend takes them for.

        Raises what `Backend.me` does, and Unauthenticated with the code `sign_in_too_large`.
        """
        me = await self.backend.me(Visit(request.state.request_id, session))
        session = replace(
            session,
            subject=me.subject or session.subject,
            name=me.name or session.name or me.subject,
            organisation=me.organisation,
            role=me.role,
            csrf=secrets.token_urlsafe(32),
        )
        response = RedirectResponse(attempt.return_to, _SEE_OTHER)
        try:
            self.sessions.begin(request, response, session)
        except ContentTooLarge:
            raise Unauthenticated(
                "The access token is larger than browsers keep.", code="sign_in_too_large"
            ) from None
        _log.info("signed_in", method=session.method, request_id=request.state.request_id)
        return response
