"""What clients see of a backend that is told to end while it answers them."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from tests.api.conftest import ANSWER
from tests.api.test_streams import STREAMED, parse
from tests.conftest import allowed

PROGRAM = """
import asyncio
import sys
from dataclasses import replace
from tests.api.conftest import EVENTS, ScriptedPipeline, ShelfOfDocuments, services_of
from info_assistant.api.app import create_app
from info_assistant.serving import Ending, Place, listen, serve

class Slow(ScriptedPipeline):
    async def stream(self, question):
        print("asked", flush=True)
        for number, event in enumerate(EVENTS):
            if number == 2:
                await asyncio.sleep(float(question.text))
            yield event

async def close():
    count = services.metrics.registry.get_sample_value
    print("cut off", count("answers_failed_total", {"code": "shutting_down"}), flush=True)

services = replace(services_of(Slow(), ShelfOfDocuments()), closers=(close,))
ending = Ending(float(sys.argv[1]), float(sys.argv[1]) + 2.5)
with listen(Place("127.0.0.1", 0, "test", "PORT")) as listener:
    print(listener.getsockname()[1], flush=True)
    serve(create_app(services), listener, ending, services.lifecycle.drain)
"""
ENDLESS, SHORT = "3600", "1.2"
"""Questions say how many seconds their answer takes; the last call comes 2.5 s after the signal."""


@dataclass(frozen=True)
class EndingBackend:
    """A backend in a process of its own."""

    process: Process
    client: httpx2.AsyncClient

    async def ask(self, question: str, headers: dict[str, str]) -> httpx2.Response:
        """Return the whole response."""
        body = {"question": question}
        return await self.client.post("/v1/query", json=body, headers=headers)

    async def says(self, words: str) -> None:
        """Return once the process has said these words; what it logs is passed over."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while (line := await self.process.stdout.readline()).strip() != words.encode():
                assert line, f"ended without saying {words!r}"

    async def is_ready(self) -> bool:
        """Return what /readyz says."""
        return (await self.client.get("/readyz")).is_success


@asynccontextmanager
async def running(delay_s: float = 0.5) -> AsyncIterator[EndingBackend]:
    """Run the backend until the block is left; told to end, it takes requests for `delay_s`."""
    command = (sys.executable, "-c", PROGRAM, str(delay_s))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(await process.stdout.readline())}"
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            backend = EndingBackend(process, client)
            assert await backend.is_ready()
            yield backend
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def asked_before_the_end(question: str, headers: dict[str, str]) -> httpx2.Response:
    """Return what a question gets whose backend is told to end meanwhile; it ends well."""
    async with running() as backend, asyncio.TaskGroup() as group:
        asking = group.create_task(backend.ask(question, headers))
        await backend.says("asked")
        backend.process.send_signal(signal.SIGTERM)
        response = await asking
        cut_off = 1.0 if question == ENDLESS else 0.0
        await backend.says(f"cut off {cut_off}")
        assert await asyncio.wait_for(backend.process.wait(), 60) == 0
        return response


@pytest.mark.parametrize("headers", [{}, STREAMED], ids=["whole", "stream"])
async def test_a_question_asked_before_is_answered(headers: dict[str, str]) -> None:
    """What ends within the grace time ends as if nothing had been."""
    response = await asked_before_the_end(SHORT, headers)
    assert response.status_code == 200
    name, final = parse(response.text)[-1][1:] if headers else ("final", response.json())
    assert (name, final["id"]) == ("final", ANSWER.id)


async def test_a_stream_that_cannot_be_finished_says_so() -> None:
    """Its last event is an error that names the reason and when to ask again."""
    response = await asked_before_the_end(ENDLESS, STREAMED)
    assert response.status_code == 200
    events = parse(response.text)
    assert [name for _, name, _ in events] == ["status", "sources", "error"]
    error = events[-1][2]
    assert (error["code"], error["retry_after"]) == ("shutting_down", 1)
    assert error["request_id"] == response.headers["x-request-id"]


async def test_a_whole_answer_that_cannot_be_finished_is_a_problem() -> None:
    """Without headers sent, the reason is an ordinary problem with its own code."""
    response = await asked_before_the_end(ENDLESS, {})
    assert (response.status_code, response.json()["code"]) == (503, "shutting_down")
    assert response.headers["retry-after"] == "1"


async def test_it_is_unready_at_once_and_still_answers_within_the_delay() -> None:
    """Who has not heard yet that the backend ends is served, and told to come elsewhere next."""
    async with running(delay_s=allowed(2)) as backend:
        backend.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            while await backend.is_ready():
                pass
        response = await backend.ask("0", {})
        assert response.status_code == 200
        assert response.headers["connection"] == "close"
        assert await asyncio.wait_for(backend.process.wait(), 60) == 0
