"""What is in a document: its text, its own file, its versions, and the passages made of it."""

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.routes.documents import DocumentId
from info_assistant.api.services import ApiServices, Original
from info_assistant.api.wire_documents import (
    PassagesBody,
    SpanBody,
    TextBody,
    VersionsBody,
    Window,
    passages_body,
    text_body,
    versions_body,
)
from info_assistant.errors import Forbidden, InvalidRequest
from info_assistant.model.document import Document, HoldKind
from info_assistant.model.identity import Caller, Role

LARGEST_OFFSET = 2**31 - 1
_LARGEST_REVISION = 10**8 - 1
_PIECE = 1024 * 1024
_MOST_SPANS = 50
_SPAN = r"^[0-9]{1,9}-[0-9]{1,9}$"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")

Version = Annotated[
    int | None, Query(ge=1, le=LARGEST_OFFSET, description="The version; the newest if left out.")
]
Offset = Annotated[int, Query(ge=0, le=LARGEST_OFFSET)]


def routes(services: ApiServices) -> APIRouter:
    """Return the routes that show what is in a document."""
    router = APIRouter(prefix="/v1/documents")
    _add_text(router, services)
    _add_original(router, services)
    _add_versions(router, services)
    _add_passages(router, services)
    return router


def _add_text(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/{document_id}/text",
        response_model=TextBody,
        summary="Show a document as text",
        responses=problems(403, 404, 422, 429, 500, 503),
    )
    async def text(  # noqa: PLR0913  Each is a parameter of the address.
        request: Request,
        document_id: DocumentId,
        *,
        start: Annotated[
            int | None, Query(ge=0, le=LARGEST_OFFSET, description="Mark from here …")
        ] = None,
        end: Annotated[
            int | None, Query(ge=0, le=LARGEST_OFFSET, description="… to before here.")
        ] = None,
        span: Annotated[
            list[Annotated[str, Query(pattern=_SPAN)]],
            Query(max_length=_MOST_SPANS, description="More to mark, each as `start-end`."),
        ] = [],  # noqa: B006  FastAPI's form of a list that may be left out.
        offset: Offset = 0,
        length: Annotated[
            int | None,
            Query(ge=1, le=LARGEST_OFFSET, description="Only what touches so many characters."),
        ] = None,
        page: Annotated[
            int | None, Query(ge=1, le=LARGEST_OFFSET, description="Only this physical page.")
        ] = None,
        version: Version = None,
    ) -> Response:
        """Give a document's text in blocks with their places, and mark ranges of it.

        Of a text of more than some hundred thousand characters these are the blocks around what is
        marked or asked for, else the first ones: `next` tells where to go on.
        """
        caller = caller_of(request)
        highlights = _highlights(start, end, span)
        window = Window(offset, length, page)
        status, reading = await services.library.reading(
            caller.scope, str(document_id), version, span=_wanted(window, highlights)
        )
        require_open(caller, status.document)
        # A long document takes tens of milliseconds to write out; nobody else should wait for it.
        return await asyncio.to_thread(
            lambda: json_answer(text_body(status, reading, highlights, window))
        )


def require_open(caller: Caller, document: Document) -> None:
    """Return if a caller may look into a document that they may see. Raises Forbidden."""
    held = document.hold
    if held and held.kind is HoldKind.QUARANTINED and not caller.role.includes(Role.CONTRIBUTOR):
        raise Forbidden(
            f"This document has been in quarantine since {held.at:%Y-%m-%d}, so that nobody reads "
            "it until it has been checked. The people who look after the documents can tell more."
        )


def _wanted(window: Window, highlights: list[SpanBody]) -> tuple[int, int]:
    """Return the characters that are to be shown at least."""
    if window.page is not None:
        # Where pages lie is known only by looking at them.
        return 0, LARGEST_OFFSET
    if window.length is not None or window.offset or not highlights:
        return window.offset, window.offset + (window.length or 1)
    return min(each.start for each in highlights), max(each.end for each in highlights)


