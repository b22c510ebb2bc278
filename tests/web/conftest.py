"""A backend that replies as a test tells it to, and a browser's view of the frontend before it."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.web.app import create_frontend

ANSWER = "01a21902-4060-7000-a0ac-e82f0f16792b"
DOCUMENT = "5f0c9a52-6f0b-5b51-8f3d-0a4b7a1f3c11"
PAGE_URL = "http://info.example:8080"

Scripted = Callable[[Request], Response] | Response


@dataclass
class ScriptedBackend:
    """Answers each 'METHOD /path' as scripted, else 404, and remembers what it was asked.

    `looks` counts how often somebody asked for its health.
    """

    replies: dict[str, Scripted] = field(default_factory=dict)
    asked: list[tuple[Request, bytes]] = field(default_factory=list)
    looks: int = 0

    @property
    def app(self) -> Starlette:
        """The backend as an ASGI application."""
        return Starlette(
            routes=[
                Route(
                    "/{path:path}", self._reply, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
                )
            ]
        )

    @property
    def questions(self) -> list[tuple[Request, dict[str, Any]]]:
        """The questions that it was asked, each with its body."""
        return [
            (request, json.loads(body))
            for request, body in self.asked
            if request.url.path == "/v1/query"
        ]

    async def _reply(self, request: Request) -> Response:
        if request.url.path == "/health":
            self.looks += 1
        else:
            self.asked.append((request, await request.body()))
        found = self.replies.get(f"{request.method} {request.url.path}")
        if found is None:
            return problem(404, "not_found")
        return found if isinstance(found, Response) else found(request)

    def answers(self, reply: dict[str, object]) -> None:
        """Give this answer to every question, streamed and recorded."""
        frames = events(("status", {"stage": "retrieve"}), ("final", reply))
        self.streams(frames)
        self.records(reply)

    def streams(self, frames: bytes) -> None:
        """Stream these frames for every question, and as often as they are asked for again."""
        headers = {"X-Answer-Id": ANSWER}
        stream = Response(frames, headers=headers, media_type="text/event-stream")
        self.replies["POST /v1/query"] = stream
        self.replies[f"GET /v1/answers/{ANSWER}/events"] = stream

    def records(self, reply: dict[str, object]) -> None:
        """Have this answer to the question asked last on record."""

        def record(_request: Request) -> Response:
            body = self.questions[-1][1] if self.questions else {}
            fields: dict[str, object] = {
                "id": ANSWER,
                "at": "2026-11-23T13:06:00Z",
                "answer": reply,
            }
            fields |= {name: body.get(name) for name in ("question", "conversation_id")}
            return JSONResponse(fields)

        self.replies[f"GET /v1/answers/{ANSWER}"] = record

    def fails(self, response: Response) -> None:
        """Give this error for every question."""
        self.replies["POST /v1/query"] = response

    def holds(self, reading: Reading, *, highlights: bool = True, **fields: object) -> None:
        """Hold a document with this text, which highlights whatever span it is asked for."""

        def reply(request: Request) -> Response:
            wanted = request.query_params
            span = {"start": int(wanted.get("start", 0)), "end": int(wanted.get("end", 0))}
            shown = [span] if highlights and span["end"] else []
            return JSONResponse(text_reply(reading, highlights=shown, **fields))

        self.replies[f"GET /v1/documents/{DOCUMENT}/text"] = reply


def events(*named: tuple[str, object]) -> bytes:
    """Return these events as the API streams them."""
    frames = [
        f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        for number, (name, data) in enumerate(named, start=1)
    ]
    return "".join(frames).encode()


class Page:
    """A response as a reader's browser takes it apart."""

    def __init__(self, response: httpx2.Response) -> None:
        """Parse the HTML of `response`."""
        self._parsed = LexborHTMLParser(response.text)

    def css(self, selector: str) -> list[LexborNode]:
        """Return every element that `selector` finds."""
        return self._parsed.css(selector)

    def one(self, selector: str) -> LexborNode:
        """Return the only element that `selector` finds."""
        (found,) = self._parsed.css(selector)
        return found

    def words(self, selector: str) -> str:
        """Return the words of the only element that `selector` finds, with single spaces."""
        return " ".join(self.one(selector).text().split())

    def value(self, selector: str, attribute: str) -> str:
        """Return an attribute of the only element that `selector` finds."""
        return self.one(selector).attributes[attribute] or ""


