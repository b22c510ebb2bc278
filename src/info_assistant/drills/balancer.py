"""A balancer before several backends, as a cluster has one: for tests and demonstrations.

It asks every backend's `/readyz` ten times a second and sends requests to ready ones in turn. A
request that no backend has begun to answer goes to another one: the product's requests may be sent
twice, since questions change nothing and an upload that arrived already is `unchanged`. What has
begun to come back is passed on as it comes, and breaks when it breaks.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_Candidate = TypeVar("_Candidate")

SERVED_BY = "X-Served-By"
"""The header that names the backend which answered."""

NO_BACKEND_READY, NO_ANSWER_IN_TIME = "no_backend_ready", "no_answer_in_time"
"""The balancer's own codes, with which it refuses what no backend has answered."""

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


class Forwarder:
    """Passes each request on to the first of its `candidates`, URLs, that begins to answer it."""

    def __init__(self, candidates: Callable[[Request], Sequence[str]]) -> None:
        """Pass requests on as `candidates` says at each."""
        self.url = ""
        self.tally = Tally()
        self._candidates = candidates
        self._client = httpx2.AsyncClient(
            timeout=_REQUEST_TIMEOUT_S,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
        )
        self.app = Starlette(routes=[Route("/{path:path}", self._pass_on, methods=_METHODS)])

    async def aclose(self) -> None:
        """Close the connections to the backends."""
        await self._client.aclose()

    def gone(self, backend: str) -> None:
        """Hear that a backend did not begin to answer."""

    async def _pass_on(self, request: Request) -> Response:
        body = await _body_of(request)
        self.tally.requests += 1
        for backend in self._candidates(request):
            try:
                reply = await self._client.send(self._request(request, backend, body), stream=True)
            except _NOT_BEGUN:
                self.gone(backend)
                self.tally.retries += 1
            except httpx2.TimeoutException:
                return JSONResponse({"code": NO_ANSWER_IN_TIME}, 504)
            else:
                return _streamed(reply, backend)
        self.tally.refused += 1
        return JSONResponse({"code": NO_BACKEND_READY}, 503, {"Retry-After": "1"})

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


class Balancer(Forwarder):
    """Passes requests on to those of `backends`, given by URL, that say that they are ready."""

    def __init__(self, backends: Sequence[str]) -> None:
        """Know these backends; none counts as ready before `watch` has asked it."""
        super().__init__(self._in_turn)
        self.ready: set[str] = set()
        self._backends = tuple(backends)
        self._turns = count()

    async def watch(self) -> None:
        """Ask every backend again and again whether it is ready, until cancelled."""
        async with (
            httpx2.AsyncClient(timeout=_PROBE_TIMEOUT_S, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for backend in self._backends:
                group.create_task(self._watch(client, backend))

    def gone(self, backend: str) -> None:
        """Do not ask this backend again before it says that it is ready."""
        self.ready.discard(backend)

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

    def _in_turn(self, _request: Request) -> Sequence[str]:
        return in_turn([each for each in self._backends if each in self.ready], next(self._turns))


def in_turn(candidates: Sequence[_Candidate], turn: int) -> Sequence[_Candidate]:
    """Return the same, beginning with the one whose turn it is."""
    start = turn % len(candidates) if candidates else 0
    return [*candidates[start:], *candidates[:start]]


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
async def serving(forwarder: Forwarder) -> AsyncIterator[None]:
    """Let a forwarder listen on a free port of the loopback address until the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        forwarder.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            forwarder.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _Guest(config)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(server.serve(sockets=[listener]))
            try:
                async with asyncio.timeout(_START_S):
                    while not server.started:  # noqa: ASYNC110  uvicorn sets no event.
                        await asyncio.sleep(0.01)
                yield
            finally:
                server.should_exit = True
                await asyncio.wait({running})
                await forwarder.aclose()


@asynccontextmanager
async def running_balancer(backends: Sequence[str]) -> AsyncIterator[Balancer]:
    """Run a balancer before `backends` on a free port of the loopback address."""
    balancer = Balancer(backends)
    async with serving(balancer), asyncio.TaskGroup() as group:
        watching = group.create_task(balancer.watch())
        try:
            yield balancer
        finally:
            watching.cancel()
