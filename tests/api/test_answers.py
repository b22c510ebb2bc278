"""Answers after they were given: taken up again, judged, exported, and as conversations."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx2
import pytest
from tests.api.conftest import (
    ANSWER,
    CITATION,
    EVENTS,
    SENTENCE,
    Backend,
    Papers,
    Remarks,
    ScriptedPipeline,
    Start,
    Talks,
    eventually,
)
from tests.api.shelf import PASSAGE, WHEN, ShelfOfDocuments
from tests.api.test_audit import ByName
from tests.api.test_streams import STREAMED, parse

from info_assistant.api.services import ApiServices
from info_assistant.errors import GenerationUnavailable
from info_assistant.model.answer import AnswerUsage, Support
from info_assistant.model.conversation import ConversationKey, ConversationTurn
from info_assistant.model.events import AnswerReset
from info_assistant.model.ids import first_id_at, new_id
from info_assistant.model.record import AnswerRecord, SentenceCheck

OLD = first_id_at(1_700_000_000_000)
ANN, BEN = {"X-API-Key": "ann:reader:default"}, {"X-API-Key": "ben:reader:default"}
CURATOR = {"X-API-Key": "cora:contributor:default"}
OLGA = {"X-API-Key": "olga:operator:default"}
OTHERS = {"X-API-Key": "olga:operator:other"}


def a_record(answer_id: str = OLD) -> AnswerRecord:
    """Return the record of an answer that a model wrote for Ann."""
    answer = replace(ANSWER, id=answer_id, usage=AnswerUsage(120, 30, 42))
    checks = (SentenceCheck(Support.SUPPORTED), SentenceCheck(Support.REFUTED, ("quantity",)))
    return AnswerRecord(
        answer_id,
        datetime.now(UTC),
        "default",
        "ann",
        "How?",
        answer,
        conversation_id="talk-1",
        searched="How do I request records?",
        prompt="answer-1",
        checks=checks,
    )


@pytest.fixture
async def backend(services: ApiServices, start: Start) -> AsyncIterator[Backend]:
    """Return a backend that knows callers by name, with one answer given long ago."""
    papers = services.answers
    assert isinstance(papers, Papers)
    await papers.keep(a_record())
    async with start(replace(services, authenticator=ByName())) as running:
        yield running


def resume(backend: Backend, answer_id: str, after: int | str = 0, who: dict[str, str] = ANN):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Take up the events of an answer again."""
    headers = {**who, "Last-Event-ID": str(after)}
    return backend.client.get(f"/v1/answers/{answer_id}/events", headers=headers)


async def test_a_running_answer_is_taken_up_again(
    backend: Backend, pipeline: ScriptedPipeline
) -> None:
    """A second connection gets the events that the first one missed, numbered as they were."""
    gate = asyncio.Event()
    pipeline.script = (*EVENTS[:3], gate, *EVENTS[3:])
    async with asyncio.TaskGroup() as group:
        first = group.create_task(backend.ask(headers={**STREAMED, **ANN}))
        await eventually(lambda: pipeline.questions)
        answer_id = pipeline.questions[0].id
        second = group.create_task(resume(backend, answer_id, 2))
        assert (await resume(backend, answer_id, 0, BEN)).status_code == 409
        gate.set()
    whole, rest = parse(first.result().text), parse(second.result().text)
    assert [number for number, _, _ in whole] == [1, 2, 3, 4, 5, 6]
    assert rest == whole[2:]
    assert parse((await resume(backend, answer_id)).text) == whole
    assert parse((await resume(backend, answer_id, 6)).text) == []


async def test_an_outage_is_taken_up_as_one(backend: Backend, pipeline: ScriptedPipeline) -> None:
    """Who comes back after the end of an answer that failed learns how it failed."""
    pipeline.script = (*EVENTS[:2], GenerationUnavailable("Down.", passages=(CITATION,)))
    first = parse((await backend.ask(headers={**STREAMED, **ANN})).text)
    again = parse((await resume(backend, pipeline.questions[0].id, 1)).text)
    assert [name for _, name, _ in again] == ["sources", "error"]
    assert (first[-1][0], again[-1][0]) == (3, 3)
    assert again[-1][2]["code"] == "generation_unavailable"
    assert again[-1][2]["passages"][0]["quote"] == CITATION.quote
    assert backend.count("answers_failed_total", code="generation_unavailable") == 0