def problem(
    status: int, code: str, *, detail: str = "", retry_after: str | None = None
) -> Response:
    """Return an error as the API states it."""
    body = {
        "type": f"/problems/{code}",
        "title": code,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "backend-7",
    }
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def citation(n: int, **fields: object) -> dict[str, object]:
    """Return a citation as the API gives it."""
    return {
        "n": n,
        "document_id": DOCUMENT,
        "title": "Leave handbook",
        "source": "handbook/leave.md",
        "version": 3,
        "page": 4,
        "heading_path": ["Annual leave", "Carrying leave over"],
        "quote": "Up to five days may be carried over.",
        "start": 120,
        "end": 156,
        **fields,
    }


def answer(**fields: object) -> dict[str, object]:
    """Return an answer as the API gives it."""
    return {
        "id": ANSWER,
        "status": "answered",
        "answer_mode": "extractive",
        "answer": "Up to five days may be carried over.",
        "sentences": [
            {
                "text": "Up to five days may be carried over.",
                "citations": [1],
                "support": "supported",
            }
        ],
        "citations": [citation(1)],
        "see_also": [],
        "served_by": {"provider": "extractive", "model": "m", "cache": "off", "switch": None},
        "degraded": [],
        "notices": [],
        "documents_as_of": "2026-11-23T13:05:00Z",
        "usage": {"tokens": 0, "cost_usd": 0},
        "timings_ms": {"retrieve": 3.1},
        **fields,
    }


def document(**fields: object) -> dict[str, object]:
    """Return a document's state as the API gives it."""
    return {
        "id": DOCUMENT,
        "title": "Leave handbook",
        "source": "handbook/leave.md",
        "state": "ready",
        "detail": "",
        "progress": None,
        "passages": 12,
        "version": 3,
        "versions": [1, 2, 3],
        "media_type": "text/markdown",
        "size_bytes": 812,
        "access": ["everyone"],
        "created_at": "2026-11-20T08:00:00Z",
        "updated_at": "2026-11-22T09:30:00Z",
        "since": "2026-11-22T09:31:00Z",
        **fields,
    }


def text_reply(
    reading: Reading, *, highlights: list[dict[str, int]], **fields: object
) -> dict[str, object]:
    """Return a document's text as the API gives it."""
    return {
        "id": DOCUMENT,
        "title": "Leave handbook",
        "source": "handbook/leave.md",
        "version": 3,
        "blocks": [
            {
                "kind": placed.block.kind,
                "level": placed.block.level,
                "page": placed.block.page,
                "text": placed.block.text,
                "start": placed.start,
                "end": placed.end,
                "table_header": placed.block.table_header,
            }
            for placed in reading.placed()
        ],
        "highlights": highlights,
        "notes": list(reading.notes),
        **fields,
    }


def paragraphs(*texts: str) -> Reading:
    """Return a reading of plain paragraphs."""
    return Reading(tuple(Block(BlockKind.PARAGRAPH, text) for text in texts))


@pytest.fixture
def backend() -> ScriptedBackend:
    """Return a backend that knows nothing yet."""
    return ScriptedBackend()


@pytest.fixture
async def browser(backend: ScriptedBackend) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of a frontend that stands before `backend`."""
    app = create_frontend("http://backend", transport=httpx2.ASGITransport(app=backend.app))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=PAGE_URL) as client,
    ):
        yield client
