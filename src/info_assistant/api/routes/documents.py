"""Documents: taking them in, listing them, showing their text, giving them back, removing them."""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, File, Form, Path, Query, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import note_done
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_documents import (
    DocumentBody,
    DocumentsBody,
    SpanBody,
    TextBody,
    UploadsBody,
    document_body,
    documents_body,
    text_body,
    uploaded_body,
)
from info_assistant.errors import InvalidRequest, PayloadTooLarge
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.document import DocumentState

_MEGABYTE = 1024 * 1024
_LARGEST_OFFSET = 2**31 - 1

DocumentId = Annotated[UUID, Path(description="The document's id.")]
Version = Annotated[
    int | None, Query(ge=1, le=_LARGEST_OFFSET, description="The version; the newest if left out.")
]


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for documents."""
    router = APIRouter(prefix="/v1/documents")
    _add_uploading(router, services)
    _add_listing(router, services)
    _add_reading(router, services)
    _add_removing(router, services)
    return router


def _add_uploading(router: APIRouter, services: ApiServices) -> None:
    limits = services.limits
    # Files lie on the disk and are stored from there in pieces; this bounds what the disk does.
    storing = asyncio.Semaphore(limits.stored_at_once)

    @router.post(
        "",
        status_code=202,
        response_model=UploadsBody,
        summary="Hand in documents",
        responses={
            200: {"model": UploadsBody, "description": "Nothing has changed since last time."},
            202: {"description": "Stored durably; `status_url` tells how far each one has come."},
            **problems(400, 409, 413, 422, 429, 500, 503),
        },
    )
    async def upload(
        request: Request,
        file: Annotated[list[UploadFile], File(description="One or more files.")],
        source: Annotated[
            str | None,
            Form(description="Path or name that identifies the document; for a single file."),
        ] = None,
        title: Annotated[str | None, Form(description="Title to show; for a single file.")] = None,
        access: Annotated[
            list[str] | None,
            Form(
                description="Access groups that may see the documents, one field for each. Left "
                "out: new documents are open to everyone, known ones stay as they are."
            ),
        ] = None,
    ) -> Response:
        """Store documents, to be read and made searchable. Handing one in again is harmless."""
        caller = caller_of(request)
        if len(file) > 1 and (source or title):
            raise InvalidRequest("`source` and `title` go with a single file. Send files singly.")
        if len(file) > limits.files:
            raise PayloadTooLarge(
                f"Up to {limits.files} files can be handed in at once; these are {len(file)}. Send "
                "them in several requests."
            )
        named = _Named(source or "", title or None, tuple(access or ()))
        receipts: list[Receipt] = []
        for each in file:
            async with storing:
                upload = _received(each, named, limits.file_bytes)
                receipts.append(await services.intake.accept(caller, upload))
            note_done(request, receipts[-1].status.document.id)
        return _receipt(receipts)


@dataclass(frozen=True, slots=True)
class _Named:
    """What an upload says of its files."""

    source: str
    title: str | None
    access: tuple[str, ...]


def _received(file: UploadFile, named: _Named, most: int) -> Upload:
    if file.size is not None and file.size > most:
        raise PayloadTooLarge(
            f"A file may have up to {most // _MEGABYTE} MB; this one is larger. Split the file."
        )
    return Upload(
        data=file.file,
        filename=file.filename or "",
        source=named.source,
        title=named.title,
        media_type=file.content_type,
        access=named.access,
    )


def _receipt(receipts: list[Receipt]) -> Response:
    changed = any(each.outcome == "accepted" for each in receipts)
    body = UploadsBody(documents=[uploaded_body(each) for each in receipts])
    return json_answer(body, 202 if changed else 200)


def _add_listing(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "",
        response_model=DocumentsBody,
        summary="List documents",
        responses=problems(422, 429, 500, 503),
    )
    async def list_documents(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
        state: Annotated[DocumentState | None, Query(description="Only in this state.")] = None,
        q: Annotated[
            str, Query(max_length=200, description="Words that title or source contain.")
        ] = "",
        after: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    ) -> Response:
        """List the documents that the caller may see, each with its state and progress."""
        caller = caller_of(request)
        page = await services.library.page(
            caller.scope,
            limit=limit,
            after=str(after) if after else None,
            state=state,
            query=q,
        )
        return json_answer(documents_body(page))

    @router.get(
        "/{document_id}",
        response_model=DocumentBody,
        summary="Show a document's state",
        responses=problems(404, 422, 429, 500, 503),
    )
    async def show(request: Request, document_id: DocumentId) -> Response:
        """Tell how far a document has come."""
        caller = caller_of(request)
        status = await services.library.status(caller.scope, str(document_id))
        return json_answer(document_body(status))


def _add_reading(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/{document_id}/text",
        response_model=TextBody,
        summary="Show a document as text",
        responses=problems(404, 422, 429, 500, 503),
    )
    async def text(
        request: Request,
        document_id: DocumentId,
        start: Annotated[
            int | None, Query(ge=0, le=_LARGEST_OFFSET, description="Mark from here …")
        ] = None,
        end: Annotated[
            int | None, Query(ge=0, le=_LARGEST_OFFSET, description="… to before here.")
        ] = None,
        version: Version = None,
    ) -> Response:
        """Give a document's text in blocks with their places, and mark a range of it.

        Of a text of more than some hundred thousand characters these are the blocks around the
        range, or the first ones: `next` tells where to go on.
        """
        caller = caller_of(request)
        highlight = _highlight(start, end)
        span = (highlight.start, highlight.end) if highlight else (0, 1)
        status, reading = await services.library.reading(
            caller.scope, str(document_id), version, span=span
        )
        # A long document takes tens of milliseconds to write out; nobody else should wait for it.
        return await asyncio.to_thread(lambda: json_answer(text_body(status, reading, highlight)))

    @router.get(
        "/{document_id}/original",
        response_class=Response,
        summary="Download a document",
        responses={
            200: {
                "description": "The bytes that were handed in.",
                "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
            },
            **problems(404, 422, 429, 500, 503),
        },
    )
    async def original(
        request: Request, document_id: DocumentId, version: Version = None
    ) -> Response:
        """Give back the file as it was handed in."""
        caller = caller_of(request)
        status, data = await services.library.original(caller.scope, str(document_id), version)
        name = quote(status.document.source.rsplit("/", 1)[-1], safe="")
        # A document may be a web page with scripts: it is saved, not shown in our own origin.
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        return Response(data, headers=headers, media_type=status.document.content.media_type)


def _highlight(start: int | None, end: int | None) -> SpanBody | None:
    if start is None and end is None:
        return None
    if start is None or end is None or end <= start:
        raise InvalidRequest("`start` and `end` go together, and `end` is the greater of the two.")
    return SpanBody(start=start, end=end)


def _add_removing(router: APIRouter, services: ApiServices) -> None:
    @router.delete(
        "/{document_id}",
        status_code=204,
        response_class=Response,
        summary="Remove a document",
        responses={204: {"description": "Removed for good."}, **problems(404, 422, 429, 500, 503)},
    )
    async def remove(request: Request, document_id: DocumentId) -> Response:
        """Remove a document; from this answer on no answer cites it."""
        caller = caller_of(request)
        await services.library.remove(caller, str(document_id))
        return Response(status_code=204)
