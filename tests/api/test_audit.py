"""The audit trail over HTTP: what is in it, before which byte, and who may read it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest
from tests.api.conftest import ANSWER, Backend, Papers, ScriptedPipeline, Start
from tests.api.shelf import WHEN, ShelfOfDocuments, a_document

from info_assistant.api.addresses import ADDRESSES
from info_assistant.api.services import ApiServices
from info_assistant.errors import (
    Maintenance,
    Overloaded,
    RateLimited,
    RecordsUnavailable,
    TooBusy,
    Unauthenticated,
    VectorStoreUnavailable,
)
from info_assistant.model.audit import AuditEvent
from info_assistant.model.document import document_id
from info_assistant.model.identity import LOCAL_OPERATOR, AccessScope, Caller, Role
from info_assistant.model.ids import milliseconds_of, new_id
from info_assistant.model.record import AnswerRecord
from info_assistant.model.tenant import SYSTEM_TENANT
from info_assistant.model.traffic import Traffic
from info_assistant.ports import Credentials
from info_assistant.resilience.modes import Modes

GUIDE = document_id("default", "guide.md")
NOWHERE = "00000000-0000-4000-8000-000000000000"
RECORD_ID = new_id()
BROKEN = RecordsUnavailable("The journal cannot be written.")


def _record() -> AnswerRecord:
    """Return the record of an answer that Ann was given."""
    answer = replace(ANSWER, id=RECORD_ID)
    return AnswerRecord(RECORD_ID, WHEN, "default", "ann", "How?", answer)


class ByName:
    """Knows callers by an API key of the form `name:role:tenant`, and nobody without one."""

    async def caller(self, credentials: Credentials) -> Caller:
        """Return who that is."""
        if not credentials.api_key:
            raise Unauthenticated("Who are you?")
        name, role, tenant = credentials.api_key.split(":")
        return Caller(name, Role(role), AccessScope(tenant, frozenset({"everyone"})))


class Closed(Modes):
    """Refuses questions."""

    def require_open(self, traffic: Traffic) -> None:
        """Refuse questions."""
        if traffic is Traffic.QUESTION:
            raise Maintenance("Back soon.")


@pytest.fixture
def papers(services: ApiServices) -> Papers:
    """Return what the backend noted."""
    assert isinstance(services.audit, Papers)
    return services.audit


def noted(papers: Papers) -> list[tuple[str, str, str, str]]:
    """Return actor, action, target and outcome of each event."""
    return [(each.actor, each.action, each.target, each.outcome) for each in papers.events]


async def test_reads_changes_and_questions_are_noted(backend: Backend, papers: Papers) -> None:
    """Each address with an action leaves one event, with its target, its request and its time."""
    client = backend.client
    await client.get("/v1/documents")
    await client.get(f"/v1/documents/{GUIDE}")
    await client.get(f"/v1/documents/{GUIDE}/text")
    await client.head(f"/v1/documents/{GUIDE}/original")
    await client.delete(f"/v1/documents/{GUIDE}", headers={"X-Request-Id": "my-request"})
    answer = (await backend.ask()).json()
    await client.get("/health")
    await client.get("/no/such/address")
    actor = LOCAL_OPERATOR.subject
    assert noted(papers)[:5] == [
        (actor, "document.list", "", "done"),
        (actor, "document.show", GUIDE, "done"),
        (actor, "document.read", GUIDE, "done"),
        (actor, "document.download", GUIDE, "done"),
        (actor, "document.delete", GUIDE, "done"),
    ]
    assert len(papers.events) == 6
    asked = papers.events[5]
    assert (asked.action, asked.outcome) == ("question.ask", "done")
    assert answer["status"] == "answered"
    assert papers.events[4].request_id == "my-request"
    assert {each.tenant for each in papers.events} == {"default"}
    times = [milliseconds_of(each.id) for each in papers.events]
    assert times == sorted(times) == [round(each.at.timestamp() * 1000) for each in papers.events]


async def test_each_uploaded_document_is_an_event(
    backend: Backend, papers: Papers, shelf: ShelfOfDocuments
) -> None:
    """An upload of several files names each document, also those accepted before one failed."""
    files = [("file", (name, b"text", "text/plain")) for name in ("a.txt", "b.txt")]
    await backend.client.post("/v1/documents", files=files)
    ids = [document_id("default", name) for name in ("a.txt", "b.txt")]
    assert [(each.target, each.outcome) for each in papers.events] == [(i, "done") for i in ids]
    papers.events.clear()

    accept = shelf.accept

    async def half(caller: Any, upload: Any) -> Any:  # noqa: ANN401  As it is.
        if upload.filename == "d.txt":
            raise VectorStoreUnavailable("down")
        return await accept(caller, upload)

    shelf.accept = half  # type: ignore[method-assign]
    files = [("file", (name, b"text", "text/plain")) for name in ("c.txt", "d.txt")]
    await backend.client.post("/v1/documents", files=files)
    assert [(each.target, each.outcome) for each in papers.events] == [
        (document_id("default", "c.txt"), "done"),
        ("", "vector_store_unavailable"),
    ]


async def test_refusals_are_noted_with_their_code(
    services: ApiServices, papers: Papers, start: Start, pipeline: ScriptedPipeline
) -> None:
    """Who is refused, for whatever reason, is in the trail with the code that they were given."""
    pipeline.script = (VectorStoreUnavailable("down"),)
    async with start(replace(services, authenticator=ByName())) as backend:
        client = backend.client
        reader = {"X-API-Key": "ann:reader:agency"}
        await client.post("/v1/query", json={"question": "How?"})
        await client.post("/v1/query", json={"question": "How?"}, headers=reader)
        await client.post("/v1/query", json={"question": ""}, headers=reader)
        await client.get(f"/v1/documents/{NOWHERE}", headers=reader)
        await client.get("/v1/documents/not-an-id", headers=reader)
        await client.delete(f"/v1/documents/{GUIDE}", headers=reader)
        await client.get("/v1/admin/audit", headers=reader)
        await client.post("/v1/query", content=b"x" * 70_000, headers=reader)
    assert [
        (each.tenant, *event) for each, event in zip(papers.events, noted(papers), strict=True)
    ] == [
        (SYSTEM_TENANT, "", "question.ask", "", "unauthenticated"),
        ("agency", "ann", "question.ask", papers.events[1].target, "vector_store_unavailable"),
        ("agency", "ann", "question.ask", "", "invalid_request"),
        ("agency", "ann", "document.show", NOWHERE, "not_found"),
        ("agency", "ann", "document.show", "not-an-id", "invalid_request"),
        ("agency", "ann", "document.delete", GUIDE, "forbidden"),
        ("agency", "ann", "audit.read", "", "forbidden"),
        (SYSTEM_TENANT, "", "question.ask", "", "payload_too_large"),
    ]


async def test_unknown_callers_do_not_fill_the_trail(
    services: ApiServices, papers: Papers, start: Start
) -> None:
    """Refusals of callers whom nobody knows are noted at a rate and counted beyond it."""
    async with start(replace(services, authenticator=ByName())) as backend:
        for _ in range(300):
            assert (await backend.client.get("/v1/me")).status_code == 401
            assert (await backend.client.get("/v1/documents")).status_code == 401
        skipped = backend.count("audit_events_skipped_total")
        assert 0 < skipped < 300
        assert len(papers.events) + skipped == 300
        reader = {"X-API-Key": "ann:reader:agency"}
        await backend.client.get("/v1/admin/audit", headers=reader)
    assert noted(papers)[-1] == ("ann", "audit.read", "", "forbidden")


async def test_maintenance_is_noted(services: ApiServices, papers: Papers, start: Start) -> None:
    """A question refused by a mode is in the trail although nobody asked who sent it."""
    async with start(replace(services, modes=Closed())) as backend:
        assert (await backend.ask()).status_code == 503
    assert noted(papers) == [("", "question.ask", "", "maintenance")]


@pytest.mark.parametrize(
    ("refusal", "outcomes"),
    [(RateLimited("Too often."), ["rate_limited"]), (Overloaded("Too much at once."), [])],
)
async def test_only_overload_leaves_no_event(
    backend: Backend,
    papers: Papers,
    pipeline: ScriptedPipeline,
    refusal: TooBusy,
    outcomes: list[str],
) -> None:
    """A caller who asks too often is in the trail; a question without a place is only counted."""
    pipeline.script = (refusal,)
    assert (await backend.ask()).json()["code"] == refusal.code
    assert [each.outcome for each in papers.events] == outcomes


@dataclass
class Gate(Papers):
    """Lets an event be kept only when it is told to."""

    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(
        self, events: Sequence[AuditEvent], answers: Sequence[AnswerRecord] = ()
    ) -> None:
        """Keep events, some time."""
        self.waiting.set()
        await self.open.wait()
        await super().append(events, answers)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_nothing_leaves_before_it_is_noted(
    services: ApiServices, start: Start, accept: str
) -> None:
    """Until the event is kept not one byte of the answer is sent, streamed or not."""
    gate = Gate()
    async with start(replace(services, audit=gate)) as backend:
        asked = asyncio.ensure_future(backend.ask(headers={"Accept": accept}))
        await asyncio.wait_for(gate.waiting.wait(), 60)
        done, _ = await asyncio.wait([asked], timeout=0.1)
        assert not done
        gate.open.set()
        assert (await asked).status_code == 200
    assert [each.outcome for each in gate.events] == ["done"]
    # A stream's record is kept before its last word, by the pipeline.
    whole = accept == "application/json"
    assert [each.id for each in gate.records] == [each.target for each in gate.events] * whole


async def test_without_a_trail_nothing_is_changed_and_all_else_goes_on(
    backend: Backend, papers: Papers, shelf: ShelfOfDocuments
) -> None:
    """While no event can be kept, changes are refused undone; reads and questions are served."""
    papers.failure = BROKEN
    refused = [
        await backend.client.delete(f"/v1/documents/{GUIDE}"),
        await backend.client.post("/v1/documents", files={"file": ("new.txt", b"text")}),
    ]
    for each in refused:
        assert each.status_code == 503
        assert each.json()["code"] == "records_unavailable"
        assert each.headers["Retry-After"]
    assert list(shelf.documents) == [GUIDE]
    assert (await backend.ask()).status_code == 200
    assert (await backend.client.get(f"/v1/documents/{GUIDE}/text")).status_code == 200
    switched = await backend.client.put(
        "/v1/admin/modes", json={"INGESTION_PAUSED": True, "reason": "A drill."}
    )
    assert switched.status_code == 200
    assert backend.count("audit_append_failures_total") == 5
    assert backend.count("answer_record_failures_total") == 1
    papers.failure = None
    assert (await backend.client.delete(f"/v1/documents/{GUIDE}")).status_code == 204


async def test_a_change_whose_event_was_lost_is_not_acknowledged(
    services: ApiServices, start: Start
) -> None:
    """When the trail breaks while a change is made, its answer is withheld and says so."""

    @dataclass
    class BreaksLate(Papers):
        async def append(
            self, events: Sequence[AuditEvent], answers: Sequence[AnswerRecord] = ()
        ) -> None:
            assert not answers
            assert [each.outcome for each in events] == ["done"]
            raise BROKEN

    async with start(replace(services, audit=BreaksLate())) as backend:
        reply = await backend.client.delete(f"/v1/documents/{GUIDE}")
        assert reply.status_code == 503
        assert reply.json()["code"] == "records_unavailable"
        assert reply.headers["X-Request-Id"] == reply.json()["request_id"]


async def test_who_leaves_without_an_answer_is_noted(
    services: ApiServices, papers: Papers, start: Start, pipeline: ScriptedPipeline
) -> None:
    """A question whose client went away is in the trail, and says that nobody waited."""
    pipeline.script = (asyncio.Event(),)
    async with start(services) as backend:
        async with httpx2.AsyncClient(base_url=backend.url, trust_env=False) as leaving:
            with pytest.raises(httpx2.TimeoutException):
                await leaving.post("/v1/query", json={"question": "How?"}, timeout=0.2)
        async with asyncio.timeout(60):
            while not papers.events:  # noqa: ASYNC110  What is awaited sets no event.
                await asyncio.sleep(0.01)
    assert [each.outcome for each in papers.events] == ["client_gone"]


async def test_operators_read_their_own_tenants_trail(
    services: ApiServices, papers: Papers, start: Start
) -> None:
    """The trail is filtered, paged and of the caller's tenant only; readers do not see it."""
    async with start(replace(services, authenticator=ByName())) as backend:
        client = backend.client
        for tenant in ("agency", "other"):
            for actor in ("ann", "bob"):
                key = {"X-API-Key": f"{actor}:reader:{tenant}"}
                await client.get(f"/v1/documents/{GUIDE}", headers=key)
                await client.get("/v1/documents", headers=key)
        key = {"X-API-Key": "olga:operator:agency"}

        async def page(**parameters: str) -> dict[str, Any]:
            found = await client.get("/v1/admin/audit", params=parameters, headers=key)
            assert found.status_code == 200, found.text
            body: dict[str, Any] = found.json()
            return body

        everything = (await page())["events"]
        assert [(each["actor"], each["action"]) for each in everything] == [
            ("bob", "document.list"),
            ("bob", "document.show"),
            ("ann", "document.list"),
            ("ann", "document.show"),
        ]
        assert set(everything[0]) == {
            "id",
            "at",
            "actor",
            "action",
            "target",
            "outcome",
            "request_id",
            "detail",
        }
        assert (await page(actor="ann", action="document.show", outcome="not_found"))["events"] == [
            everything[3]
        ]
        assert (await page(target=GUIDE, actor="bob"))["events"] == [everything[1]]
        first = await page(limit="1", action="document.list", actor="ann")
        assert first["events"] == [everything[2]]
        following = await page(before=everything[1]["id"], limit="2")
        assert following["events"] == everything[2:]
        refused = await client.get("/v1/admin/audit", headers={"X-API-Key": "ann:reader:agency"})
        assert refused.status_code == 403
    assert papers.events[-1].outcome == "forbidden"


