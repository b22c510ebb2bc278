"""The backend as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from info_assistant import __version__
from info_assistant.api import openapi
from info_assistant.api.addresses import QUERY_PATH, speaks_openai
from info_assistant.api.gateway import Gateway
from info_assistant.api.problems import (
    Problem,
    http_problem,
    internal_problem,
    problem_of,
    validation_problem,
)
from info_assistant.api.requests import request_id_of
from info_assistant.api.routes import (
    access,
    admin,
    answers,
    audit,
    chat,
    citations,
    conversations,
    curation,
    document_views,
    documents,
    feedback,
    health,
    me,
    progress,
    questions,
    readers,
    unanswered,
    usage,
)
from info_assistant.api.services import ApiServices
from info_assistant.api.streams import ClientGone
from info_assistant.errors import InfoAssistantError, RateLimited
from info_assistant.observability.log import describe, get_logger
from info_assistant.resilience.tasks import BackgroundTasks

_log = get_logger("api")
_DESCRIPTION = (
    "Answers questions over an organisation's own documents and proves every sentence with a "
    "verbatim quote. Errors are RFC 9457 problems with a stable code."
)
_SERVER_FAULT = 500


def create_app(services: ApiServices) -> Gateway:
    """Return the application; its background tasks run from its start to its end."""
    return Gateway(_Straight(create_framework(services)), services)


def create_framework(services: ApiServices) -> FastAPI:
    """Return what stands behind the gateway: every route, and how errors leave."""
    app = FastAPI(
        title="PubSec Info Assistant",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(services),
        telemetry={"tracing": False, "metrics": False},
    )
    app.include_router(questions.routes(services))
    app.include_router(answers.routes(services))
    app.include_router(feedback.routes(services))
    app.include_router(unanswered.routes(services))
    app.include_router(conversations.routes(services))
    app.include_router(chat.routes(services))
    # Its addresses stand beside those of single documents, which would take their words for ids.
    app.include_router(progress.routes(services))
    app.include_router(documents.routes(services))
    app.include_router(document_views.routes(services))
    app.include_router(curation.routes(services))
    app.include_router(citations.routes(services))
    app.include_router(readers.routes(services))
    app.include_router(access.routes(services))
    app.include_router(admin.routes(services))
    app.include_router(audit.routes(services))
    app.include_router(usage.routes(services))
    app.include_router(me.routes())
    app.include_router(health.routes(services, lambda: openapi.describe(app)))
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    app.add_exception_handler(InfoAssistantError, _expected_error(services))
    app.add_exception_handler(RequestValidationError, _wrong_shape)
    app.add_exception_handler(HTTPException, _framework_error)
    app.add_exception_handler(ClientGone, _nobody_there)
    app.add_exception_handler(Exception, _unexpected)
    return app


class _Straight:
    """Serves questions itself, and all else through the framework.

    The framework's own layers, its search for a route and its dependencies, of which questions have
    none, took a tenth of all that a question costs.
    """

    def __init__(self, framework: FastAPI) -> None:
        self._framework = framework
        known = iter_route_contexts(framework.routes)
        self._ask: Any = next(each.endpoint for each in known if each.path == QUERY_PATH)
        # What nothing else answers for is the gateway's to answer.
        handlers = framework.exception_handlers.items()
        self._handlers = {kind: handler for kind, handler in handlers if kind is not Exception}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != QUERY_PATH or scope["method"] != "POST":
            await self._framework(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._ask(request)
        except Exception as error:
            handler = next(
                (self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers),
                None,
            )
            if handler is None:
                raise
            response = await handler(request, error)  # type: ignore[misc]
        await response(scope, receive, send)


def _lifespan(services: ApiServices) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for close in reversed(services.closers):
                stack.push_async_callback(close)
            # Side by side: each may wait for the same storage until its time is up.
            await asyncio.gather(*(start() for start in services.starters))
            await stack.enter_async_context(
                BackgroundTasks(services.tasks, on_failure=services.metrics.task_failed)
            )
            services.lifecycle.started = True
            try:
                yield
            finally:
                services.lifecycle.draining = True

    return run


def _expected_error(
    services: ApiServices,
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if isinstance(error, RateLimited):
            services.metrics.rate_limited.inc()
        if problem.status >= _SERVER_FAULT:
            _log.warning(
                "Request failed", code=problem.code, status=problem.status, error=describe(error)
            )
        return _told(problem, request)

    return answer


def _told(problem: Problem, request: Request) -> Response:
    """Return a problem in the terms that a path's callers know."""
    known = problem.in_openai_terms() if speaks_openai(request.scope["path"]) else problem
    return known.response(request_id_of(request))


async def _wrong_shape(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    return _told(validation_problem(found), request)


async def _framework_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else _SERVER_FAULT
    headers = error.headers if isinstance(error, HTTPException) else None
    return http_problem(status).response(request_id_of(request), headers)


async def _unexpected(request: Request, error: Exception) -> Response:  # noqa: ARG001
    # The gateway logs the error, which is raised again.
    return _told(internal_problem(), request)


async def _nobody_there(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Response(status_code=499)
