"""The HTTP application: who may call, which handler answers, and how errors leave."""

import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from info_assistant.errors import InfoAssistantError
from info_assistant.local_qdrant.calls import Call, refuse, reply
from info_assistant.local_qdrant.directory import Directory
from info_assistant.local_qdrant.faults import status_of
from info_assistant.local_qdrant.metrics import Metrics
from info_assistant.local_qdrant.repacking import repack
from info_assistant.local_qdrant.routes import ENDPOINTS, Endpoint
from info_assistant.local_qdrant.service import API_VERSION, Server
from info_assistant.local_qdrant.snapshots import Snapshots
from info_assistant.local_qdrant.subset import unsupported
from info_assistant.resilience.tasks import BackgroundTasks

_LOG = logging.getLogger(__name__)
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


def create_app(directory: Directory, api_key: str | None = None) -> Starlette:
    """Return the application over an open directory, which it closes when it shuts down."""
    server = Server(directory, Snapshots(directory), Metrics(directory, API_VERSION))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        _ = app
        try:
            async with BackgroundTasks({"repacking": partial(repack, directory)}):
                yield
        finally:
            directory.close()

    return Starlette(
        routes=[_route(endpoint, server, api_key) for endpoint in ENDPOINTS],
        exception_handlers={HTTPException: _not_in_subset},
        lifespan=lifespan,
    )


def _route(endpoint: Endpoint, server: Server, api_key: str | None) -> Route:
    async def answer(request: Request) -> Response:
        started = perf_counter()
        response = _turned_away(request, None if endpoint.public else api_key)
        if response is None:
            response = await _answered(endpoint, server, request, started)
        server.metrics.answered(
            endpoint.method, endpoint.path, response.status_code, perf_counter() - started
        )
        return response

    return Route(endpoint.path, answer, methods=[endpoint.method])


async def _answered(
    endpoint: Endpoint, server: Server, request: Request, started: float
) -> Response:
    try:
        for name in request.query_params:
            if name not in endpoint.parameters:
                raise unsupported(f"query parameter `{name}` of {endpoint.method} {endpoint.path}")  # noqa: TRY301
        result = await endpoint.handler(server, Call(request))
        if isinstance(result, Response):
            return result
        return reply(result, perf_counter() - started)
    except InfoAssistantError as exc:
        return refuse(exc.message, status_of(exc), perf_counter() - started)
    except ClientDisconnect:
        return refuse("The client has gone", 499)
    except Exception:  # noqa: BLE001
        # The boundary of the process: whatever was not foreseen is logged and mapped.
        _LOG.exception("local-qdrant could not answer %s %s", endpoint.method, endpoint.path)
        return refuse("Service internal error: see the log of local-qdrant", 500)


def _turned_away(request: Request, api_key: str | None) -> Response | None:
    # A page in a browser may reach this port under any name that resolves to it; only names of
    # this machine are answered. A browser always says a name; a plain socket need not.
    host = request.headers.get("host", "localhost").rsplit(":", 1)
    if host[0] not in _LOCAL_NAMES or "origin" in request.headers:
        return refuse("Forbidden: local-qdrant answers programs on this machine only", 403)
    if api_key is None:
        return None
    given = request.headers.get("api-key")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if given is None and scheme.lower() == "bearer":
        given = token
    if given is None:
        return refuse("Must provide an API key or an Authorization bearer token", 401)
    if not hmac.compare_digest(given.encode(), api_key.encode()):
        return refuse("Invalid API key or JWT", 401)
    return None


async def _not_in_subset(request: Request, exc: Exception) -> Response:
    _ = exc
    return refuse(unsupported(f"endpoint {request.method} {request.url.path}").message, 501)
