"""The frontend's process: routes, middleware, and what happens to errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from info_assistant.errors import InfoAssistantError
from info_assistant.web.asked import AskedQuestions
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.condition import ConditionWatch
from info_assistant.web.curation import Curation
from info_assistant.web.failures import failure, failure_page
from info_assistant.web.languages import Languages
from info_assistant.web.pages.answers import AnswerPages
from info_assistant.web.pages.ask import AskPage
from info_assistant.web.pages.assets import Assets
from info_assistant.web.pages.conversations import ConversationPages
from info_assistant.web.pages.curate import CuratePages
from info_assistant.web.pages.documents import DocumentPages
from info_assistant.web.pages.health import HealthPages
from info_assistant.web.pages.key_sign_in import KeySignIn
from info_assistant.web.pages.language import LanguagePage
from info_assistant.web.pages.provider_sign_in import ProviderSignIn
from info_assistant.web.pages.sign_out import SignOut
from info_assistant.web.pages.statements import STATEMENTS, StatementPages
from info_assistant.web.pages.unanswered import PATH as UNANSWERED
from info_assistant.web.pages.unanswered import UnansweredPage
from info_assistant.web.pages.watch import WatchPages
from info_assistant.web.provider import Provider
from info_assistant.web.rendering import Look, Renderer
from info_assistant.web.sessions import Sessions
from info_assistant.web.sign_in import (
    CALLBACK,
    SIGN_IN,
    SIGN_OUT,
    Doorkeeper,
    Reception,
    SignInConfig,
)
from info_assistant.web.traffic import KnownHosts, Traffic, Watched
from info_assistant.web.visits import SignInNeeded, Visit

DEFAULT_TIMEOUT_S = 35.0
"""A little longer than the backend's own deadline, so that its words win over ours."""

_PATHS = (
    "/",
    "/answers/{answer_id:uuid}",
    "/answers/{answer_id:uuid}/events",
    "/answers/{answer_id:uuid}/stop",
    "/answers/{answer_id:uuid}/feedback",
    "/conversations",
    "/conversations/{conversation_id}",
    "/conversations/{conversation_id}/delete",
    "/documents",
    "/documents/add",
    "/documents/{document_id:uuid}/curate",
    "/documents/{document_id:uuid}",
    "/documents/{document_id:uuid}/original",
    UNANSWERED,
    "/language/{code}",
    "/status",
    "/watch",
    "/watch/switch",
    *(f"/{name}" for name in STATEMENTS),
)
_UNAUTHENTICATED = 401


def create_frontend(
    backend_url: str,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    transport: httpx2.AsyncBaseTransport | None = None,
    allowed_hosts: Sequence[str] = ("*",),
    sign_in: SignInConfig | None = None,
    look: Look = Look(),  # noqa: B008  Frozen.
) -> Starlette:
    """Return the frontend as an ASGI application.

    It asks the API at `backend_url`, over `transport` if one is given, and waits at most
    `timeout_s` seconds for each reply. Requests for another host than `allowed_hosts` are
    refused, except those of probes; on one machine naming the loopback hosts keeps a foreign
    website from reading the pages under a name of its own (DNS rebinding). People sign in as
    `sign_in` says; without it, everybody may read and ask. Pages look as `look` says. What it
    serves is in `state.traffic`.
    """
    languages = Languages(look.languages)
    traffic = Traffic((*_PATHS, SIGN_IN, CALLBACK, SIGN_OUT) if sign_in else _PATHS)
    backend = Backend(backend_url, timeout_s=timeout_s, transport=transport)
    condition = ConditionWatch(backend)
    renderer = Renderer(look.brand, languages, condition)
    reception = None
    if sign_in is not None:
        sessions = Sessions(sign_in.secret, secure=sign_in.is_secure)
        reception = Reception(sign_in, sessions, condition, backend, renderer)
    door = Doorkeeper(reception.sessions if reception else None, condition)

    app = Starlette(
        routes=[
            *_routes_for_asking(backend, renderer, door, condition),
            *_routes_for_reading(backend, renderer, door),
            *_routes_for_watching(WatchPages(backend, renderer, door, condition)),
            *_routes_for_signing_in(reception),
            *_routes_for_machines(HealthPages(traffic), Assets(renderer)),
        ],
        middleware=[
            Middleware(Watched, traffic=traffic, renderer=renderer, languages=languages),
            Middleware(KnownHosts, allowed_hosts=list(allowed_hosts), www_redirect=False),
        ],
        exception_handlers=dict.fromkeys(
            (InfoAssistantError, BackendProblem, HTTPException, SignInNeeded),
            _failure_handler(renderer, door, reception),
        ),
        lifespan=_lifespan(traffic, backend, condition),
    )
    app.state.traffic = traffic
    return app


