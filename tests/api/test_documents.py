"""Documents over HTTP: in, listed, read, given back, removed."""

import uuid
from dataclasses import replace

import pytest
from tests.api.conftest import Backend, Start
from tests.api.shelf import PASSAGE, ShelfOfDocuments

from info_assistant.api.services import ApiServices, Limits
from info_assistant.errors import (
    Conflict,
    ObjectStorageUnavailable,
    Unreadable,
    VectorStoreUnavailable,
)

ONE = f"/v1/documents/{PASSAGE.document_id}"


async def test_upload_is_accepted_with_a_status_url(backend: Backend) -> None:
    """An upload is 202 with the address at which its progress is told; that address works."""
    files = {"file": ("plan.md", b"# Plan")}
    fields = {"source": "plans/plan.md", "title": "Plan"}
    response = await backend.client.post("/v1/documents", files=files, data=fields)
    assert response.status_code == 202
    (taken,) = response.json()["documents"]
    assert (taken["source"], taken["outcome"]) == ("plans/plan.md", "accepted")
    shown = await backend.client.get(taken["status_url"])
    assert shown.json()["id"] == taken["id"]


async def test_unchanged_upload_is_200(backend: Backend) -> None:
    """Handing in the same bytes again changes nothing and says so."""
    files = {"file": ("plan.md", b"# Plan")}
    await backend.client.post("/v1/documents", files=files)
    again = await backend.client.post("/v1/documents", files=files)
    assert again.status_code == 200
    assert again.json()["documents"][0]["outcome"] == "unchanged"


async def test_several_files_at_once(backend: Backend) -> None:
    """Several files go in with one request, but not under one source."""
    files = [("file", ("a.md", b"# A")), ("file", ("b.md", b"# B"))]
    response = await backend.client.post("/v1/documents", files=files)
    assert [each["source"] for each in response.json()["documents"]] == ["a.md", "b.md"]
    refused = await backend.client.post("/v1/documents", files=files, data={"source": "x"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_too_many_files_at_once_are_refused(
    services: ApiServices, shelf: ShelfOfDocuments, start: Start
) -> None:
    """None of them is taken then."""
    async with start(replace(services, limits=Limits(files=2))) as backend:
        for count, status in ((2, 202), (3, 413)):
            shelf.uploads.clear()
            files = [("file", (f"{n}.md", b"# A")) for n in range(count)]
            response = await backend.client.post("/v1/documents", files=files)
            assert response.status_code == status
        assert response.json()["code"] == "payload_too_large"
        assert not shelf.uploads


async def test_upload_without_file_is_refused(backend: Backend) -> None:
    """A form without a file, or with text in its place, is a 422 that names the field."""
    for fields in ({"source": "x"}, {"file": "text"}):
        response = await backend.client.post("/v1/documents", data=fields)
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"].startswith("file")


async def test_broken_form_is_a_problem(backend: Backend) -> None:
    """A multipart body that is none is the sender's fault and told as such."""
    response = await backend.client.post(
        "/v1/documents",
        content=b"no form",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_files_have_their_own_limit(services: ApiServices, start: Start) -> None:
    """A file may be larger than a question; beyond its own limit it is refused."""
    limits = Limits(json_bytes=1000, file_bytes=5000, form_overhead_bytes=1000)
    async with start(replace(services, limits=limits)) as backend:
        for size, status in ((4000, 202), (5500, 413), (50_000, 413)):
            files = {"file": ("a.md", b"x" * size)}
            response = await backend.client.post("/v1/documents", files=files)
            assert response.status_code == status
        assert response.json()["code"] == "payload_too_large"


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Unreadable("unsupported", "Not that kind."), 422, "unreadable_document"),
        (Conflict("Others were first."), 409, "conflict"),
        (VectorStoreUnavailable("Qdrant is down."), 500, "vector_store_unavailable"),
        (ObjectStorageUnavailable("No storage."), 503, "object_storage_unavailable"),
    ],
)
async def test_faults_keep_their_codes(
    backend: Backend, shelf: ShelfOfDocuments, failure: Exception, status: int, code: str
) -> None:
    """Each cause has its status and code, also for uploads."""
    shelf.failure = failure
    response = await backend.client.post("/v1/documents", files={"file": ("a.md", b"# A")})
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_listing_goes_page_by_page(backend: Backend) -> None:
    """`next` of a page, given as `after`, continues the list to its end."""
    for name in ("a.md", "b.md"):
        await backend.client.post("/v1/documents", files={"file": (name, b"# A")})
    sources: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await backend.client.get("/v1/documents", params={"limit": 1, **after})).json()
        sources += [each["source"] for each in page["documents"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert sorted(sources) == ["a.md", "b.md", "guide.md"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "state=gone", "after=x", "q=" + "x" * 201]
)
async def test_unusable_listing_is_refused(backend: Backend, query: str) -> None:
    """Parameters outside their range are 422 problems."""
    response = await backend.client.get(f"/v1/documents?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_document_has_the_published_shape(backend: Backend) -> None:
    """A document carries the members that clients rely on."""
    body = (await backend.client.get(ONE)).json()
    assert list(body) == [
        *("id", "title", "source", "state", "detail", "progress", "passages", "version"),
        *("versions", "media_type", "size_bytes", "sha256", "access", "created_at", "updated_at"),
        *("since", "source_url", "language", "effective", "superseded", "review_by", "marking"),
        *("tags", "hold"),
    ]


async def test_text_comes_in_places_with_the_mark(backend: Backend) -> None:
    """Each block's text lies at its offsets, and the wanted range is marked."""
    body = (await backend.client.get(f"{ONE}/text?start=9&end=37")).json()
    heading, paragraph = body["blocks"]
    assert (heading["kind"], heading["level"], heading["start"]) == ("heading", 1, 0)
    assert paragraph["end"] - paragraph["start"] == len(paragraph["text"])
    assert body["highlights"] == [{"start": 9, "end": 37}]
    assert (await backend.client.get(f"{ONE}/text")).json()["highlights"] == []


@pytest.mark.parametrize("marks", ["start=5", "start=5&end=5", "end=3", "start=-1&end=3"])
async def test_half_a_mark_is_refused(backend: Backend, marks: str) -> None:
    """A mark needs a start before its end."""
    assert (await backend.client.get(f"{ONE}/text?{marks}")).status_code == 422


async def test_original_is_saved_not_shown(backend: Backend) -> None:
    """The bytes come back unchanged, and no browser runs them in our origin."""
    response = await backend.client.get(f"{ONE}/original")
    assert response.content == b"# Guide"
    assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''guide.md"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_removed_document_is_gone(backend: Backend) -> None:
    """Removing is 204 without a body; after it, every address of the document is 404."""
    removed = await backend.client.delete(ONE)
    assert (removed.status_code, removed.content) == (204, b"")
    for path in ("", "/text", "/original"):
        response = await backend.client.get(ONE + path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await backend.client.delete(ONE)).status_code == 404


async def test_unknown_and_malformed_ids(backend: Backend) -> None:
    """An id that nobody has is 404, what is no id is 422."""
    assert (await backend.client.get(f"/v1/documents/{uuid.uuid4()}")).status_code == 404
    assert (await backend.client.get("/v1/documents/no-id")).status_code == 422
