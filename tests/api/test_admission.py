"""Places, deadlines and rates as a client meets them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest
from starlette.types import Message
from tests.api.conftest import (
    Papers,
    ScriptedPipeline,
    Start,
    eventually,
)

from info_assistant.api import exchange
from info_assistant.api.services import ApiServices, Limits
from info_assistant.model.answer import AnswerSentence, Support
from info_assistant.model.events import SentenceReleased, SourcesFound
from info_assistant.model.traffic import Traffic
from info_assistant.resilience.admission import Admission, Share
from info_assistant.resilience.limits import LocalRateLimiter, Rate, Rates

ASK = Traffic.QUESTION
BODY = json.dumps({"question": "How?"}).encode()
HEAD = (
    b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n%s\r\n"
)


@pytest.fixture
def narrow(services: ApiServices) -> ApiServices:
    """Return an API with one place for questions, and one waiter."""
    return replace(services, admission=Admission({ASK: Share(1, 1)}))


@asynccontextmanager
async def sending(url: str, piece: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """Send a piece of a request, and keep the connection open until the block is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(url).port)
    writer.write(piece)
    await writer.drain()
    try:
        yield reader
    finally:
        writer.close()


async def test_who_sends_slowly_holds_no_place(narrow: ApiServices, start: Start) -> None:
    """While one client has sent half of its question, the only place serves others."""
    half = HEAD % (len(BODY), b"") + BODY[:5]
    async with start(narrow) as backend, sending(backend.url, half):
        assert (await backend.ask()).status_code == 200
        assert narrow.admission.in_use(ASK) == 0