async def test_a_finished_answer_is_replayed_from_its_record(backend: Backend) -> None:
    """Where the events are gone the whole answer comes anew, after a reset that says so."""
    again = parse((await resume(backend, OLD, 4)).text)
    assert [(number, name) for number, name, _ in again] == [
        (5, "reset"),
        (6, "sources"),
        (7, "sentence"),
        (8, "citation"),
        (9, "final"),
    ]
    assert again[0][2] == {"reason": "resumed_from_record"}
    assert again[-1][2]["answer"] == ANSWER.text
    whole = parse((await resume(backend, OLD)).text)
    assert [name for _, name, _ in whole] == ["sources", "sentence", "citation", "final"]
    assert (await resume(backend, OLD, 0, BEN)).status_code == 404
    assert (await resume(backend, OLD, 0, OTHERS)).status_code == 404
    assert (await resume(backend, OLD, "x")).status_code == 422


async def test_an_answer_of_another_process_is_elsewhere(backend: Backend) -> None:
    """An answer that may be on its way elsewhere is a conflict to come back for, no 404."""
    response = await resume(backend, new_id())
    assert (response.status_code, response.json()["code"]) == (409, "resume_elsewhere")
    assert response.headers["retry-after"] == "3"


async def test_a_reset_is_an_event(backend: Backend, pipeline: ScriptedPipeline) -> None:
    """Readers of a stream are told that what they have read is void."""
    pipeline.script = (*EVENTS[:4], AnswerReset("provider_failed"), *EVENTS[2:])
    events = parse((await backend.ask(headers={**STREAMED, **ANN})).text)
    assert events[4][1:] == ("reset", {"reason": "provider_failed"})


async def test_an_outage_of_all_providers_carries_the_passages(
    backend: Backend, pipeline: ScriptedPipeline
) -> None:
    """The 503 of the runbook, with what was found for the reader."""
    outage = GenerationUnavailable("Down.", retry_after_s=7, passages=(CITATION,))
    pipeline.script = (*EVENTS[:2], outage)
    response = await backend.ask(headers=ANN)
    body = response.json()
    assert (response.status_code, body["code"]) == (503, "generation_unavailable")
    assert response.headers["retry-after"] == "7"
    (passage,) = body["passages"]
    assert (passage["quote"], passage["text"]) == (CITATION.quote, PASSAGE.text)


async def test_feedback_reaches_curators(backend: Backend, shelf: ShelfOfDocuments) -> None:
    """A reader's word is kept and read by those who look after the documents; by nobody else."""
    path = f"/v1/answers/{OLD}/feedback"
    said = {"judgement": "wrong", "comment": "It is sixty days."}
    given = await backend.client.post(path, json=said, headers=ANN)
    assert given.status_code == 201
    helped = await backend.client.post(path, json={"judgement": "helpful"}, headers=ANN)
    assert (await backend.client.post(path, json=said, headers=BEN)).status_code == 404
    assert (await backend.client.post(path, json={"judgement": "x"}, headers=ANN)).is_client_error

    async def listed(who: dict[str, str], **query: str) -> list[str]:
        response = await backend.client.get("/v1/feedback", params=query, headers=who)
        assert response.status_code == 200
        return [each["id"] for each in response.json()["feedback"]]

    wrong, good = given.json()["id"], helped.json()["id"]
    assert await listed(CURATOR) == [good, wrong]
    assert await listed(CURATOR, judgement="wrong") == [wrong]
    assert await listed(CURATOR, before=good) == [wrong]
    assert await listed(OTHERS) == []
    refused = await backend.client.get("/v1/feedback", headers=ANN)
    assert refused.status_code == 403
    # What is said about documents that a curator may not see is not theirs to read.
    shelf.documents.clear()
    assert await listed(CURATOR) == []
    assert await listed(OLGA) == [good, wrong]
    assert isinstance(backend.services.feedback, Remarks)
    assert backend.services.feedback.kept[0].document_ids == (PASSAGE.document_id,)


async def test_a_record_is_exported_whole(backend: Backend, shelf: ShelfOfDocuments) -> None:
    """A records request gets all that is kept of an answer, and a fingerprint of it."""

    async def exported(who: dict[str, str]) -> httpx2.Response:
        return await backend.client.get(f"/v1/answers/{OLD}/export", headers=who)

    body = (await exported(OLGA)).json()
    assert body["record"]["question"] == "How?"
    assert body["record"]["answer"]["citations"][0]["quote"] == CITATION.quote
    assert (body["prompt"], body["searched"]) == ("answer-1", "How do I request records?")
    assert body["checks"][1] == {"support": "refuted", "reasons": ["quantity"]}
    assert body["usage"] == {"input_tokens": 120, "output_tokens": 30, "micro_usd": 42}
    assert [each["version"] for each in body["evidence"]] == [1, 1]
    assert len(body["sha256"]) == len(body["evidence"][0]["quote_sha256"]) == 64
    assert body["record"]["answer"]["usage"] == {"tokens": 150, "cost_usd": 0.000042}
    for stranger in (BEN, OTHERS):
        assert (await exported(stranger)).status_code == 404
    shelf.documents.clear()
    closed = (await exported(ANN)).json()
    assert closed["evidence"] == closed["record"]["answer"]["sentences"] == []
    assert "left out" in closed["record"]["answer"]["notices"][0]
    assert closed["sha256"] == body["sha256"]


