"""How often a document is read and quoted: what people do is counted, out of the real records."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.conftest import ANSWER, CITATION, ScriptedPipeline, services_of
from tests.api.shelf import ShelfOfDocuments, a_document
from tests.replicas import NamedCallers, caller

from info_assistant.api.app import create_app
from info_assistant.api.services import Curating
from info_assistant.model.audit import AuditEvent
from info_assistant.model.identity import Role
from info_assistant.model.ids import first_id_at, new_id
from info_assistant.model.readership import Readership, Use, UseKind
from info_assistant.model.record import AnswerRecord
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.audit import RecordedAudit
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.readership import RecordedReadership
from info_assistant.stores.record_log import RecordLog

NOW = datetime.now(UTC)
DATA = b"# Guide"


@dataclass
class Desk:
    """A backend with a guide that everyone may read and a secret of the board."""

    client: httpx2.AsyncClient
    log: RecordLog
    shelf: ShelfOfDocuments
    guide: str
    secret: str

    async def get(self, who: str, path: str, **headers: str) -> httpx2.Response:
        """Fetch what is below /v1/documents."""
        sent = {"X-API-Key": who, **headers}
        return await self.client.get(f"/v1/documents/{path}", headers=sent)

    async def readers(self, who: str, document: str, days: int = 30) -> dict[str, Any]:
        """Return how often a document was read."""
        reply = await self.get(who, f"{document}/readers?days={days}")
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def noted(self, actor: str, action: str, at: datetime, **fields: Any) -> None:  # noqa: ANN401
        """Keep an event of the trail that is older than this test."""
        named: dict[str, Any] = {"tenant": "default", "target": self.guide, "outcome": "done"}
        named |= fields
        event_id = first_id_at(int(at.timestamp() * 1000))
        event = AuditEvent(id=event_id, at=at, actor=actor, action=action, request_id="", **named)
        await RecordedAudit(self.log).append([event])


@asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    """Return a desk."""
    log = RecordLog(ObjectBlobs(str(folder / "objects")), folder / "journals")
    callers, shelf, ids = NamedCallers(), ShelfOfDocuments(), []
    for name in ("ann", "bob"):
        callers.known[name] = caller(name)
    callers.known["cara"] = caller("cara", role=Role.CONTRIBUTOR)
    callers.known["otto"] = caller("otto", role=Role.OPERATOR)
    callers.known["dora"] = caller("dora", tenant="other", role=Role.OPERATOR)
    for source, groups in (("guide.md", ("everyone",)), ("secret.md", ("board",))):
        status = a_document(source)
        made = replace(status.document, access=groups, created_at=NOW - timedelta(days=60))
        shelf.documents[made.id] = (replace(status, document=made), DATA)
        ids.append(made.id)
    services = replace(
        services_of(ScriptedPipeline(), shelf),
        authenticator=callers,
        audit=RecordedAudit(log),
        curating=Curating(readers=RecordedReadership(log)),
    )
    transport = httpx2.ASGITransport(app=create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://backend") as client:
        yield Desk(client, log, shelf, *ids)
    await log.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Return a desk."""
    async with a_desk(tmp_path) as made:
        yield made


async def test_what_people_do_is_counted(desk: Desk) -> None:
    """Opening, downloading and quoting count; a look at the entry and the rest of a file do not."""
    guide = desk.guide
    for who, path in (("ann", "text"), ("ann", "text"), ("bob", "text"), ("bob", "original")):
        assert (await desk.get(who, f"{guide}/{path}")).is_success
    rest = await desk.get("bob", f"{guide}/original", Range="bytes=3-")
    assert rest.status_code == 206
    assert (await desk.get("ann", guide)).is_success
    assert (await desk.get("cara", f"{guide}/passages")).is_success
    cited = replace(CITATION, passage=CITATION.passage._replace(document_id=guide))
    for citations in ((cited,), ()):
        answer = replace(ANSWER, citations=citations)
        record = AnswerRecord(new_id(), datetime.now(UTC), "default", "eve", "How?", answer)
        await RecordedAnswers(desk.log).keep(record)
    for shipped in (False, True):
        if shipped:
            await desk.log.ship()
        body = await desk.readers("cara", guide)
        assert body["total"] == {"opened": 3, "downloaded": 1, "cited": 1, "people": 2}
        assert [each["opened"] for each in body["days"]] == [3]
        assert body["readers"] is None
    named = (await desk.readers("otto", guide))["readers"]
    assert [(each["subject"], each["opened"], each["downloaded"]) for each in named] == [
        ("bob", 1, 1),
        ("ann", 2, 0),
    ]


