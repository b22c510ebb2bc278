"""The list of documents, one document's text with a passage marked, and its own file."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from urllib.parse import quote
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from info_assistant.errors import InfoAssistantError
from info_assistant.web.backend import Backend, BackendProblem, ByteStream
from info_assistant.web.listing import MOST_SORTED, ORDERS, Wanted, followed
from info_assistant.web.marking import Layout
from info_assistant.web.rendering import Renderer
from info_assistant.web.replies import DocumentText
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.visits import Visit

_log = structlog.get_logger(__name__)

_PER_PAGE = 50
_LARGEST_NUMBER = 10**9
_SOON = timedelta(days=31)

# No browser runs anything from these; whatever else a document claims to be travels as bytes.
_HARMLESS_TYPES = {
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/csv",
    "text/markdown",
    "text/plain",
}


@dataclass(frozen=True, slots=True)
class Due:
    """How many documents are to be reviewed within 30 days, `overdue` ones included; where."""

    count: int
    overdue: int
    address: str


class DocumentPages:
    """Everything under /documents."""

    def __init__(self, backend: Backend, renderer: Renderer, door: Doorkeeper) -> None:
        """Ask `backend` for those whom `door` lets in, show with `renderer`."""
        self._backend = backend
        self._renderer = renderer
        self._door = door

    async def listing(self, request: Request) -> HTMLResponse:
        """Return the list of documents. Raises SignInNeeded, and what `Backend.documents` does."""
        visit = self._door.require(request)
        wanted = Wanted.of(request.query_params)
        if ids := followed(request.query_params.getlist("id")):
            return await self._following(request, ids, visit)
        limit = MOST_SORTED if wanted.sort else _PER_PAGE
        due = await self._due(wanted, visit)
        page = await self._backend.documents(wanted.asked, limit, visit)
        if wanted.sort:
            ordered = await asyncio.to_thread(wanted.sorted, page.documents)
            documents, following = wanted.part(ordered, _PER_PAGE)
        else:
            documents = page.documents
            following = wanted.address(after=page.next) if page.next else ""
        context = {
            "documents": documents,
            "wanted": wanted,
            "following": following,
            "left_out": MOST_SORTED if wanted.sort and page.next else 0,
            "due": due,
        }
        return self._list(request, context, visit)

    async def _due(self, wanted: Wanted, visit: Visit) -> Due | None:
        """Return what is to be reviewed soon: for contributors, above the list of all."""
        if not visit.curates or wanted.sought or wanted.continued:
            return None
        today = datetime.now(UTC).date()
        soon = Wanted(review_before=(today + _SOON).isoformat(), sort="review")
        page = await self._backend.documents(soon.asked, MOST_SORTED, visit)
        overdue = sum(each.is_overdue(today) for each in page.documents)
        return Due(len(page.documents), overdue, soon.address()) if page.documents else None

    async def _following(self, request: Request, ids: Sequence[str], visit: Visit) -> HTMLResponse:
        """Return the list of these documents alone: how far each has come."""
        documents = await asyncio.gather(*(self._backend.document(each, visit) for each in ids))
        context = {"documents": documents, "wanted": Wanted(), "following": "", "alone": True}
        return self._list(request, context, visit)

    def _list(self, request: Request, context: Mapping[str, object], visit: Visit) -> HTMLResponse:
        said = {"added": _count(request, "added"), "changed": _count(request, "changed")}
        whole = {"here": "documents", "orders": ORDERS, "left_out": 0, "alone": False, "due": None}
        whole["today"] = datetime.now(UTC).date()
        return self._renderer.page("documents.html", {**whole, **said, **context}, visit=visit)

    async def source(self, request: Request) -> HTMLResponse:
        """Return a document's text, its passage marked.

        Raises SignInNeeded, and what `Backend.text` does.
        """
        visit = self._door.require(request)
        document_id = _document_id(request)
        start, end = _number(request, "start"), _number(request, "end")
        span = (start, end) if start is not None and end is not None and start < end else None
        cited = _number(request, "v")
        text = await self._text(document_id, span, visit)
        changed = span is not None and cited is not None and cited != text.version
        # Offsets of one version point at other words in another: marking those would mislead.
        highlights = () if changed else text.highlights
        layout = Layout(text.blocks, highlights, anchor=span[0] if span else None)
        # A long document is many thousands of blocks: too much to go through on the event loop.
        part = await asyncio.to_thread(layout.part, _number(request, "part"))
        context = {
            "here": "documents",
            "document_id": document_id,
            "text": text,
            "part": part,
            "cited": cited if changed else None,
            "unmarked": span is not None and not changed and not highlights,
            "marked": bool(highlights),
        }
        return self._renderer.page("source.html", context, visit=visit)

    async def _text(
        self, document_id: str, span: tuple[int, int] | None, visit: Visit
    ) -> DocumentText:
        """Return the text with `span` highlighted, or as it is if the span is not within it."""
        try:
            return await self._backend.text(document_id, span, visit)
        except BackendProblem as exc:
            if span is None or exc.status != 422:  # noqa: PLR2004 — an invalid span.
                raise
        return await self._backend.text(document_id, None, visit)

    async def original(self, request: Request) -> Response:
        """Return a document's own file, to be saved.

        Raises SignInNeeded, and what `Backend.original` does.
        """
        visit = self._door.require(request)
        document_id = _document_id(request)
        document = await self._backend.document(document_id, visit)
        kind = document.media_type.partition(";")[0].strip().lower()
        headers = {
            "Content-Disposition": _attachment(document.source or document.title),
            "Content-Type": kind if kind in _HARMLESS_TYPES else "application/octet-stream",
        }
        if request.method == "HEAD":
            return Response(headers=headers)
        original = await self._backend.original(document_id, visit)
        if original.size_bytes is not None:
            headers["Content-Length"] = str(original.size_bytes)
        return _Download(original, headers)


class _Download(StreamingResponse):
    """Hands bytes through, and gives the backend's connection back however that ends."""

    def __init__(self, original: ByteStream, headers: dict[str, str]) -> None:
        super().__init__(original.chunks, headers=headers)
        self._original = original

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except InfoAssistantError as exc:
            # Going on to raise breaks the connection: the file must not look complete.
            _log.warning("original_broke_off", code=exc.code)
            raise
        finally:
            await self._original.aclose()


def _document_id(request: Request) -> str:
    """Return the identifier in the path, which the route has checked to be a UUID."""
    found: UUID = request.path_params["document_id"]
    return str(found)


def _count(request: Request, name: str) -> int:
    """Return how many documents something was done to, as the address says; 0 for nonsense."""
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 4 else 0  # noqa: PLR2004


def _number(request: Request, name: str) -> int | None:
    """Return a query parameter as a whole number, or None for anything else."""
    value = request.query_params.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= len(str(_LARGEST_NUMBER))):
        return None
    return int(value)


def _attachment(source: str) -> str:
    """Return a Content-Disposition that saves under the last part of `source`, whatever it holds.

    The name in ASCII is for old clients; the encoded one (RFC 8187) cannot end the header early.
    """
    name = PurePosixPath(source.replace("\\", "/")).name
    name = "".join(c for c in name if c.isprintable() and c not in '<>:"|?*').strip(". ")[-150:]
    name = name or "document"
    plain = "".join(c if c.isascii() and c not in "%;'" else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
