"""The frontend's process: routes, middleware, and what happens to errors."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from info_assistant.errors import InfoAssistantError
from info_assistant.web.backend import Backend, BackendProblem
from info_assistant.web.failures import failure, failure_page
from info_assistant.web.pages.ask import AskPage
from info_assistant.web.pages.documents import DocumentPages
from info_assistant.web.pages.health import HealthPages
from info_assistant.web.rendering import STATIC, Renderer
from info_assistant.web.traffic import Traffic, Watched

DEFAULT_TIMEOUT_S = 35.0
"""A little longer than the backend's own deadline, so that its words win over ours."""

_PATHS = (
    "/",
    "/documents",
    "/documents/{document_id:uuid}",
    "/documents/{document_id:uuid}/original",
)


def create_frontend(
    backend_url: str,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    transport: httpx2.AsyncBaseTransport | None = None,
    allowed_hosts: Sequence[str] = ("*",),
) -> Starlette:
    """Return the frontend as an ASGI application.

    It asks the API at `backend_url`, over `transport` if one is given, and waits at most
    `timeout_s` seconds for each reply. Requests for another host than `allowed_hosts` are
    refused; on one machine naming the loopback hosts keeps a foreign website from reading
    the pages under a name of its own (DNS rebinding). What it serves is in `state.traffic`.
    """
    renderer = Renderer()
    traffic = Traffic(_PATHS)
    backend = Backend(backend_url, timeout_s=timeout_s, transport=transport)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        traffic.accepting = True
        try:
            yield
        finally:
            traffic.drain()
            await backend.aclose()

    async def failed(request: Request, error: Exception) -> HTMLResponse:
        if not isinstance(error, InfoAssistantError | BackendProblem | HTTPException):
            raise error
        found = failure(error, request.state.request_id)
        response = failure_page(renderer, found, method=request.method)
        if isinstance(error, HTTPException):
            response.headers.update(error.headers or {})
        return response

    app = Starlette(
        routes=_routes(backend, renderer, traffic),
        middleware=[
            Middleware(Watched, traffic=traffic, renderer=renderer),
            Middleware(
                TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False
            ),
        ],
        exception_handlers=dict.fromkeys(
            (InfoAssistantError, BackendProblem, HTTPException), failed
        ),
        lifespan=lifespan,
    )
    app.state.traffic = traffic
    return app


def _routes(backend: Backend, renderer: Renderer, traffic: Traffic) -> list[BaseRoute]:
    """Return every address of the frontend."""
    ask = AskPage(backend, renderer)
    documents = DocumentPages(backend, renderer)
    health = HealthPages(traffic)
    home, listing, source, original = _PATHS
    return [
        Route(home, ask.visit, methods=["GET", "POST"]),
        Route(listing, documents.listing),
        Route(source, documents.source),
        Route(original, documents.original),
        Route("/livez", health.livez),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
        Route("/static/{name}", _static),
    ]


async def _static(request: Request) -> Response:
    """Return the stylesheet or the icon. A page names them by content, so they may be kept."""
    name = request.path_params["name"]
    if name not in {"style.css", "icon.svg"}:
        raise HTTPException(404)
    kept = "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"
    return FileResponse(STATIC / name, headers={"Cache-Control": kept})
