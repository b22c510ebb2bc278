"""Documents: taking them in, listing them, showing how far they are, removing them."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Path, Query, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action, note_done
from info_assistant.api.once import REPLAYED
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire import Day
from info_assistant.api.wire_documents import (
    DocumentBody,
    DocumentsBody,
    UploadsBody,
    document_body,
    documents_body,
    uploaded_body,
)
from info_assistant.errors import InvalidRequest, PayloadTooLarge
from info_assistant.ingestion.intake import Receipt, Upload
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import Caller
from info_assistant.model.metadata import Metadata
from info_assistant.ports import DocumentFilter
from info_assistant.resilience.idempotency import IdempotentRequests, Reply

_MEGABYTE = 1024 * 1024

DocumentId = Annotated[UUID, Path(description="The document's id.")]


@dataclass(frozen=True, slots=True)
class _Metadata:
    """What an upload says about its documents, as form fields."""

    source_url: Annotated[str | None, Form(description="Where the document is published.")] = None
    language: Annotated[str | None, Form(description="Such as `en` or `fr-CA`.")] = None
    effective: Annotated[Day | None, Form(description="From this day on it counts.")] = None
    superseded: Annotated[
        Day | None, Form(description="From this day on it counts no more; answers say so.")
    ] = None
    review_by: Annotated[Day | None, Form(description="To be looked at again by then.")] = None
    marking: Annotated[str | None, Form(description="Protective marking.")] = None
    tags: Annotated[list[str] | None, Form(description="One field for each tag.")] = None

    def metadata(self) -> Metadata:
        return Metadata(
            source_url=self.source_url or None,
            language=self.language or None,
            effective=self.effective,
            superseded=self.superseded,
            review_by=self.review_by,
            marking=self.marking or None,
            tags=tuple(self.tags or ()),
        )


@dataclass(frozen=True, slots=True)
class _Identity:
    """What an upload says of a single document, and who may see all of them, as form fields."""

    source: Annotated[
        str | None,
        Form(description="Path or name that identifies the document; for a single file."),
    ] = None
    title: Annotated[str | None, Form(description="Title to show; for a single file.")] = None
    access: Annotated[
        list[str] | None,
        Form(
            description="Access groups that may see the documents, one field for each. Left "
            "out: new documents are open to everyone, known ones stay as they are."
        ),
    ] = None


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for documents."""
    router = APIRouter(prefix="/v1/documents")
    _add_uploading(router, services)
    _add_listing(router, services)
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
        identity: Annotated[_Identity, Depends()],
        stated: Annotated[_Metadata, Depends()],
        idempotency_key: Annotated[
            str | None,
            Header(
                description="Any text of your own: the same upload with the same key gets the same "
                "answer, for a day at least; another upload with it is refused."
            ),
        ] = None,
    ) -> Response:
        """Store documents, to be read and made searchable. Handing one in again is harmless.

        What is said about documents that are known already is added to what is known of them.
        """
        if len(file) > 1 and (identity.source or identity.title):
            raise InvalidRequest("`source` and `title` go with a single file. Send files singly.")
        if len(file) > limits.files:
            raise PayloadTooLarge(
                f"Up to {limits.files} files can be handed in at once; these are {len(file)}. Send "
                "them in several requests."
            )
        said = _Said(identity, stated.metadata())

        async def store() -> Reply:
            receipts: list[Receipt] = []
            for each in file:
                async with storing:
                    upload = _received(each, said, limits.file_bytes)
                    receipts.append(await services.intake.accept(caller_of(request), upload))
                note_done(request, receipts[-1].status.document.id)
            return _receipt(receipts)

        if idempotency_key is None or services.repeats is None:
            return _answer(await store())
        once = _Once(services.repeats, caller_of(request), idempotency_key)
        return await once.answer(await _digest(file, said), store)


@dataclass(frozen=True, slots=True)
class _Said:
    """What an upload says of its files."""

    identity: _Identity
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class _Once:
    """Carries out a caller's upload under a key unless its answer is known."""

    repeats: IdempotentRequests
    caller: Caller
    key: str

    async def answer(self, digest: str, store: Callable[[], Awaitable[Reply]]) -> Response:
        begun = await self.repeats.begin(self.caller, self.key, digest)
        if begun.reply is not None:
            return _answer(begun.reply, replayed=True)
        return _answer(await self.repeats.finish(begun, await store()))


