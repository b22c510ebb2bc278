"""Answers as events: their order, their numbers, and what becomes of faults."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from tests.api.conftest import ANSWER, EVENTS, Backend, ScriptedPipeline, Start, eventually

from info_assistant.api.services import ApiServices, Limits
from info_assistant.errors import ObjectStorageUnavailable, VectorStoreUnavailable

STREAMED = {"Accept": "text/event-stream"}


def parse(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Return (id, event, data) of each event in a stream; pings are left out."""
    events = []
    for frame in text.split("\n\n"):
        if not frame or frame.startswith(":"):
            continue
        fields = dict(line.split(": ", 1) for line in frame.split("\n"))
        events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return events


async def test_events_come_in_order_with_rising_ids(backend: Backend) -> None:
    """A stream tells the whole story in order, numbered from 1."""
    response = await backend.ask(headers=STREAMED)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parse(response.text)
    assert [number for number, _, _ in events] == [1, 2, 3, 4, 5, 6]
    assert [name for _, name, _ in events] == [
        *("status", "sources", "sentence", "citation", "notice", "final"),
    ]


async def test_final_event_is_the_whole_answer(backend: Backend) -> None:
    """The last event carries what the same question gets without streaming."""
    final = parse((await backend.ask(headers=STREAMED)).text)[-1][2]
    assert final == (await backend.ask()).json()
    assert final["id"] == ANSWER.id


async def test_fault_before_the_sources_keeps_its_status(
    backend: Backend, pipeline: ScriptedPipeline
) -> None:
    """Headers wait for the sources, so an outage before them is an ordinary problem."""
    pipeline.script = (EVENTS[0], VectorStoreUnavailable("Qdrant is down."))
    response = await backend.ask(headers=STREAMED)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "vector_store_unavailable"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ObjectStorageUnavailable("No storage."), "object_storage_unavailable"),
        (KeyError(), "internal"),
    ],
)
async def test_fault_after_the_sources_is_an_event(
    backend: Backend, pipeline: ScriptedPipeline, fault: Exception, code: str
) -> None:
    """What fails later ends the stream with an error event, and never with a final one."""
    pipeline.script = (*EVENTS[:3], fault)
    response = await backend.ask(headers={**STREAMED, "X-Request-Id": "r1"})
    assert response.status_code == 200
    events = parse(response.text)
    assert [name for _, name, _ in events] == ["status", "sources", "sentence", "error"]
    assert (events[-1][2]["code"], events[-1][2]["request_id"]) == (code, "r1")


async def test_deadline_ends_a_stream_with_an_error_event(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """The deadline of a question holds while its answer is streamed, too."""
    pipeline.script = (*EVENTS[:2], asyncio.Event())
    async with start(replace(services, limits=Limits(request_s=0.2))) as backend:
        events = parse((await backend.ask(headers=STREAMED)).text)
        assert events[-1][1] == "error"
        assert events[-1][2]["code"] == "deadline_exceeded"
        assert backend.count("answers_failed_total", code="deadline_exceeded") == 1
    assert pipeline.ended_early.is_set()


async def test_idle_stream_says_that_it_is_alive(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """A comment is sent whenever nothing else was for a while."""
    gate = asyncio.Event()
    pipeline.script = (*EVENTS[:2], gate, *EVENTS[2:])
    async with (
        start(replace(services, limits=Limits(ping_s=0.05))) as backend,
        backend.client.stream(
            "POST", "/v1/query", json={"question": "How?"}, headers=STREAMED
        ) as response,
    ):
        text = ""
        async for piece in response.aiter_text():
            text += piece
            if text.count(": ping") >= 2:
                gate.set()
    assert [name for _, name, _ in parse(text)][-1] == "final"


@pytest.mark.parametrize("told", [0, 2])
async def test_client_that_leaves_stops_the_stream(
    backend: Backend, pipeline: ScriptedPipeline, told: int
) -> None:
    """When the client goes, before or after the first event, the pipeline is ended."""
    pipeline.script = (*EVENTS[:told], asyncio.Event())
    _, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(backend.url).port)
    body = b'{"question": "How?"}'
    writer.write(
        b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    await writer.drain()
    await eventually(lambda: pipeline.questions)
    writer.close()
    await eventually(pipeline.ended_early.is_set)
    pipeline.script = EVENTS
    assert (await backend.ask()).status_code == 200