def _highlights(start: int | None, end: int | None, spans: list[str]) -> list[SpanBody]:
    edges = [(int(a), int(b)) for a, b in (each.split("-") for each in spans)]
    if (start is None) != (end is None):
        raise InvalidRequest("`start` and `end` go together, and `end` is the greater of the two.")
    if start is not None and end is not None:
        edges.insert(0, (start, end))
    if any(b <= a for a, b in edges):
        raise InvalidRequest("What is to be marked must end after it starts.")
    return [SpanBody(start=a, end=b) for a, b in edges]


def _add_original(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/{document_id}/original",
        response_class=Response,
        summary="Download a document",
        responses={
            200: {
                "description": "The bytes that were handed in.",
                "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
            },
            206: {
                "description": "The part of them that `Range` asks for.",
                "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
            },
            **problems(403, 404, 416, 422, 429, 500, 503),
        },
    )
    async def original(
        request: Request,
        document_id: DocumentId,
        version: Version = None,
        range_header: Annotated[
            str | None, Header(alias="Range", description="One range, such as `bytes=0-1023`.")
        ] = None,
    ) -> Response:
        """Give back the file as it was handed in, in pieces, or the range that is asked for."""
        caller = caller_of(request)
        status, original = await services.library.original(caller.scope, str(document_id), version)
        require_open(caller, status.document)
        part = _part(range_header, original.size_bytes)
        if part is not None and part[0] > 0:
            # The rest of a file is no second download of it.
            describe_action(request, from_byte=str(part[0]))
        return await _download(status.document, original, part)


async def _download(
    document: Document, original: Original, part: tuple[int, int] | None
) -> Response:
    size = original.size_bytes
    # A document may be a web page with scripts: it is saved, not shown in our own origin.
    headers = {
        "Content-Disposition": "attachment; filename*=UTF-8''"
        + quote(document.source.rsplit("/", 1)[-1], safe=""),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Accept-Ranges": "bytes",
        "ETag": f'"{document.content.sha256}"',
    }
    if part is not None and part[0] >= part[1]:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers={"Content-Range": f"bytes */{size}"}
        )
    start, end = part or (0, size)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    # The first piece is here before the headers leave, so that an outage keeps its status.
    first = await original.read(start, min(start + _PIECE, end))
    pieces = _pieces(original, first, start, end)
    media_type = document.content.media_type
    return StreamingResponse(pieces, 206 if part else 200, headers, media_type=media_type)


async def _pieces(original: Original, first: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    yield first
    for at in range(start + len(first), end, _PIECE):
        yield await original.read(at, min(at + _PIECE, end))


def _part(wanted: str | None, size: int) -> tuple[int, int] | None:
    """Return the range [start, end) that a header asks for (RFC 9110, 14.2); None for the whole.

    What is no single range is passed over, as the standard has it.
    """
    found = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    return start, min(int(found[2]) + 1, size) if found[2] else size


def _add_versions(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/{document_id}/versions",
        response_model=VersionsBody,
        summary="List a document's versions",
        responses=problems(404, 422, 429, 500, 503),
    )
    async def versions(
        request: Request,
        document_id: DocumentId,
        limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
        before: Annotated[
            int, Query(ge=1, le=_LARGEST_REVISION, description="The `next` of the page before.")
        ] = _LARGEST_REVISION,
    ) -> Response:
        """List the versions of a document's bytes, newest first."""
        scope = caller_of(request).scope
        found = await services.library.versions(scope, str(document_id), before=before, limit=limit)
        return json_answer(versions_body(found, limit))


def _add_passages(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/{document_id}/passages",
        response_model=PassagesBody,
        summary="Preview a document's passages",
        responses=problems(403, 404, 422, 429, 500, 503),
    )
    async def passages(
        request: Request,
        document_id: DocumentId,
        limit: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 20,
        first: Annotated[
            int, Query(ge=0, le=LARGEST_OFFSET, description="The `next` of the page before.")
        ] = 0,
    ) -> Response:
        """Show the passages in which a document is searched and quoted, in their order."""
        caller = caller_of(request)
        status, found = await services.library.passages(
            caller.scope, str(document_id), first=first, limit=limit
        )
        require_open(caller, status.document)
        return json_answer(passages_body(status, found, first, limit))