async def test_a_body_that_does_not_come_is_given_up(
    narrow: ApiServices, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that stops in the middle of its question is told so after a while."""
    monkeypatch.setattr(exchange, "BODY_PAUSE_S", 0.1)
    half = HEAD % (len(BODY), b"") + BODY[:5]
    async with start(narrow) as backend, sending(backend.url, half) as reader:
        reply = await asyncio.wait_for(reader.readuntil(b"}"), 60)
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in reply


async def test_a_body_that_trickles_is_given_up(
    services: ApiServices, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then does not keep a place for an upload for ever."""
    monkeypatch.setattr(exchange, "BODY_PAUSE_S", 0.3)
    head = (
        b"POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    async with start(services) as backend:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(backend.url).port)
        writer.write(head)
        reply = asyncio.ensure_future(reader.readuntil(b"}"))
        async with asyncio.timeout(60):
            while not reply.done():
                writer.write(b"x")
                await asyncio.wait({reply}, timeout=0.05)
        assert (await reply).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await eventually(lambda: services.admission.in_use(Traffic.INGESTION) == 0)


async def test_refusal_comes_before_the_body(
    narrow: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """When nothing is free, a client learns it by its headers alone; it is not audited."""
    gate = asyncio.Event()
    pipeline.script = (gate, *pipeline.script)
    async with start(narrow) as backend, asyncio.TaskGroup() as group:
        asked = [group.create_task(backend.ask()) for _ in range(2)]
        await eventually(lambda: narrow.admission.waiting(ASK))
        async with sending(backend.url, HEAD % (len(BODY), b"")) as reader:
            reply = await asyncio.wait_for(reader.readuntil(b"}"), 60)
        assert reply.startswith(b"HTTP/1.1 503 ")
        assert b'"code": "overloaded"' in reply
        gate.set()
        assert [(await each).status_code for each in asked] == [200, 200]
    papers = narrow.audit
    assert isinstance(papers, Papers)
    assert [event.outcome for event in papers.events] == ["done", "done"]


async def test_a_refused_upload_leaves_the_connection_in_order(
    services: ApiServices, start: Start
) -> None:
    """A client that sends its whole file first reads the refusal, and may ask again at once."""
    no_uploads = Admission({Traffic.INGESTION: Share(1, 0)})
    async with start(replace(services, admission=no_uploads)) as backend:
        files = {"file": ("big.md", b"x" * 5_000_000)}
        with no_uploads.claim(Traffic.INGESTION, "other", 1e12):
            refused = await backend.client.post("/v1/documents", files=files)
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert (await backend.ask()).status_code == 200


async def test_who_leaves_the_queue_is_forgotten(
    narrow: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """A client that goes away while it waits takes no turn, and nothing is computed for it."""
    gate = asyncio.Event()
    pipeline.script = (gate, *pipeline.script)
    async with start(narrow) as backend, asyncio.TaskGroup() as group:
        first = group.create_task(backend.ask())
        await eventually(lambda: pipeline.questions)
        async with sending(backend.url, HEAD % (len(BODY), b"") + BODY):
            await eventually(lambda: narrow.admission.waiting(ASK))
        await eventually(lambda: not narrow.admission.waiting(ASK))
        gate.set()
        assert (await first).status_code == 200
        assert len(pipeline.questions) == 1


async def test_a_client_may_have_less_time(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """X-Request-Deadline-Ms ends a question early, and its work too; nonsense is refused."""
    pipeline.script = (asyncio.Event(),)
    async with start(services) as backend:
        began = asyncio.get_running_loop().time()
        late = await backend.ask(headers={"X-Request-Deadline-Ms": "100"})
        assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
        assert 0.1 <= asyncio.get_running_loop().time() - began < 5
        assert pipeline.ended_early.is_set()
        for nonsense in ("soon", "-5", "1.5", "9" * 30):
            refused = await backend.ask(headers={"X-Request-Deadline-Ms": nonsense})
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_a_client_may_not_have_more_time(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """The server's own limit stands, whatever a client asks for."""
    pipeline.script = (asyncio.Event(),)
    async with start(replace(services, limits=Limits(request_s=0.1))) as backend:
        late = await backend.ask(headers={"X-Request-Deadline-Ms": "60000"})
        assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")


@pytest.mark.parametrize(("wish", "allowed_s"), [("60000", 30), ("5000", 5), ("", 30)])
async def test_a_wish_is_capped_for_every_kind(wish: str, allowed_s: float) -> None:
    """The deadline is the nearer of the client's and the server's, counted from arrival."""

    async def nothing(*_: object) -> Message:
        raise AssertionError

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/documents",
        "headers": [(b"x-request-deadline-ms", wish.encode())],
    }
    made = exchange.Exchange(scope, nothing, nothing, 1000, "normal")  # type: ignore[arg-type]
    assert allowed_s - 1 < made.deadline(30).remaining <= allowed_s


async def test_waiting_counts(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """The time in the queue is part of a request's time: little of it, and the wait is short."""
    pipeline.script = (asyncio.Event(),)
    admission = Admission({ASK: Share(1, 10, 0.001)})
    async with start(replace(services, admission=admission)) as backend:
        with admission.claim(ASK, "other", 1e12):
            began = asyncio.get_running_loop().time()
            refused = await backend.ask(headers={"X-Request-Deadline-Ms": "4000"})
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert asyncio.get_running_loop().time() - began < 4
        assert backend.count("requests_refused_total") == 0  # Shown by wiring's admission alone.


async def test_time_that_is_up_begins_nothing(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """A request without any time left is not begun."""
    async with start(services) as backend:
        late = await backend.ask(headers={"X-Request-Deadline-Ms": "0"})
        assert (late.status_code, late.json()["code"]) == (504, "deadline_exceeded")
        assert not pipeline.questions


async def test_who_does_not_read_its_stream_loses_its_place(
    services: ApiServices, pipeline: ScriptedPipeline, start: Start
) -> None:
    """A reader that has stopped holds its place until the deadline, and not for ever."""
    long = SentenceReleased(AnswerSentence("x" * 1_000_000, (), Support.SUPPORTED))
    pipeline.script = (SourcesFound(()), *(long for _ in range(50)))
    async with start(replace(services, limits=Limits(request_s=0.3))) as backend:
        wants = HEAD % (len(BODY), b"Accept: text/event-stream\r\n") + BODY
        async with sending(backend.url, wants):
            await eventually(lambda: services.admission.in_use(ASK))
            await eventually(lambda: not services.admission.in_use(ASK))


async def test_rates_are_told(services: ApiServices, start: Start) -> None:
    """Each answer says what is left of its kind's rate, a refusal when to return."""
    rates = Rates(each_caller={ASK: Rate(per_minute=6, burst=2)})
    limiter = LocalRateLimiter(lambda _tenant: rates)
    async with start(replace(services, limiter=limiter)) as backend:
        told = [(await backend.ask()).headers for _ in range(3)]
        free = await backend.client.get("/v1/documents")
    assert [each.get("ratelimit-limit") for each in told] == ["2", "2", "2"]
    assert [each.get("ratelimit-remaining") for each in told] == ["1", "0", "0"]
    assert [each.get("ratelimit-reset") for each in told[:2]] == ["10", "20"]
    assert 1 <= int(told[2]["retry-after"]) <= 10
    assert "ratelimit-limit" not in free.headers