def test_every_change_has_an_action() -> None:
    """No address that changes something, and none that shows a document, is without an action."""
    silent = [
        each.path
        for each in ADDRESSES
        if not each.action and (each.method != "GET" or "{" in each.path)
    ]
    assert silent == []


async def test_answers_are_shown_to_asker_and_operator(
    services: ApiServices, papers: Papers, start: Start
) -> None:
    """An answer given before is shown whole to who asked and to operators of the tenant only."""
    await papers.keep(_record())
    async with start(replace(services, authenticator=ByName())) as backend:

        async def read(who: str) -> httpx2.Response:
            return await backend.client.get(f"/v1/answers/{RECORD_ID}", headers={"X-API-Key": who})

        mine = await read("ann:reader:default")
        assert mine.status_code == 200
        body = mine.json()
        assert (body["id"], body["question"], body["subject"]) == (RECORD_ID, "How?", "ann")
        assert body["answer"]["answer"] == ANSWER.text
        assert body["answer"]["citations"][0]["quote"] == ANSWER.citations[0].quote
        assert body["answer"]["notices"] == []
        assert (await read("olga:operator:default")).json() == body
        for stranger in ("bob:reader:default", "olga:operator:other", "ann:reader:other"):
            assert (await read(stranger)).status_code == 404
        missing = await backend.client.get(
            f"/v1/answers/{NOWHERE}", headers={"X-API-Key": "ann:reader:default"}
        )
        assert missing.status_code == 404


async def test_what_rests_on_documents_that_are_gone_is_left_out(
    services: ApiServices, papers: Papers, start: Start, shelf: ShelfOfDocuments
) -> None:
    """Quotes of a document that is gone, or that was made anew since, are left out, with a word."""
    await papers.keep(_record())
    async with start(services) as backend:
        later = a_document()
        document = replace(later.document, created_at=_record().at.replace(year=2027))
        for documents in ({}, {GUIDE: (replace(later, document=document), b"")}):
            shelf.documents = documents
            body = (await backend.client.get(f"/v1/answers/{RECORD_ID}")).json()
            assert body["answer"]["citations"] == body["answer"]["see_also"] == []
            assert body["answer"]["sentences"] == []
            assert body["answer"]["answer"] == ""
            assert body["answer"]["status"] != "answered"
            assert "left out" in body["answer"]["notices"][0]
            assert ANSWER.citations[0].quote not in str(body)
