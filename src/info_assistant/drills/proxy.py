"""A balancer before several backends, as a cluster has one: for tests and demonstrations.

It asks every backend's `/readyz` ten times a second and sends requests to ready ones in turn. A
request that no backend has begun to answer goes to another one: the product's requests may be sent
twice, since questions change nothing and an upload that arrived already is `unchanged`. What has
begun to come back is passed on as it comes, and breaks when it breaks.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

SERVED_BY = "X-Served-By"
"""The header that names the backend which answered."""

_LOOK_S = 0.1
_PROBE_TIMEOUT_S = 1.0
_REQUEST_TIMEOUT_S = 60.0
_MOST_BYTES = 64 * 1024 * 1024
_START_S = 10.0
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization", "proxy-connection"),
    }
)
_NOT_BEGUN = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ReadError,
    httpx2.WriteError,
    httpx2.RemoteProtocolError,
)
"""What can end a request before the head of its answer: nobody there, or gone meanwhile."""


@dataclass(slots=True)
class Tally:
    """What a balancer has done: requests passed on, second attempts, requests nobody could take."""

    requests: int = 0
    retries: int = 0
    refused: int = 0


class Balancer:
    """Passes requests on to those of `backends`, given by URL, that say that they are ready."""

    def __init__(self, backends: Sequence[str]) -> None:
        """Know these backends; none counts as ready before `watch` has asked it."""
        self.url = ""
        self.tally = Tally()
        self.ready: set[str] = set()
        self._backends = tuple(backends)
        self._turns = count()
        self._client = httpx2.AsyncClient(
            timeout=_REQUEST_TIMEOUT_S,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
        )
        self.app = Starlette(routes=[Route("/{path:path}", self._pass_on, methods=_METHODS)])

    async def watch(self) -> None:
        """Ask every backend again and again whether it is ready, until cancelled."""
        async with (
            httpx2.AsyncClient(timeout=_PROBE_TIMEOUT_S, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for backend in self._backends:
                group.create_task(self._watch(client, backend))

    async def aclose(self) -> None:
        """Close the connections to the backends."""
        await self._client.aclose()

    async def _watch(self, client: httpx2.AsyncClient, backend: str) -> None:
        while True:
            try:
                ready = (await client.get(f"{backend}/readyz")).is_success
            except httpx2.HTTPError:
                ready = False
            if ready:
                self.ready.add(backend)
            else:
                self.ready.discard(backend)
            await asyncio.sleep(_LOOK_S)

    async def _pass_on(self, request: Request) -> Response:
        body = await _body_of(request)
        self.tally.requests += 1
        turn = next(self._turns)
        candidates = [each for each in self._backends if each in self.ready]
        for attempt in range(len(candidates)):
            backend = candidates[(turn + attempt) % len(candidates)]
            try:
                reply = await self._client.send(self._request(request, backend, body), stream=True)
            except _NOT_BEGUN:
                self.ready.discard(backend)
                self.tally.retries += 1
            else:
                return _streamed(reply, backend)
        self.tally.refused += 1
        return JSONResponse({"code": "no_backend_ready"}, 503, {"Retry-After": "1"})

    def _request(self, request: Request, backend: str, body: bytes) -> httpx2.Request:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name not in _HOP_BY_HOP and name not in {"host", "content-length"}
        ]
        return self._client.build_request(
            request.method, backend + target, headers=headers, content=body or None
        )


async def _body_of(request: Request) -> bytes:
    """Return the whole body, which a second attempt needs. Raises HTTPException 413."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    return bytes(body)


def _streamed(reply: httpx2.Response, backend: str) -> Response:
    response = StreamingResponse(
        reply.aiter_raw(), reply.status_code, background=BackgroundTask(reply.aclose)
    )
    response.raw_headers = [
        (name.lower(), value)
        for name, value in reply.headers.raw
        if name.decode("latin-1").lower() not in _HOP_BY_HOP
    ]
    response.headers[SERVED_BY] = backend
    return response


class _Guest(uvicorn.Server):
    """A server in somebody else's process, whose signals are not its own."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to whoever runs us."""
        yield


@asynccontextmanager
async def running_balancer(backends: Sequence[str]) -> AsyncIterator[Balancer]:
    """Run a balancer before `backends` on a free port of the loopback address."""
    balancer = Balancer(backends)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        balancer.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            balancer.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _Guest(config)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(balancer.watch())
            serving = group.create_task(server.serve(sockets=[listener]))
            try:
                async with asyncio.timeout(_START_S):
                    while not server.started:  # noqa: ASYNC110  uvicorn sets no event.
                        await asyncio.sleep(0.01)
                yield balancer
            finally:
                watching.cancel()
                server.should_exit = True
                await asyncio.wait({serving})
                await balancer.aclose()