async def _digest(files: Sequence[UploadFile], said: _Said) -> str:
    """Return the digest of all that an upload says; the files are left at their beginning."""
    fields = json.dumps(asdict(said), default=str, sort_keys=True)
    digest = hashlib.sha256(fields.encode())
    for file in files:
        content = hashlib.sha256()
        while piece := await file.read(_MEGABYTE):
            content.update(piece)
        await file.seek(0)
        digest.update(f"\0{file.filename}\0{content.hexdigest()}".encode())
    return digest.hexdigest()


def _received(file: UploadFile, said: _Said, most: int) -> Upload:
    if file.size is not None and file.size > most:
        raise PayloadTooLarge(
            f"A file may have up to {most // _MEGABYTE} MB; this one is larger. Split the file."
        )
    identity = said.identity
    return Upload(
        data=file.file,
        filename=file.filename or "",
        source=identity.source or "",
        title=identity.title or None,
        media_type=file.content_type,
        access=tuple(identity.access or ()),
        metadata=said.metadata,
    )


def _receipt(receipts: list[Receipt]) -> Reply:
    changed = any(each.outcome == "accepted" for each in receipts)
    body = UploadsBody(documents=[uploaded_body(each) for each in receipts])
    return Reply(202 if changed else 200, body.model_dump_json())


def _answer(reply: Reply, *, replayed: bool = False) -> Response:
    headers = REPLAYED if replayed else {}
    return Response(reply.body, reply.status, headers, media_type="application/json")


@dataclass(frozen=True, slots=True)
class _Sought:
    """Which documents a list is to hold, as parameters of its address."""

    state: Annotated[DocumentState | None, Query(description="Only in this state.")] = None
    q: Annotated[str, Query(max_length=200, description="Words that title or source contain.")] = ""
    tag: Annotated[str | None, Query(max_length=60, description="Only with this tag.")] = None
    marking: Annotated[
        str | None, Query(max_length=100, description="Only with this protective marking.")
    ] = None
    review_before: Annotated[
        Day | None, Query(description="Only those to be looked at again before this day.")
    ] = None
    superseded_by: Annotated[
        Day | None, Query(description="Only those that count no more on this day.")
    ] = None

    access: Annotated[
        str | None,
        Query(max_length=100, description="Only those that this access group may see."),
    ] = None

    def filter(self) -> DocumentFilter:
        return DocumentFilter(
            state=self.state,
            query=self.q,
            tag=self.tag,
            marking=self.marking,
            review_before=self.review_before,
            superseded_by=self.superseded_by,
            access=self.access,
        )


def _add_listing(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "",
        response_model=DocumentsBody,
        summary="List documents",
        responses=problems(422, 429, 500, 503),
    )
    async def list_documents(
        request: Request,
        sought: Annotated[_Sought, Depends()],
        limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
        after: Annotated[UUID | None, Query(description="The `next` of the page before.")] = None,
    ) -> Response:
        """List the documents that the caller may see, each with its state and progress."""
        page = await services.library.page(
            caller_of(request).scope,
            limit=limit,
            after=str(after) if after else None,
            wanted=sought.filter(),
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


def _add_removing(router: APIRouter, services: ApiServices) -> None:
    @router.delete(
        "/{document_id}",
        status_code=204,
        response_class=Response,
        summary="Remove a document",
        responses={204: {"description": "Removed for good."}, **problems(404, 422, 429, 500, 503)},
    )
    async def remove(
        request: Request,
        document_id: DocumentId,
        purge: Annotated[  # noqa: FBT002  A parameter of the address.
            bool,
            Query(
                description="Take its quotes out of the records of old answers too; hashes stay. "
                "Operators may ask for this of a document that is removed already."
            ),
        ] = False,
    ) -> Response:
        """Remove a document; from this answer on no answer cites it, and nothing brings it back."""
        describe_action(request, purge=str(purge).lower())
        await services.library.remove(caller_of(request), str(document_id), purge=purge)
        return Response(status_code=204)