async def test_only_what_is_of_this_document_counts(desk: Desk) -> None:
    """Not what was refused, nor another tenant's, nor what is older than the days or the name."""
    week_ago = NOW - timedelta(days=7)
    await desk.noted("ann", "document.read", week_ago)
    moment = timedelta(milliseconds=1)  # Ids are made of moments.
    await desk.noted("bob", "document.read", week_ago - moment, outcome="not_found")
    await desk.noted("eve", "document.read", week_ago - 2 * moment, tenant="other")
    await desk.noted("old", "document.read", NOW - timedelta(days=70))
    await desk.log.ship()
    week = (await desk.readers("otto", desk.guide))["days"]
    assert [(each["day"], each["people"]) for each in week] == [(f"{week_ago:%Y-%m-%d}", 1)]
    assert (await desk.readers("otto", desk.guide, days=5))["days"] == []
    # What was read 70 days ago was another document of this name.
    everything = await desk.readers("otto", desk.guide, days=365)
    assert [each["subject"] for each in everything["readers"]] == ["ann"]


async def test_only_those_who_look_after_a_document_are_told(desk: Desk) -> None:
    """Readers, curators who may not see it and other tenants learn nothing."""
    for who, document, status in (
        ("ann", desk.guide, 403),
        ("cara", desk.secret, 404),
        ("dora", desk.guide, 404),
    ):
        reply = await desk.get(who, f"{document}/readers")
        assert reply.status_code == status, who


USES = st.lists(
    st.tuples(st.sampled_from(UseKind), st.integers(0, 3), st.sampled_from("abc")), max_size=30
)


@settings(max_examples=100, deadline=None)
@given(USES)
def test_days_and_people_add_up(drawn: list[tuple[UseKind, int, str]]) -> None:
    """The days hold each use once; people are those who opened or downloaded, as often."""
    uses = tuple(
        Use(str(n), NOW - timedelta(days=day), kind, who)
        for n, (kind, day, who) in enumerate(drawn)
    )
    found = Readership(uses, NOW)
    counts = Counter(each.kind for each in uses)
    for name in UseKind:
        assert getattr(found.total, name) == counts[name]
        assert sum(getattr(count, name) for _, count in found.days) == counts[name]
    assert [day for day, _ in found.days] == sorted({day for day, _ in found.days}, reverse=True)
    readers = {each.subject for each in uses if each.kind is not UseKind.CITED}
    assert {each.subject for each in found.people} == readers
    assert found.total.people == len(readers)
    assert sum(each.opened for each in found.people) == counts[UseKind.OPENED]
    assert all(count.people <= len(readers) for _, count in found.days)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """Return the event loop that all examples share."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def shared(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordLog]:
    """Return a record log for many examples, each in tenants of its own."""
    folder = tmp_path_factory.mktemp("records")
    log = RecordLog(ObjectBlobs(str(folder / "objects")), folder / "journals")
    yield log
    runner.run(log.close())


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("document.read", "document.download", "document.show", "audit.read")),
        st.sampled_from(("ours", "theirs")),
        st.sampled_from(("guide", "secret")),
        st.sampled_from(("done", "forbidden")),
        st.integers(0, 3),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(drawn=EVENTS, shipped=st.booleans())
def test_uses_are_those_of_the_tenant_the_document_and_the_days(
    runner: asyncio.Runner,
    shared: RecordLog,
    drawn: list[tuple[str, str, str, str, int]],
    *,
    shipped: bool,
) -> None:
    """Whatever is in the trails, shipped or not: exactly what was done with the document counts."""
    mark = new_id()
    ids = {name: str(uuid5(NAMESPACE_URL, mark + name)) for name in ("guide", "secret")}
    events, expected = [], Counter[str]()
    for n, (action, tenant, document, outcome, days) in enumerate(drawn):
        at = NOW - timedelta(days=days)
        event_id = first_id_at(int(at.timestamp() * 1000))[:-4] + f"{n:04x}"
        events.append(
            AuditEvent(
                id=event_id,
                at=at,
                tenant=tenant + mark,
                actor=f"actor{n}",
                action=action,
                target=ids[document],
                outcome=outcome,
                request_id="",
            )
        )
        known = action in {"document.read", "document.download"} and outcome == "done"
        if known and (tenant, document) == ("ours", "guide") and days < 2:
            expected[action] += 1

    async def check() -> None:
        await RecordedAudit(shared).append(events)
        if shipped:
            await shared.ship()
        since = NOW - timedelta(days=1, hours=1)
        found = await RecordedReadership(shared).of("ours" + mark, ids["guide"], since)
        assert found.total.opened == expected["document.read"]
        assert found.total.downloaded == expected["document.download"]
        assert found.total.people == expected.total()

    runner.run(check())
