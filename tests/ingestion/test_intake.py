"""What is taken in, what is refused, and that nothing half-done is left behind."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from info_assistant.errors import (
    Conflict,
    DocumentLimitReached,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    Unreadable,
)
from info_assistant.ingestion.intake import Intake, IntakeLimits, Upload
from info_assistant.ingestion.originals import original_key
from info_assistant.ingestion.references import delete_unshared
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope

if TYPE_CHECKING:
    from tests.ingestion.conftest import Place

SCOPE = LOCAL_OPERATOR.scope
UPLOAD = Upload(b"Some words.", "folder\\a file.txt")


async def test_an_accepted_document_is_committed_and_shown(place: "Place") -> None:
    """The receipt, the catalogue and the board agree; title and source come from the file name."""
    receipt = await place.intake.accept(LOCAL_OPERATOR, UPLOAD)
    document = receipt.status.document
    assert (document.source, document.title, document.revision) == ("a file.txt", "a file", 1)
    assert document.content.media_type == "text/plain"
    assert await place.stores.catalogue.latest("default", document.id) == document
    assert await place.library.status(SCOPE, document.id) == receipt.status
    assert await place.original(SCOPE, document.id) == UPLOAD.data


async def test_the_same_again_is_unchanged(place: "Place") -> None:
    """The same bytes change nothing; other bytes or another title are a new version."""
    named = replace(UPLOAD, source="rules/parking", title="Parking")
    first = await place.intake.accept(LOCAL_OPERATOR, named)
    again = await place.intake.accept(LOCAL_OPERATOR, named)
    assert (again.outcome, again.status.document) == ("unchanged", first.status.document)
    for changed in (replace(named, data=b"Other."), replace(named, title="New", data=b"Other.")):
        receipt = await place.intake.accept(LOCAL_OPERATOR, changed)
        assert receipt.outcome == "accepted"
        assert receipt.status.document.id == first.status.document.id
    latest = receipt.status.document
    assert (latest.revision, latest.title) == (3, "New")
    assert latest.created_at == first.status.document.created_at


async def test_a_failed_document_is_tried_again(place: "Place") -> None:
    """Uploading a failed document again is not taken for unchanged."""
    receipt = await place.intake.accept(LOCAL_OPERATOR, UPLOAD)
    await place.stores.board.put_all([replace(receipt.status, state=DocumentState.FAILED)])
    assert (await place.intake.accept(LOCAL_OPERATOR, UPLOAD)).outcome == "accepted"


@pytest.mark.parametrize(
    ("upload", "error"),
    [
        (Upload(b"", "a.txt"), Unreadable),
        (Upload(b"x", "a.exe"), Unreadable),
        (Upload(b"x", "noending"), Unreadable),
        (Upload(b"x", ""), InvalidRequest),
        (Upload(b"x", "a\n.txt"), InvalidRequest),
        (Upload(b"x", "a.txt", source="a\0b"), InvalidRequest),
        (Upload(b"x", "a.txt", source="s" * 501), InvalidRequest),
        (Upload(b"x", "a.txt", title="t" * 301), InvalidRequest),
        (Upload(b"x" * 101, "a.txt"), PayloadTooLarge),
    ],
)
async def test_what_cannot_be_taken_in_stores_nothing(
    place: "Place", upload: Upload, error: type[Exception]
) -> None:
    """A refusal comes before anything is stored."""
    intake = Intake(
        place.stores, place.library.visibility, place.clock, IntakeLimits(max_bytes=100)
    )
    with pytest.raises(error):
        await intake.accept(LOCAL_OPERATOR, upload)
    assert [key async for key in place.blobs.keys("")] == []


async def test_a_tenant_keeps_no_more_documents_than_it_may(place: "Place") -> None:
    """New documents beyond the limit are refused; new versions, and other tenants, are not."""
    limits = IntakeLimits(documents={"default": 2}.get)
    intake = Intake(place.stores, place.library.visibility, place.clock, limits)
    for name in ("a.txt", "b.txt"):
        await intake.accept(LOCAL_OPERATOR, Upload(b"Words.", name))
    with pytest.raises(DocumentLimitReached):
        await intake.accept(LOCAL_OPERATOR, Upload(b"Words.", "c.txt"))
    assert (await intake.accept(LOCAL_OPERATOR, Upload(b"New words.", "a.txt"))).outcome
    scope = AccessScope("water", SCOPE.groups)
    elsewhere = replace(LOCAL_OPERATOR, scope=scope)
    await intake.accept(elsewhere, Upload(b"Words.", "c.txt"))
    kept = (await place.library.page(SCOPE, limit=10)).statuses[0].document
    await place.library.remove(LOCAL_OPERATOR, kept.id)
    await intake.accept(LOCAL_OPERATOR, Upload(b"Words.", "c.txt"))


async def test_simultaneous_uploads_are_versions_in_a_row(place: "Place") -> None:
    """Of uploads under one source at the same moment each becomes a version or a conflict."""
    uploads = [replace(UPLOAD, data=f"Text {n}.".encode()) for n in range(4)]
    outcomes = await asyncio.gather(
        *(place.intake.accept(LOCAL_OPERATOR, each) for each in uploads), return_exceptions=True
    )
    taken = [each for each in outcomes if not isinstance(each, BaseException)]
    assert all(isinstance(each, Conflict) for each in outcomes if isinstance(each, BaseException))
    revisions = sorted(each.status.document.revision for each in taken)
    assert revisions == list(range(1, len(taken) + 1))
    for each in taken:
        document = each.status.document
        assert await place.blobs.get(original_key(document))


async def test_a_deletion_beside_an_upload_leaves_the_bytes(place: "Place") -> None:
    """Bytes that a new document shares with a deleted one survive, whoever comes first."""
    gone = (await place.intake.accept(LOCAL_OPERATOR, UPLOAD)).status.document
    for n in range(8):
        other = replace(UPLOAD, source=f"other{n}.txt")
        receipt, _ = await asyncio.gather(
            place.intake.accept(LOCAL_OPERATOR, other), delete_unshared(place.stores, gone)
        )
        kept = receipt.status.document
        assert await place.original(SCOPE, kept.id) == UPLOAD.data
        await place.library.remove(LOCAL_OPERATOR, kept.id)


async def test_documents_of_others_look_like_none(place: "Place") -> None:
    """A document of another tenant or group, a made-up id and nonsense are all not found."""
    document = (await place.intake.accept(LOCAL_OPERATOR, UPLOAD)).status.document
    stranger = AccessScope("other", SCOPE.groups)
    outsider = AccessScope(SCOPE.tenant, frozenset({"nobody"}))
    asked = [(stranger, document.id), (outsider, document.id), (SCOPE, "../x"), (SCOPE, "1" * 36)]
    for scope, identity in asked:
        for look in (place.library.status, place.library.original, place.library.reading):
            with pytest.raises(NotFound):
                await look(scope, identity)
        with pytest.raises(NotFound):
            await place.library.remove(replace(LOCAL_OPERATOR, scope=scope), identity)
    with pytest.raises(Conflict):
        await place.intake.accept(replace(LOCAL_OPERATOR, scope=outsider), UPLOAD)
    assert (await place.library.page(stranger, limit=5)).statuses == ()