def _lifespan(
    traffic: Traffic, backend: Backend, condition: ConditionWatch
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return what surrounds the serving of requests."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(condition.run())
            traffic.accepting = True
            try:
                yield
            finally:
                traffic.drain()
                watching.cancel()
        await backend.aclose()

    return lifespan


def _failure_handler(
    renderer: Renderer, door: Doorkeeper, reception: Reception | None
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what makes a page of an error."""

    async def failed(request: Request, error: Exception) -> Response:
        visit = door.visit(request)
        if reception is not None and (need := _need_to_sign_in(error, visit)):
            return await reception.needed(request, need)
        if not isinstance(error, InfoAssistantError | BackendProblem | HTTPException):
            raise error
        found = failure(error, visit.request_id)
        response = failure_page(renderer, found, method=request.method, visit=visit)
        if isinstance(error, HTTPException):
            response.headers.update(error.headers or {})
        return response

    return failed


def _need_to_sign_in(error: Exception, visit: Visit) -> SignInNeeded | None:
    """Return why somebody must sign in, if that is what `error` comes to."""
    if isinstance(error, SignInNeeded):
        return error
    refused = isinstance(error, BackendProblem) and error.status == _UNAUTHENTICATED
    return SignInNeeded(refused=True) if refused and visit.session is not None else None


def _routes_for_asking(
    backend: Backend, renderer: Renderer, door: Doorkeeper, condition: ConditionWatch
) -> list[BaseRoute]:
    """Return the addresses of questions, answers and conversations."""
    asked = AskedQuestions()
    ask = AskPage(backend, renderer, door, asked, condition)
    answers = AnswerPages(backend, renderer, door, asked)
    talks = ConversationPages(backend, renderer, door)
    one, conversation = "/answers/{answer_id:uuid}", "/conversations/{conversation_id}"
    return [
        Route("/", ask.visit, methods=["GET", "POST"]),
        Route(one, answers.show),
        Route(f"{one}/events", answers.events),
        Route(f"{one}/stop", answers.stop, methods=["POST"]),
        Route(f"{one}/feedback", answers.judge, methods=["POST"]),
        Route("/conversations", talks.listing),
        Route(conversation, talks.show),
        Route(f"{conversation}/delete", talks.delete, methods=["POST"]),
    ]


def _routes_for_reading(backend: Backend, renderer: Renderer, door: Doorkeeper) -> list[BaseRoute]:
    """Return the addresses of documents, and of what the service says about itself."""
    documents = DocumentPages(backend, renderer, door)
    curate = CuratePages(backend, renderer, door)
    unanswered = UnansweredPage(Curation(backend), renderer, door)
    statements = StatementPages(renderer, door)
    return [
        Route("/documents", documents.listing),
        Route("/documents/change", curate.change_several, methods=["POST"]),
        Route("/documents/add", curate.add, methods=["GET", "POST"]),
        Route("/documents/{document_id:uuid}/curate", curate.visit, methods=["GET", "POST"]),
        Route("/documents/{document_id:uuid}", documents.source),
        Route("/documents/{document_id:uuid}/original", documents.original),
        Route(UNANSWERED, unanswered.visit, methods=["GET", "POST"]),
        Route("/language/{code}", LanguagePage(renderer.languages).choose),
        *(Route(f"/{name}", statements.show) for name in STATEMENTS),
    ]


def _routes_for_watching(watch: WatchPages) -> list[BaseRoute]:
    """Return the addresses that tell how the service is, and where operators throw switches."""
    return [
        Route("/status", watch.status),
        Route("/watch", watch.watch),
        Route("/watch/switch", watch.switch, methods=["POST"]),
    ]


def _routes_for_signing_in(reception: Reception | None) -> list[BaseRoute]:
    """Return the addresses for signing in and out; none where nobody needs to."""
    if reception is None:
        return []
    if reception.config.oidc is None:
        key = KeySignIn(reception)
        ways, provider = [Route(SIGN_IN, key.visit, methods=["GET", "POST"])], None
    else:
        provider = Provider(reception.config.oidc)
        there = ProviderSignIn(reception, provider)
        ways = [Route(SIGN_IN, there.begin), Route(CALLBACK, there.complete)]
    return [*ways, Route(SIGN_OUT, SignOut(reception, provider).visit, methods=["POST"])]


def _routes_for_machines(health: HealthPages, assets: Assets) -> list[BaseRoute]:
    """Return the addresses for probes, monitoring and browsers."""
    return [
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
        Route("/static/{name}", assets.show),
    ]
