"""A backend on a real socket, which gives its answers as slowly as a test wants."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.web.conftest import ANSWER, answer, events, problem
from tests.web.signing_in import browsing, served

from info_assistant.web.app import create_frontend

SENTENCES = ("Up to five days may be carried over.", "They lapse in March.")
BEGUN = (
    ("status", {"stage": "retrieve"}),
    ("sources", {"sources": []}),
    ("status", {"stage": "generate"}),
    *(("sentence", {"text": text, "citations": [], "support": "supported"}) for text in SENTENCES),
)


@dataclass
class LiveBackend:
    """Streams BEGUN, and once `go` is set the last event; an answer is on record when it was read.

    `left` is set when somebody stops reading; `resumed` has every Last-Event-ID. The stream that
    is taken up for the time `breaks_at` breaks before the last event that there is so far.
    """

    breaks_at: int = 0
    go: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    read: threading.Event = field(default_factory=threading.Event)
    resumed: list[str] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        """The backend as an ASGI application."""
        one = f"/v1/answers/{ANSWER}"
        return Starlette(
            routes=[
                Route("/v1/query", self._ask, methods=["POST"]),
                Route(one, self._record),
                Route(f"{one}/events", self._events),
                Route("/{path:path}", lambda _request: problem(404, "not_found")),
            ]
        )

    async def _ask(self, _request: Request) -> Response:
        headers = {"X-Answer-Id": ANSWER}
        return StreamingResponse(self._asked(), headers=headers, media_type="text/event-stream")

    async def _events(self, request: Request) -> Response:
        self.resumed.append(request.headers.get("last-event-id", ""))
        breaks = len(self.resumed) == self.breaks_at
        frames = self._frames(int(self.resumed[-1] or 0), breaks=breaks)
        return StreamingResponse(frames, media_type="text/event-stream")

    async def _asked(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._frames(0):
                yield piece
            self.read.set()
        finally:
            if not self.read.is_set():
                self.left.set()

    async def _frames(self, after: int, *, breaks: bool = False) -> AsyncIterator[bytes]:
        frames = events(*BEGUN, ("final", answer())).split(b"\n\n")
        for frame in frames[after : len(BEGUN) - breaks]:
            yield frame + b"\n\n"
        if breaks:
            raise ConnectionResetError
        while not self.go.is_set() and not self.left.is_set():  # noqa: ASYNC110  Set by the test's own thread.
            await asyncio.sleep(0.01)
        if self.go.is_set():
            yield frames[len(BEGUN)] + b"\n\n"

    async def _record(self, _request: Request) -> Response:
        if not self.read.is_set():
            return problem(404, "not_found")
        return JSONResponse({"id": ANSWER, "question": "How long?", "answer": answer()})


@contextmanager
def live_page(backend: LiveBackend) -> Iterator[str]:
    """Serve `backend` and a page before it on loopback; yield the page's address."""
    with served(backend.app) as backend_url:
        try:
            with served(create_frontend(backend_url)) as url:
                yield url
        finally:
            backend.go.set()


@asynccontextmanager
async def live_browser(backend: LiveBackend) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a browser of a page before `backend`."""
    with live_page(backend) as url:
        async with browsing(url) as browser:
            yield browser
