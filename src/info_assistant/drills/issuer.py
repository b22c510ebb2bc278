"""A small OpenID Connect provider on loopback, for tests and demonstrations.

It knows the authorization code flow with PKCE (RFC 6749, RFC 7636; OpenID Connect Core 1.0),
discovery, and sign-out (RP-Initiated Logout 1.0). Nobody needs a password: whoever asks chooses
whom to be. That is why it serves loopback only, and redirects to loopback only.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from urllib.parse import unquote, urlencode, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from info_assistant.drills.tokens import ALGORITHMS, PEOPLE, TOKEN_LIFE_S, Person, TokenMint
from info_assistant.model.loopback import is_loopback

CLIENT_ID = "info-assistant-page"
"""The client that is known unless told otherwise."""

CODE_LIFE_S = 60.0
"""How long a code can be exchanged for tokens."""

_HANG_CHECK_S = 0.02
_START_S = 10.0


class Outage(StrEnum):
    """How the provider can fail."""

    NONE = "none"
    REFUSES = "refuses"  # Every request is answered with 503.
    HANGS = "hangs"  # No request is answered until the outage is over.


@dataclass(frozen=True, slots=True)
class Client:
    """A program that people sign in to; without a secret it is a public client."""

    id: str = CLIENT_ID
    secret: str = ""


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code stands for."""

    person: Person
    redirect_uri: str
    challenge: str
    nonce: str
    until: float


class Issuer:
    """The provider at `url`. `tokens` mints tokens of any kind, `outage` makes it fail.

    `token_life_s` is how long the access tokens last that people get by signing in.
    """

    def __init__(
        self,
        url: str,
        *,
        people: Sequence[Person] = PEOPLE,
        client: Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Know these people and this one client."""
        self.url = url
        self.tokens = TokenMint(url, clock=clock)
        self.client = client or Client()
        self.outage = Outage.NONE
        self.token_life_s = TOKEN_LIFE_S
        self.asked: list[str] = []
        """The paths of all requests so far."""
        self._people = {person.login: person for person in people}
        self._clock = clock
        self._grants: dict[str, _Grant] = {}

    @property
    def app(self) -> Starlette:
        """The provider as an ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/end-session", self._end_session, methods=["GET", "POST"]),
            ],
            middleware=[Middleware(_Outages, issuer=self)],
        )

    def person(self, login: str) -> Person:
        """Return the person of this login."""
        return self._people[login]

    async def _discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "end_session_endpoint": f"{self.url}/end-session",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "profile"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": list(ALGORITHMS),
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "none",
                ],
            }
        )

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse(self.tokens.key_set)

    async def _authorize(self, request: Request) -> Response:
        wanted = request.query_params
        redirect_uri = wanted.get("redirect_uri", "")
        if wanted.get("client_id") != self.client.id or not _on_loopback(redirect_uri):
            return HTMLResponse("Unknown client, or a redirect address off loopback.", 400)
        if wrong := _fault_of(wanted):
            return _back(redirect_uri, {"error": wrong, "state": wanted.get("state", "")})
        person = self._people.get(wanted.get("login_hint", ""))
        if person is None:
            return HTMLResponse(_choice(dict(wanted), tuple(self._people.values())))
        code = secrets.token_urlsafe(24)
        self._grants[code] = _Grant(
            person,
            redirect_uri,
            wanted["code_challenge"],
            wanted.get("nonce", ""),
            self._clock() + CODE_LIFE_S,
        )
        return _back(redirect_uri, {"code": code, "state": wanted.get("state", "")})

    async def _token(self, request: Request) -> Response:
        async with request.form() as form:
            given = {name: value for name, value in form.items() if isinstance(value, str)}
        if not self._is_client(request, given):
            return JSONResponse({"error": "invalid_client"}, 401)
        if given.get("grant_type") != "authorization_code":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        # Taken out, not looked up: a code is good for one exchange, even for a failing one.
        grant = self._grants.pop(given.get("code", ""), None)
        if (
            grant is None
            or self._clock() >= grant.until
            or given.get("redirect_uri") != grant.redirect_uri
            or _challenge(given.get("code_verifier", "")) != grant.challenge
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens_for(grant), headers={"Cache-Control": "no-store"})

    def _tokens_for(self, grant: _Grant) -> Mapping[str, object]:
        until = int(self._clock()) + self.token_life_s
        access = self.tokens.access_token(grant.person, exp=until)
        half = hashlib.sha256(access.encode()).digest()[:16]
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.token_life_s,
            "id_token": self.tokens.id_token(
                grant.person,
                self.client.id,
                exp=until,
                nonce=grant.nonce or None,
                at_hash=base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            ),
        }

    def _is_client(self, request: Request, given: Mapping[str, str]) -> bool:
        client_id, secret = given.get("client_id", ""), given.get("client_secret", "")
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            plain = base64.b64decode(value).decode()
            client_id, secret = map(unquote, plain.split(":", 1))
        return client_id == self.client.id and hmac.compare_digest(secret, self.client.secret)

    async def _end_session(self, request: Request) -> Response:
        target = request.query_params.get("post_logout_redirect_uri", "")
        if _on_loopback(target):
            return RedirectResponse(target, 303)
        return HTMLResponse(_page("Signed out", "<p>You are signed out.</p>"))