async def test_a_conversation_is_its_caller_s(backend: Backend) -> None:
    """Only who asked sees the turns under an id, and only they delete them."""
    talks = backend.services.conversations
    assert isinstance(talks, Talks)
    key = ConversationKey("default", "ann", "talk-1")
    await talks.add(key, ConversationTurn(OLD, "How?"))
    await talks.add(key, ConversationTurn(new_id(), "And then?"))
    path = "/v1/conversations/talk-1"
    shown = (await backend.client.get(path, headers=ANN)).json()
    assert [each["question"] for each in shown["turns"]] == ["How?", "And then?"]
    assert shown["turns"][0]["answer"]["answer"]["sentences"][0]["text"] == SENTENCE.text
    assert shown["turns"][1]["answer"] is None
    for stranger in (BEN, OLGA, OTHERS):
        assert (await backend.client.get(path, headers=stranger)).status_code == 404
        assert (await backend.client.delete(path, headers=stranger)).status_code == 404
    gone = await backend.client.delete(path, headers=ANN)
    assert (gone.status_code, gone.json()["turns"]) == (200, 2)
    assert "records of its answers are kept" in gone.json()["detail"]
    assert "audit trail" in gone.json()["detail"]
    assert (await backend.client.get(path, headers=ANN)).status_code == 404
    assert (await backend.client.delete(path, headers=ANN)).status_code == 404
    assert datetime.now(UTC) > WHEN


async def test_conversations_are_listed_for_their_asker(backend: Backend) -> None:
    """Each caller gets their own conversations, the newest first, a page at a time."""
    talks = backend.services.conversations
    for name in ("talk-1", "talk-2", "talk-3"):
        key = ConversationKey("default", "ann", name)
        for question in (f"How is {name}?", "And then?"):
            await talks.add(key, ConversationTurn(new_id(), question))
    await talks.add(ConversationKey("default", "ben", "talk-1"), ConversationTurn(new_id(), "Ben?"))
    path = "/v1/conversations"
    first = (await backend.client.get(path, params={"limit": 2}, headers=ANN)).json()
    assert [each["id"] for each in first["conversations"]] == ["talk-3", "talk-2"]
    newest = first["conversations"][0]
    assert (newest["title"], newest["turns"]) == ("How is talk-3?", 2)
    assert newest["started_at"] <= newest["updated_at"]
    onward = {"limit": 2, "before": first["next"]}
    last = (await backend.client.get(path, params=onward, headers=ANN)).json()
    assert [each["id"] for each in last["conversations"]] == ["talk-1"]
    assert last["next"] is None
    seen = (await backend.client.get(path, headers=BEN)).json()["conversations"]
    assert [each["title"] for each in seen] == ["Ben?"]
    assert (await backend.client.get(path, headers=OTHERS)).json()["conversations"] == []
    for wrong in ({"limit": 51}, {"limit": 0}, {"before": "yesterday"}):
        assert (await backend.client.get(path, params=wrong, headers=ANN)).status_code == 422


async def test_a_deleted_conversation_takes_its_answers_along(backend: Backend) -> None:
    """Its asker is shown no answer of it any more, nor hears its events; operators can read it."""
    talks = backend.services.conversations
    assert isinstance(talks, Talks)
    await talks.add(ConversationKey("default", "ann", "talk-1"), ConversationTurn(OLD, "How?"))
    path = f"/v1/answers/{OLD}"
    assert (await backend.client.get(path, headers=ANN)).status_code == 200
    await backend.client.delete("/v1/conversations/talk-1", headers=ANN)
    for below in ("", "/export", "/events"):
        assert (await backend.client.get(path + below, headers=ANN)).status_code == 404, below
    judged = {"judgement": "helpful"}
    assert (
        await backend.client.post(f"{path}/feedback", json=judged, headers=ANN)
    ).status_code == 404
    for below in ("", "/export"):
        assert (await backend.client.get(path + below, headers=OLGA)).status_code == 200, below
    # Who reads goes on reading while object storage cannot say.
    talks.unreachable = True
    assert (await backend.client.get(path, headers=ANN)).status_code == 200
