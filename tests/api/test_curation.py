"""Looking after documents over HTTP: edits, holds, many at once, and what is in a document."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.api.conftest import ANSWER, Backend, Papers, Start
from tests.api.shelf import PASSAGE, WHEN, ShelfOfDocuments, a_document
from tests.replicas import NamedCallers, caller

from info_assistant.api.services import ApiServices, Limits
from info_assistant.errors import ObjectStorageUnavailable
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import Role
from info_assistant.model.metadata import Metadata
from info_assistant.model.record import AnswerRecord
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.idempotency import IdempotentRequests
from info_assistant.stores.blobs import ObjectBlobs

ALL = "/v1/documents"
ONE = f"{ALL}/{PASSAGE.document_id}"
MISSING = "6f1cf0a4-6a3b-5a43-9d52-0f6f5a3a5e10"


async def events_of(backend: Backend, **matching: str) -> list[dict[str, Any]]:
    """Return events of the audit trail, oldest first."""
    trail = await backend.client.get("/v1/admin/audit", params=matching)
    return list(reversed(trail.json()["events"]))


async def test_metadata_is_edited_field_by_field(backend: Backend) -> None:
    """What is named changes, null empties, everything else stays; the trail says what was named."""
    change = {"title": "Rules", "superseded": "2026-05-01", "tags": ["a"], "marking": "OFFICIAL"}
    body = (await backend.client.patch(ONE, json=change)).json()
    assert {name: body[name] for name in change} == change
    body = (await backend.client.patch(ONE, json={"superseded": None})).json()
    assert (body["superseded"], body["marking"], body["title"]) == (None, "OFFICIAL", "Rules")
    first, second = await events_of(backend, action="document.change")
    assert first["detail"]["changed"] == "marking, superseded, tags, title"
    assert second["detail"]["changed"] == "superseded"


async def test_dates_that_contradict_are_refused(backend: Backend) -> None:
    """A document cannot be superseded before it takes effect."""
    change = {"effective": "2026-05-01", "superseded": "2026-04-01"}
    response = await backend.client.patch(ONE, json=change)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("word", "kind"), [("withdraw", "withdrawn"), ("quarantine", "quarantined")]
)
async def test_a_hold_is_visible_as_such(backend: Backend, word: str, kind: str) -> None:
    """The document says how it is held back and why, until it is restored."""
    response = await backend.client.post(f"{ONE}/{word}", json={"reason": "Wrong table."})
    assert response.status_code == 200
    shown = (await backend.client.get(ONE)).json()
    assert (shown["state"], shown["hold"]["kind"]) == ("withdrawn", kind)
    assert shown["hold"]["reason"] == "Wrong table."
    restored = (await backend.client.post(f"{ONE}/restore")).json()
    assert (restored["state"], restored["hold"]) == ("ready", None)
    (event,) = await events_of(backend, action=f"document.{word}")
    assert (event["target"], event["detail"]["reason"]) == (PASSAGE.document_id, "Wrong table.")


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": None}])
async def test_a_hold_needs_a_reason(backend: Backend, body: dict[str, Any]) -> None:
    """Without a reason of some length nothing is held back."""
    assert (await backend.client.post(f"{ONE}/withdraw", json=body)).status_code == 422
    assert (await backend.client.get(ONE)).json()["hold"] is None


async def test_several_at_once_have_outcomes_of_their_own(backend: Backend) -> None:
    """Each document is done or refused by itself, in the order named, with an event each."""
    ids = [MISSING, PASSAGE.document_id]
    for method, path, body in (
        ("PATCH", ALL, {"change": {"marking": "OFFICIAL"}}),
        ("POST", f"{ALL}/withdraw", {"reason": "Old."}),
        ("POST", f"{ALL}/quarantine", {"reason": "Odd."}),
        ("POST", f"{ALL}/restore", {}),
    ):
        response = await backend.client.request(method, path, json={"ids": ids, **body})
        assert response.status_code == 200, response.text
        missing, there = response.json()["documents"]
        assert (missing["id"], missing["outcome"], missing["document"]) == (
            MISSING,
            "not_found",
            None,
        )
        assert (there["outcome"], there["document"]["id"]) == ("done", PASSAGE.document_id)
    outcomes = [
        (each["target"], each["outcome"])
        for each in await events_of(backend, action="document.withdraw")
    ]
    assert sorted(outcomes) == sorted([(MISSING, "not_found"), (PASSAGE.document_id, "done")])


@pytest.mark.parametrize("ids", [[], [MISSING, MISSING], ["x"], [MISSING] * 101])
async def test_unusable_lists_are_refused(backend: Backend, ids: list[str]) -> None:
    """A list of documents is neither empty nor endless and names each once."""
    body = {"ids": ids, "change": {"marking": "OFFICIAL"}}
    assert (await backend.client.patch(ALL, json=body)).status_code == 422


async def test_an_outage_ends_a_request_about_several(
    backend: Backend, shelf: ShelfOfDocuments
) -> None:
    """What stops all of them is an error of the request, with its own status."""
    shelf.failure = ObjectStorageUnavailable("No storage.")
    body = {"ids": [PASSAGE.document_id], "reason": "Old."}
    response = await backend.client.post(f"{ALL}/withdraw", json=body)
    assert (response.status_code, response.json()["code"]) == (503, "object_storage_unavailable")


async def test_quarantine_closes_the_content_to_readers(
    services: ApiServices, start: Start
) -> None:
    """Readers learn that a document is in quarantine and cannot open it; contributors can."""
    callers = NamedCallers()
    for role in (Role.READER, Role.CONTRIBUTOR):
        callers.known[role.value] = caller(role.value, role=role)
    async with start(replace(services, authenticator=callers)) as backend:

        async def look(who: str, below: str) -> httpx2.Response:
            return await backend.client.get(ONE + below, headers={"X-API-Key": who})

        order = {"json": {"reason": "Addresses in it."}, "headers": {"X-API-Key": "contributor"}}
        await backend.client.post(f"{ONE}/quarantine", **order)  # type: ignore[arg-type]
        assert (await look("reader", "")).json()["hold"]["kind"] == "quarantined"
        for below in ("/text", "/original", "/passages"):
            assert (await look("reader", below)).status_code == 403
            assert (await look("contributor", below)).status_code == 200
        await backend.client.post(f"{ONE}/withdraw", **order)  # type: ignore[arg-type]
        assert (await look("reader", "/text")).json()["hold"]["kind"] == "withdrawn"


async def test_an_upload_carries_metadata(backend: Backend, shelf: ShelfOfDocuments) -> None:
    """Form fields name dates, marking, language, address and tags; wrong ones are 422."""
    files = {"file": ("a.md", b"# A")}
    fields = {
        "source_url": "https://agency.example/a",
        "language": "en",
        "effective": "2026-01-01",
        "superseded": "2027-01-01",
        "review_by": "2026-06-01",
        "marking": "OFFICIAL",
        "tags": ["x", "y"],
    }
    await backend.client.post(ALL, files=files, data=fields)
    assert shelf.uploads[-1].metadata == Metadata(
        "https://agency.example/a",
        "en",
        date(2026, 1, 1),
        date(2027, 1, 1),
        date(2026, 6, 1),
        "OFFICIAL",
        ("x", "y"),
    )
    refused = await backend.client.post(ALL, files=files, data={"effective": "tomorrow"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "effective"


async def test_days_are_written_out(backend: Backend) -> None:
    """Seconds since 1970 are no day, in parameters as in forms."""
    for day in ("0.0", "1795717822", "2026-W48", "tomorrow"):
        assert (await backend.client.get(ALL, params={"review_before": day})).status_code == 422
    assert (await backend.client.get(ALL, params={"review_before": "2026-11-26"})).is_success


async def test_a_key_makes_an_upload_once(
    services: ApiServices, start: Start, shelf: ShelfOfDocuments, tmp_path: Path
) -> None:
    """The same request under a key has the same answer on any replica; another is refused."""
    key = {"Idempotency-Key": "upload-1"}

    def replica() -> ApiServices:
        repeats = IdempotentRequests(ObjectBlobs(str(tmp_path)), SystemClock())
        return replace(services, repeats=repeats)

    async with start(replica()) as one, start(replica()) as other:

        async def send(backend: Backend, text: bytes, **fields: str) -> httpx2.Response:
            files = {"file": ("a.md", text)}
            return await backend.client.post(ALL, files=files, data=fields, headers=key)

        first = await send(one, b"# A")
        again = await send(other, b"# A")
        assert (again.status_code, again.json()) == (202, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        assert len(shelf.uploads) == 1
        for response in (await send(other, b"# B"), await send(one, b"# A", title="Other")):
            assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
        assert len(shelf.uploads) == 1
        without = await one.client.post(ALL, files={"file": ("a.md", b"# A")})
        assert without.json()["documents"][0]["outcome"] == "unchanged"


async def test_an_upload_that_broke_off_is_carried_out_again(
    services: ApiServices, start: Start, shelf: ShelfOfDocuments, tmp_path: Path
) -> None:
    """A key whose request failed is free for that request, and for no other."""
    repeats = IdempotentRequests(ObjectBlobs(str(tmp_path)), SystemClock())
    key = {"Idempotency-Key": "upload-1"}
    async with start(replace(services, repeats=repeats)) as backend:
        shelf.failure = ObjectStorageUnavailable("No storage.")
        files = {"file": ("a.md", b"# A")}
        assert (await backend.client.post(ALL, files=files, headers=key)).status_code == 503
        shelf.failure = None
        other = {"file": ("a.md", b"# B")}
        assert (await backend.client.post(ALL, files=other, headers=key)).status_code == 422
        taken = await backend.client.post(ALL, files=files, headers=key)
        assert taken.json()["documents"][0]["outcome"] == "accepted"


async def test_keys_are_forgotten_after_a_day(tmp_path: Path) -> None:
    """A key holds through the next day, and nothing is left of it after that."""

    class Clock:
        def __init__(self) -> None:
            self.day = 0

        def now(self) -> Any:  # noqa: ANN401
            return WHEN + timedelta(days=self.day)

    clock, blobs = Clock(), ObjectBlobs(str(tmp_path))
    requests, who = IdempotentRequests(blobs, clock), caller("a")
    begun = await requests.begin(who, "k", "digest")
    for day, kept in ((0, True), (1, True), (2, False)):
        clock.day = day
        await requests.sweep()
        assert bool([key async for key in blobs.keys("")]) == kept
        if kept:
            assert (await requests.begin(who, "k", "digest")).folder == begun.folder
    assert (await requests.begin(who, "k", "another")).reply is None


@pytest.mark.parametrize(
    ("asked", "status", "body", "place"),
    [
        ("bytes=0-1", 206, b"# ", "bytes 0-1/7"),
        ("bytes=2-", 206, b"Guide", "bytes 2-6/7"),
        ("bytes=-2", 206, b"de", "bytes 5-6/7"),
        ("bytes=5-100", 206, b"de", "bytes 5-6/7"),
        ("bytes=7-", 416, None, "bytes */7"),
        ("bytes=0-1,3-4", 200, b"# Guide", None),
        ("lines=1-2", 200, b"# Guide", None),
        ("bytes=3-2", 200, b"# Guide", None),
    ],
)
async def test_ranges_of_the_original(
    backend: Backend, asked: str, status: int, body: bytes | None, place: str | None
) -> None:
    """One range is given by itself; what cannot be had is 416; everything else is the whole."""
    response = await backend.client.get(f"{ONE}/original", headers={"Range": asked})
    assert response.status_code == status
    assert response.headers.get("content-range") == place
    if body is not None:
        assert response.content == body
        assert response.headers["content-length"] == str(len(body))


async def test_windows_and_marks_of_the_text(backend: Backend) -> None:
    """Several ranges are marked, and a window gives the blocks that it touches."""
    marks = "start=2&end=4&span=0-3&span=9-12"
    body = (await backend.client.get(f"{ONE}/text?{marks}")).json()
    assert [tuple(each.values()) for each in body["highlights"]] == [(2, 4), (0, 3), (9, 12)]
    part = (await backend.client.get(f"{ONE}/text?length=5")).json()
    assert ([each["start"] for each in part["blocks"]], part["next"]) == ([0], 9)
    rest = (await backend.client.get(f"{ONE}/text?offset=9&length=100")).json()
    assert ([each["start"] for each in rest["blocks"]], rest["next"]) == ([9], None)
    assert rest["length"] == body["blocks"][-1]["end"]
    for wrong in ("span=3", "span=3-3", "span=a-b", "length=0", "offset=-1"):
        assert (await backend.client.get(f"{ONE}/text?{wrong}")).status_code == 422


async def test_versions_and_passages(backend: Backend) -> None:
    """Versions and passages have places and say where the page ends."""
    versions = (await backend.client.get(f"{ONE}/versions?limit=1")).json()
    assert (versions["versions"][0]["version"], versions["next"]) == (1, 1)
    passages = (await backend.client.get(f"{ONE}/passages?limit=1")).json()
    assert (passages["passages"][0]["text"], passages["next"]) == (PASSAGE.text, 1)
    assert (await backend.client.get(f"{ONE}/passages?first=1")).json()["passages"] == []


def events_in(text: str) -> list[tuple[str, Any]]:
    """Return names and data of server-sent events."""
    frames = [frame.splitlines() for frame in text.split("\n\n") if "event:" in frame]
    return [(name.split(": ")[1], json.loads(data.split(": ", 1)[1])) for _, name, data in frames]


async def test_progress_is_told_until_it_is_settled(
    backend: Backend, shelf: ShelfOfDocuments
) -> None:
    """A document under way is told of at each change, then that all is settled."""
    ready, data = shelf.documents[PASSAGE.document_id]
    shelf.documents[PASSAGE.document_id] = (replace(ready, state=DocumentState.READING), data)
    for path in (f"{ONE}/events", f"{ALL}/events"):
        shelf.documents[PASSAGE.document_id] = (replace(ready, state=DocumentState.READING), data)
        async with backend.client.stream("GET", path) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            text = ""
            async for piece in response.aiter_text():
                text += piece
                if '"reading"' in text:
                    shelf.documents[PASSAGE.document_id] = (ready, data)
        told = [(name, each.get("state")) for name, each in events_in(text)]
        assert told == [("document", "reading"), ("document", "ready"), ("settled", None)]


async def test_a_watch_is_bounded(
    services: ApiServices, start: Start, shelf: ShelfOfDocuments
) -> None:
    """A watch ends in time, pings meanwhile, and only so many are let in at once."""
    shelf.documents[PASSAGE.document_id] = (
        replace(a_document(), state=DocumentState.READING),
        b"",
    )
    limits = Limits(request_s=3, ping_s=0.4, watched_at_once=1)
    async with start(replace(services, limits=limits)) as backend:
        async with backend.client.stream("GET", f"{ONE}/events") as response:
            pieces = response.aiter_text()
            text = await anext(pieces)
            refused = await backend.client.get(f"{ALL}/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            async for piece in pieces:
                text += piece
        assert events_in(text)[-1][0] == "again"
        assert ": ping" in text
        assert (await backend.client.get(f"{ALL}/events")).status_code == 200
        gone = await backend.client.get(f"{ALL}/{MISSING}/events")
        assert gone.status_code == 404


async def test_where_a_document_is_cited(services: ApiServices, start: Start) -> None:
    """Contributors see when and where; questions are for who asked and for operators."""
    papers, callers = services.answers, NamedCallers()
    assert isinstance(papers, Papers)
    for name, role in (("ann", Role.CONTRIBUTOR), ("ben", Role.CONTRIBUTOR), ("op", Role.OPERATOR)):
        callers.known[name] = caller(name, role=role)
    callers.known["reader"] = caller("reader")
    at = WHEN - timedelta(days=1)
    for number, asked_at in enumerate((at, WHEN, WHEN), 1):
        record_id = f"01a209d2-0000-7000-8000-00000000000{number}"
        papers.records.append(
            AnswerRecord(record_id, asked_at, "default", "ann", f"Question {number}?", ANSWER)
        )
    async with start(replace(services, authenticator=callers)) as backend:

        async def cited(who: str, **parameters: Any) -> httpx2.Response:  # noqa: ANN401
            headers = {"X-API-Key": who}
            return await backend.client.get(f"{ONE}/citations", headers=headers, params=parameters)

        for who, told in (("ann", True), ("ben", False), ("op", True)):
            answers = (await cited(who)).json()["answers"]
            # The oldest is of a document that had this name before.
            assert [each["id"][-1] for each in answers] == ["3", "2"]
            assert {bool(each["question"]) for each in answers} == {told}
            assert {bool(each["subject"]) for each in answers} == {told}
            assert answers[0]["quoted"] == [{"version": 1, "page": None, "start": 10, "end": 38}]
        page = (await cited("op", limit=1)).json()
        following = (await cited("op", limit=1, before=page["next"])).json()
        assert [each["id"][-1] for each in following["answers"]] == ["2"]
        assert (await cited("reader")).status_code == 403


async def test_purging_is_asked_for_by_name(backend: Backend, shelf: ShelfOfDocuments) -> None:
    """Quotes go only when that is asked for, which is in the trail."""
    assert (await backend.client.delete(ONE, params={"purge": "perhaps"})).status_code == 422
    assert (await backend.client.delete(ONE, params={"purge": "true"})).status_code == 204
    assert shelf.purged == [PASSAGE.document_id]
    event = (await events_of(backend, action="document.delete"))[-1]
    assert event["detail"] == {"purge": "true"}