class _Outages:
    """ASGI middleware that lets the provider fail as its `outage` says."""

    def __init__(self, app: ASGIApp, issuer: Issuer) -> None:
        self._app = app
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._issuer.asked.append(scope["path"])
            while self._issuer.outage is Outage.HANGS:  # noqa: ASYNC110  A thread's decision.
                await asyncio.sleep(_HANG_CHECK_S)
            if self._issuer.outage is Outage.REFUSES:
                await Response("out of order", 503)(scope, receive, send)
                return
        await self._app(scope, receive, send)


@contextmanager
def running_issuer(
    *,
    port: int = 0,
    people: Sequence[Person] = PEOPLE,
    client: Client | None = None,
) -> Iterator[Issuer]:
    """Serve an issuer on loopback, in a thread of its own, until the block is left.

    `port` 0 takes a free one. Raises OSError where the port is taken.
    """
    with socket.create_server(("127.0.0.1", port)) as listener:
        issuer = Issuer(
            f"http://127.0.0.1:{listener.getsockname()[1]}", people=people, client=client
        )
        server = uvicorn.Server(
            uvicorn.Config(issuer.app, log_config=None, access_log=False, lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _await_start(server)
            yield issuer
        finally:
            issuer.outage = Outage.NONE
            server.should_exit = True
            thread.join(_START_S)


def _await_start(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + _START_S
    pause = threading.Event()
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("The drill's identity provider did not start.")
        pause.wait(_HANG_CHECK_S)


def _fault_of(wanted: Mapping[str, str]) -> str:
    """Return the error code of an authorization request, or "" where nothing is wrong with it."""
    if wanted.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in wanted.get("scope", "").split():
        return "invalid_scope"
    if wanted.get("code_challenge_method") != "S256" or not wanted.get("code_challenge"):
        return "invalid_request"
    # Not part of the standard: lets a demonstration show a refusal.
    return "access_denied" if wanted.get("login_hint") == "nobody" else ""


def _challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _on_loopback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and is_loopback(parts.hostname)


def _back(redirect_uri: str, fields: Mapping[str, str]) -> Response:
    """Return to the client with `fields`."""
    return RedirectResponse(f"{redirect_uri}?{urlencode(fields)}", 303)


def _choice(wanted: Mapping[str, str], people: Sequence[Person]) -> str:
    """Return the page on which one chooses whom to be."""
    entries = []
    for person in people:
        address = "/authorize?" + urlencode({**wanted, "login_hint": person.login})
        about = f"{', '.join(person.roles) or 'no role'}; {', '.join(person.groups) or 'no group'}"
        entries.append(
            f'<li><a href="{escape(address)}">{escape(person.name)}</a> '
            f"({escape(about)}; tenant {escape(person.tenant)})</li>"
        )
    nobody = "/authorize?" + urlencode({**wanted, "login_hint": "nobody"})
    words = "<p>These people are invented, and no password is asked for.</p>"
    leave = f'<p><a href="{escape(nobody)}">Do not sign in</a></p>'
    return _page("Who do you want to be?", f"{words}<ul>{''.join(entries)}</ul>{leave}")


def _page(heading: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(heading)}</title><h1>{escape(heading)}</h1>{body}</html>"
    )
