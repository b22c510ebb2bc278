"""Streams that are taken up again on another backend, and their honest end where nobody goes on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from tests.api.conftest import (
    CITATION,
    EVENTS,
    Backend,
    ScriptedPipeline,
    eventually,
    serve,
    services_of,
)
from tests.api.shelf import ShelfOfDocuments
from tests.api.test_answers import ANN, BEN, OTHERS, a_record, resume
from tests.api.test_audit import ByName
from tests.api.test_streams import STREAMED, parse
from tests.redis_process import PATIENT, RedisProcess

from info_assistant.errors import GenerationUnavailable
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.stores.redis import RedisConnection, SharedEventLog

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
ASKER = Caller("ann", Role.READER, AccessScope("default", frozenset({"everyone"})))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a running Redis."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    yield process
    process.stop()


@asynccontextmanager
async def backend(
    url: str, name: str, pipeline: ScriptedPipeline, enabled: Callable[[], bool] = lambda: True
) -> AsyncIterator[Backend]:
    """Serve a backend that shares Redis with others, and nothing else."""
    redis = RedisConnection([url], PATIENT)
    await redis.look()
    events = SharedEventLog(redis, name, usable=lambda: redis.known and enabled())
    services = replace(
        services_of(pipeline, ShelfOfDocuments({})),
        authenticator=ByName(),
        events=events,
        tasks={"redis": redis.run, "events": events.run},
        closers=(redis.close,),
    )
    async with serve(services) as running:
        yield running


@asynccontextmanager
async def two(url: str, pipeline: ScriptedPipeline) -> AsyncIterator[tuple[Backend, Backend]]:
    """Serve the backend that follows the script, and another one."""
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(backend(url, "a", pipeline)),
            await stack.enter_async_context(backend(url, "b", ScriptedPipeline())),
        )


async def known(backend: Backend, answer_id: str) -> None:
    """Wait until a backend knows of an answer that another one gives."""
    async with asyncio.timeout(PATIENCE_S):
        while await backend.services.events.read(answer_id, ASKER, 0) is None:  # noqa: ASYNC110  Redis tells nobody.
            await asyncio.sleep(0.02)


async def test_another_backend_goes_on_with_an_answer(server: RedisProcess) -> None:
    """Events come as they happen, numbered as they were, to their asker and to nobody else."""
    gate = asyncio.Event()
    pipeline = ScriptedPipeline((*EVENTS[:3], gate, *EVENTS[3:]))
    async with two(server.url, pipeline) as (leader, other), asyncio.TaskGroup() as group:
        first = group.create_task(leader.ask(headers={**STREAMED, **ANN}))
        await eventually(lambda: pipeline.questions, PATIENCE_S)
        answer_id = pipeline.questions[0].id
        await known(other, answer_id)
        second = group.create_task(resume(other, answer_id, 2))
        for stranger in (BEN, OTHERS):
            refused = await resume(other, answer_id, 0, stranger)
            assert refused.json()["code"] == "resume_elsewhere"
        gate.set()
        whole, rest = parse((await first).text), parse((await second).text)
        assert [name for _, name, _ in whole][-1] == "final"
        assert rest == whole[2:]
        assert parse((await resume(other, answer_id)).text) == whole


async def test_an_outage_is_told_elsewhere_as_it_was(server: RedisProcess) -> None:
    """How an answer failed, with the passages that help, reaches who comes back to another one."""
    failure = GenerationUnavailable("Down.", passages=(CITATION,), retry_after_s=7.0)
    pipeline = ScriptedPipeline((*EVENTS[:2], failure))
    async with two(server.url, pipeline) as (leader, other):
        first = parse((await leader.ask(headers={**STREAMED, **ANN})).text)
        await known(other, pipeline.questions[0].id)
        again = parse((await resume(other, pipeline.questions[0].id, 1)).text)
    assert again[0] == first[1]
    left_out = ("request_id", "passages")
    told, wanted = (
        {name: value for name, value in each[-1][2].items() if name not in left_out}
        for each in (again, first)
    )
    assert (again[-1][1], told) == ("error", wanted)
    assert told["retry_after"] == 7
    assert again[-1][2]["passages"][0]["quote"] == CITATION.quote


async def test_a_wiped_redis_costs_nothing(server: RedisProcess) -> None:
    """What Redis lost in the middle is there again with the next event."""
    gate = asyncio.Event()
    pipeline = ScriptedPipeline((*EVENTS[:3], gate, *EVENTS[3:]))
    async with two(server.url, pipeline) as (leader, other), asyncio.TaskGroup() as group:
        first = group.create_task(leader.ask(headers={**STREAMED, **ANN}))
        await eventually(lambda: pipeline.questions, PATIENCE_S)
        answer_id = pipeline.questions[0].id
        await known(other, answer_id)
        server.tell("FLUSHALL")
        gate.set()
        whole = parse((await first).text)
        await known(other, answer_id)
        assert parse((await resume(other, answer_id)).text) == whole


async def test_without_redis_it_must_be_the_same_backend(server: RedisProcess) -> None:
    """A clear `resume_elsewhere`, and the stored answer where it is there."""
    pipeline = ScriptedPipeline()
    async with two(server.url, pipeline) as (leader, other):
        whole = parse((await leader.ask(headers={**STREAMED, **ANN})).text)
        answer_id = pipeline.questions[0].id
        await known(other, answer_id)
        server.stop()
        refused = await resume(other, answer_id, 2)
        assert (refused.status_code, refused.json()["code"]) == (409, "resume_elsewhere")
        assert parse((await resume(leader, answer_id)).text) == whole
        await other.services.answers.keep(a_record(answer_id))
        stored = parse((await resume(other, answer_id, 2)).text)
        assert stored[0][1:] == ("reset", {"reason": "resumed_from_record"})
        assert stored[-1][1] == "final"


async def test_switched_off_redis_is_not_asked(server: RedisProcess) -> None:
    """With REDIS_ENABLED=false a backend keeps its events to itself."""
    pipeline = ScriptedPipeline()
    async with backend(server.url, "a", pipeline, enabled=lambda: False) as leader:
        await leader.ask(headers={**STREAMED, **ANN})
        assert server.tell("KEYS", "events*") == b"*0\r\n"


async def test_a_killed_backend_leaves_an_honest_end(server: RedisProcess) -> None:
    """Who follows an answer elsewhere hears within seconds that its backend is gone."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(backend(server.url, "b", ScriptedPipeline()))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.api.leader_process", server.url),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        stack.callback(_end, process)
        assert process.stdout
        url = (await process.stdout.readline()).decode().strip()
        client = httpx2.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S)
        await stack.enter_async_context(client)
        answer = await stack.enter_async_context(
            client.stream(
                "POST", "/v1/query", json={"question": "How?"}, headers={**STREAMED, **ANN}
            )
        )
        answer_id = answer.headers["x-answer-id"]
        await known(other, answer_id)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(resume(other, answer_id))
            process.kill()
        events = parse(reading.result().text)
        assert [name for _, name, _ in events] == ["status", "sources", "sentence", "error"]
        assert events[-1][2]["code"] == "shutting_down"
        assert "ask again" in str(events[-1][2]["detail"])
        await process.wait()


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
