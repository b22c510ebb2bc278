"""Questions that found no good answer: who is shown which, in groups, and what handling them does.

Records are kept in a real record log; questions are alike where they have words in common.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.conftest import ANSWER, CITATION, ScriptedPipeline, services_of
from tests.api.shelf import ShelfOfDocuments, a_document
from tests.replicas import NamedCallers, SpellingEmbedder, caller

from info_assistant.answering.question_groups import QuestionLikeness
from info_assistant.api.app import create_app
from info_assistant.api.services import ApiServices, Curating
from info_assistant.model.answer import AnswerStatus
from info_assistant.model.conversation import ConversationKey, ConversationTurn
from info_assistant.model.feedback import Feedback, Judgement
from info_assistant.model.identity import Role
from info_assistant.model.ids import first_id_at, new_id
from info_assistant.model.record import NOTICE, AnswerRecord
from info_assistant.ports import ConversationTurns
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.feedback import RecordedFeedback
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.unanswered import RecordedUnanswered

ALL = "/v1/unanswered"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Desk:
    """A backend with documents, and the records that it looks through."""

    client: httpx2.AsyncClient
    log: RecordLog
    callers: NamedCallers
    shelf: ShelfOfDocuments
    talks: ConversationTurns

    def puts(
        self, source: str, *groups: str, created: datetime = LONG_AGO, tenant: str = "default"
    ) -> str:
        """Put a document on the shelf, open to these groups; return its id."""
        status = a_document(source)
        named = replace(status.document, tenant=tenant, title=source)
        document = replace(named, access=groups, created_at=created)
        self.shelf.documents[document.id] = (replace(status, document=document), b"")
        return document.id

    async def asked(self, question: str, *documents: str, **fields: Any) -> str:  # noqa: ANN401
        """Keep the record of a question that came closest to these documents; return its id."""
        record_id = str(fields.pop("id", new_id()))
        closest = tuple(
            replace(CITATION, n=n, passage=CITATION.passage._replace(document_id=each))
            for n, each in enumerate(documents, 1)
        )
        status = fields.pop("status", AnswerStatus.NO_EVIDENCE)
        answer = replace(
            ANSWER, id=record_id, status=status, sentences=(), citations=(), see_also=closest
        )
        named = {"tenant": "default", "subject": "ann", "notice": NOTICE, **fields}
        at = named.pop("at", datetime.now(UTC))
        record = AnswerRecord(id=record_id, at=at, question=question, answer=answer, **named)
        await RecordedAnswers(self.log).keep(record)
        return record_id

    async def deletes(self, conversation: str, answer_id: str) -> None:
        """Let ann delete a conversation of hers, in which this was answered."""
        key = ConversationKey("default", "ann", conversation)
        await self.talks.add(key, ConversationTurn(answer_id, "?"))
        await self.talks.delete(key)

    async def called_wrong(self, question: str, answer_id: str, *documents: str) -> None:
        """Keep a reader's word that an answer is wrong."""
        said = (Judgement.WRONG, "It is not so.", question, documents)
        await RecordedFeedback(self.log).append(
            Feedback(new_id(), datetime.now(UTC), "default", "ann", answer_id, *said)
        )

    async def shown(self, who: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return what somebody is shown."""
        reply = await self.client.get(ALL, params=parameters, headers={"X-API-Key": who})
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def marks(self, who: str, group: Mapping[str, Any], **said: Any) -> httpx2.Response:  # noqa: ANN401
        """Mark a group as handled."""
        address = f"{ALL}/{group['id']}/handled"
        return await self.client.post(address, json=said, headers={"X-API-Key": who})


@asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    """Return a desk with ann, who reads, cara, who curates, and otto, who operates."""
    log = RecordLog(ObjectBlobs(str(folder / "objects")), folder / "journals")
    callers, shelf = NamedCallers(), ShelfOfDocuments()
    for name, role in (("ann", Role.READER), ("cara", Role.CONTRIBUTOR), ("otto", Role.OPERATOR)):
        callers.known[name] = caller(name, role=role)
    services: ApiServices = replace(
        services_of(ScriptedPipeline(), shelf),
        authenticator=callers,
        curating=Curating(RecordedUnanswered(log), QuestionLikeness(SpellingEmbedder())),
    )
    transport = httpx2.ASGITransport(app=create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://backend") as client:
        yield Desk(client, log, callers, shelf, services.conversations)
    await log.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Return a desk."""
    async with a_desk(tmp_path) as made:
        yield made


async def test_questions_are_grouped_by_likeness(desk: Desk) -> None:
    """Like ones are one group with its count, askers, time and closest documents; largest first."""
    guide = desk.puts("guide.md", "everyone")
    other = desk.puts("other.md", "everyone")
    day_before = datetime.now(UTC) - timedelta(days=1)
    old_id = first_id_at(int(day_before.timestamp() * 1000))
    await desk.asked("May I bring my dog to work?", guide, id=old_id, at=day_before)
    await desk.asked("Where do ships moor?", other)
    await desk.asked("May I bring my dog to work today?", guide, other, subject="bob")
    await desk.asked("Bring my dog to work, may I?", guide, status=AnswerStatus.REFUSED_OUTPUT)
    await desk.asked("How long is leave?", guide, status=AnswerStatus.ANSWERED)
    await desk.asked("Only in this one?", guide, narrowed=True)

    body = await desk.shown("cara")
    dog, ships = body["groups"]
    assert (dog["count"], dog["askers"], ships["count"]) == (3, 2, 1)
    assert dog["question"] == "May I bring my dog to work?"
    assert set(dog["examples"]) == {
        "May I bring my dog to work today?",
        "Bring my dog to work, may I?",
    }
    assert dog["shortfalls"] == {"not_found": 2, "refused": 1}
    assert [each["title"] for each in dog["documents"]] == ["guide.md", "other.md"]
    assert datetime.fromisoformat(dog["first_at"]) == day_before
    assert (body["questions"], body["left_out"], body["handled"]) == (4, 0, 0)
    assert "ann" not in str(body)
    assert len((await desk.shown("cara", limit=1))["groups"]) == 1
    today = {each["question"] for each in (await desk.shown("cara", days=1))["groups"]}
    assert "May I bring my dog to work?" not in today


async def test_what_a_reader_calls_wrong_is_among_them(desk: Desk) -> None:
    """An answer that is called wrong counts once, and no more as what it was before."""
    guide = desk.puts("guide.md", "everyone")
    answer_id = await desk.asked("How long is leave?", guide, status=AnswerStatus.PARTIAL)
    assert (await desk.shown("cara"))["groups"][0]["shortfalls"] == {"partly": 1}
    await desk.called_wrong("How long is leave?", answer_id, guide)
    await desk.called_wrong("How long is leave?", answer_id, guide)
    (group,) = (await desk.shown("cara"))["groups"]
    assert group["shortfalls"] == {"marked_wrong": 1}


async def test_records_given_again_count_too(desk: Desk) -> None:
    """A question whose answer was given again from memory counts each time."""
    answers = RecordedAnswers(desk.log)
    at = datetime.now(UTC)
    whole = replace(ANSWER, status=AnswerStatus.NO_EVIDENCE, citations=(), given_at=at)
    for subject in ("ann", "bob"):
        record = AnswerRecord(new_id(), at, "default", subject, "Dogs?", whole, notice=NOTICE)
        await answers.put(record)
    await desk.log.ship()
    (group,) = (await desk.shown("otto"))["groups"]
    assert (group["count"], group["askers"]) == (2, 2)


async def test_only_those_who_may_are_shown_a_question(desk: Desk) -> None:
    """Curators see questions near documents they may see, asked when people were told so."""
    guide, secret = desk.puts("guide.md", "everyone"), desk.puts("secret.md", "board")
    later = desk.puts("later.md", "everyone", created=datetime.now(UTC) + timedelta(hours=1))
    await desk.asked("Open?", guide)
    await desk.asked("Near nothing?")
    await desk.asked("Secret?", guide, secret)
    await desk.asked("Told otherwise?", guide, notice=1)
    await desk.asked("Another document of this name?", later)
    await desk.asked("Elsewhere?", tenant="other")
    await desk.asked("Reach me at ann@example.org?", guide)

    await desk.deletes("talk", await desk.asked("Deleted since?", guide, conversation_id="talk"))

    curator, operator = await desk.shown("cara"), await desk.shown("otto")
    assert {each["question"] for each in curator["groups"]} == {"Open?", "Near nothing?"}
    assert {each["question"] for each in operator["groups"]} == {
        "Open?",
        "Near nothing?",
        "Secret?",
        "Told otherwise?",
        "Another document of this name?",
    }
    # Neither is told what stands in a document that they may not see, nor personal data.
    assert "secret.md" not in str(operator)
    assert (curator["left_out"], operator["left_out"]) == (1, 1)
    refused = await desk.client.get(ALL, headers={"X-API-Key": "ann"})
    assert refused.status_code == 403


async def test_a_handled_group_is_open_again_when_it_comes_up(desk: Desk) -> None:
    """A mark counts for what was shown; a later question, or taking it back, opens the group."""
    await desk.asked("May I bring my dog to work?")
    (group,) = (await desk.shown("cara"))["groups"]
    await desk.asked("May I bring my dog to work now?")
    partly = (await desk.marks("cara", group, until=group["newest"])).json()
    assert (partly["state"], partly["marked"]["actor"]) == ("again", "cara")

    assert (await desk.marks("otto", group)).json()["state"] == "handled"
    body = await desk.shown("cara")
    assert (body["groups"], body["handled"]) == ([], 1)
    (handled,) = (await desk.shown("cara", handled=True))["groups"]
    assert (handled["state"], handled["marked"]["actor"]) == ("handled", "otto")

    await desk.asked("My dog: may I bring him to work?")
    (again,) = (await desk.shown("cara"))["groups"]
    assert (again["state"], again["count"]) == ("again", 3)
    await desk.marks("cara", again)
    await desk.marks("cara", again, handled=False)
    (open_again,) = (await desk.shown("cara"))["groups"]
    assert (open_again["state"], open_again["marked"]) == ("open", None)
    unknown = {"id": new_id()}
    assert (await desk.marks("cara", unknown)).status_code == 404
    assert (await desk.marks("ann", again)).status_code == 403


GROUPS = ("everyone", "hr", "board")


@dataclass
class Shared:
    """A desk that all examples share, each in a tenant of its own, and its event loop."""

    runner: asyncio.Runner
    desk: Desk
    tenants: int = 0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Return a desk for many examples."""
    with asyncio.Runner() as runner:
        opened = a_desk(tmp_path_factory.mktemp("desk"))
        yield Shared(runner, runner.run(opened.__aenter__()))
        runner.run(opened.__aexit__(None, None, None))


@settings(max_examples=40, deadline=None)
@given(
    open_to=st.lists(st.sets(st.sampled_from(GROUPS), min_size=1), min_size=3, max_size=3),
    asked=st.lists(
        st.tuples(st.booleans(), st.sets(st.integers(0, 2)), st.integers(1, NOTICE)), max_size=6
    ),
    groups=st.sets(st.sampled_from(GROUPS[1:])),
    role=st.sampled_from((Role.CONTRIBUTOR, Role.OPERATOR)),
)
def test_nobody_is_shown_what_is_not_for_them(
    shared: Shared,
    open_to: list[set[str]],
    asked: list[tuple[bool, set[int], int]],
    groups: set[str],
    role: Role,
) -> None:
    """Whatever was asked near whichever documents: exactly what is a caller's is shown them."""
    shared.tenants += 1
    ours, desk = f"tenant-{shared.tenants}", shared.desk
    desk.callers.known["who"] = caller("who", *groups, tenant=ours, role=role)
    held = {"everyone"} | groups
    seen = {f"{n}.md" for n, each in enumerate(open_to) if each & held}

    async def check() -> None:
        desk.shelf.documents.clear()
        documents = [desk.puts(f"{n}.md", *each, tenant=ours) for n, each in enumerate(open_to)]
        theirs = set()
        for n, (is_ours, near, notice) in enumerate(asked):
            named = [documents[each] for each in sorted(near)]
            tenant = ours if is_ours else "other"
            await desk.asked(f"word{n}", *named, tenant=tenant, notice=notice)
            told = notice >= NOTICE and all(open_to[each] & held for each in near)
            theirs |= {f"word{n}"} if is_ours and (role is Role.OPERATOR or told) else set()
        body = await desk.shown("who")
        assert {each["question"] for each in body["groups"]} == theirs
        assert body["questions"] == len(theirs)
        titles = {each["title"] for found in body["groups"] for each in found["documents"]}
        assert titles <= seen

    shared.runner.run(check())
