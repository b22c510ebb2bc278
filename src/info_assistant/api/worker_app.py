"""What a worker without an API serves: probes and metrics, for whoever runs it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from info_assistant.observability.metrics import CONTENT_TYPE, Metrics
from info_assistant.resilience.health import Lifecycle
from info_assistant.resilience.tasks import BackgroundTasks


@dataclass(frozen=True, slots=True)
class WorkerServices:
    """What a worker's process runs, and what is closed at its end."""

    metrics: Metrics
    tasks: Mapping[str, Callable[[], Awaitable[None]]]
    closers: Sequence[Callable[[], Awaitable[None]]]
    lifecycle: Lifecycle = field(default_factory=Lifecycle)


def create_worker_app(services: WorkerServices) -> Starlette:
    """Return the application; its background tasks run from its start to its end."""
    life = services.lifecycle

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for close in reversed(services.closers):
                stack.push_async_callback(close)
            await stack.enter_async_context(
                BackgroundTasks(services.tasks, on_failure=services.metrics.task_failed)
            )
            life.started = True
            try:
                yield
            finally:
                life.drain()

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        state = "ok" if life.ready else "draining" if life.draining else "starting"
        return JSONResponse({"status": state}, 200 if life.ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(services.metrics.render(), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        lifespan=lifespan,
    )
