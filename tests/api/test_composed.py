"""A model's answer on its whole way to a reader: over HTTP, while the model still writes."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import openai
import pytest
from tests.answering.conftest import Desk
from tests.answering.conftest import desk as desk  # noqa: PLC0414  A fixture.
from tests.answering.test_generate import (
    CARRY,
    LAPSE,
    LEAVE,
    WRONG,
    Say,
    all_down,
    composing,
)
from tests.api.conftest import Backend, Start, eventually
from tests.api.generated import events

from info_assistant.api.services import ApiServices
from info_assistant.drills.scripted_model import ScriptedModel
from info_assistant.model.prompt import ModelStarted

ASKED = {"question": LEAVE.text}
STREAMED = {"Accept": "text/event-stream"}


class Scene:
    """A backend over a small library, whose model says what a test wants."""

    def __init__(self, desk: Desk, services: ApiServices, start: Start) -> None:
        """Take the parts."""
        self._desk = desk
        self._services = services
        self._start = start
        self.model: ScriptedModel | None = None

    def backend(self, say: Say, *, falls_back: bool = False) -> Any:  # noqa: ANN401  A context.
        """Return a backend whose model says this."""
        self.model, wanted = composing(say, falls_back=falls_back)
        metrics = self._services.metrics
        self._desk.change(composing=wanted, recorder=metrics, records=self._services.answers)
        return self._start(replace(self._services, pipeline=self._desk.pipeline))


@pytest.fixture
def scene(desk: Desk, services: ApiServices, start: Start) -> Scene:
    """Return a backend in the making."""
    return Scene(desk, services, start)


async def test_the_first_sentence_is_read_while_the_model_pauses(scene: Scene) -> None:
    """A provider that stops after its second sentence keeps nobody from reading the first."""
    pause = asyncio.Event()
    backend: Backend
    async with (
        scene.backend(lambda leave: [f"{CARRY} {leave} {LAPSE} {leave}", pause, " "]) as backend,
        backend.client.stream("POST", "/v1/query", json=ASKED, headers=STREAMED) as response,
    ):
        seen: list[str] = []
        async for name, data in events(response.aiter_lines()):
            seen.append(name)
            if name == "sentence" and not pause.is_set():
                assert data["text"] == CARRY
                pause.set()
        assert seen == [
            *("status", "status", "sources", "status"),
            *("sentence", "citation", "sentence", "citation", "final"),
        ]


async def test_a_chat_client_reads_it_too(scene: Scene) -> None:
    """OpenAI's own client gets the first sentence while the model pauses."""
    pause = asyncio.Event()
    async with scene.backend(
        lambda leave: [f"{CARRY} {leave} {LAPSE} {leave}", pause, " "]
    ) as backend:
        client = openai.AsyncOpenAI(
            api_key="any", base_url=f"{backend.url}/v1", max_retries=0, timeout=60
        )
        stream = await client.chat.completions.create(
            model="info-assistant",
            messages=[{"role": "user", "content": LEAVE.text}],
            stream=True,
        )
        said = ""
        async for chunk in stream:
            said += chunk.choices[0].delta.content or ""
            if CARRY in said:
                pause.set()
        await client.close()
    assert said.startswith(f"{CARRY} [1]\n\n{LAPSE} [2]\n\nSources:\n[1] Leave: “{CARRY}”")


async def test_a_reader_who_leaves_ends_the_call(scene: Scene) -> None:
    """Nobody pays for an answer that nobody reads."""
    async with scene.backend(
        lambda leave: [f"{CARRY} {leave} {LAPSE} ", asyncio.Event()]
    ) as backend:
        async with backend.client.stream(
            "POST", "/v1/query", json=ASKED, headers=STREAMED
        ) as response:
            async for name, _ in events(response.aiter_lines()):
                if name == "sentence":
                    break
        model = scene.model
        assert model is not None
        await eventually(lambda: model.closed)


async def test_a_reset_reaches_the_reader(scene: Scene) -> None:
    """When another provider takes over, the stream says that all before is void."""
    async with (
        scene.backend(
            lambda leave: [
                f"{CARRY} {leave} {LAPSE} ",
                ModelStarted("second", "spare"),
                f"{LAPSE} {leave}",
            ]
        ) as backend,
        backend.client.stream("POST", "/v1/query", json=ASKED, headers=STREAMED) as response,
    ):
        found = [each async for each in events(response.aiter_lines())]
    at = [name for name, _ in found].index("reset")
    assert found[at][1] == {"reason": "provider_failed"}
    assert [data["text"] for name, data in found[at:] if name == "sentence"] == [LAPSE]
    final = found[-1][1]
    assert final["answer"] == LAPSE
    assert final["served_by"]["provider"] == "second"


async def test_all_providers_down_is_the_runbook_s_503(scene: Scene) -> None:
    """The reader gets the passages in the error, whole and as a stream; the failure is counted."""
    async with scene.backend(lambda _leave: [all_down()]) as backend:
        whole = await backend.client.post("/v1/query", json=ASKED)
        assert (whole.status_code, whole.json()["code"]) == (503, "generation_unavailable")
        assert whole.headers["retry-after"] == "7"
        assert whole.json()["passages"][0]["quote"].startswith(CARRY)
        async with backend.client.stream(
            "POST", "/v1/query", json=ASKED, headers=STREAMED
        ) as response:
            found = [each async for each in events(response.aiter_lines())]
        assert [name for name, _ in found][-1] == "error"
        assert found[-1][1]["passages"][0]["quote"].startswith(CARRY)
        assert backend.count("answers_failed_total", code="generation_unavailable") == 2


async def test_quotes_stand_in_where_that_is_wished(scene: Scene) -> None:
    """With EXTRACTIVE_FALLBACK the same outage is a 200 in quotes that says what it is."""
    async with scene.backend(lambda _leave: [all_down()], falls_back=True) as backend:
        body = (await backend.client.post("/v1/query", json=ASKED)).json()
        assert (body["status"], body["answer_mode"]) == ("answered", "extractive")
        assert body["degraded"] == ["generation_unavailable"]
        assert body["served_by"]["provider"] == "extractive"
        assert backend.count("answers_total", status="answered", answer_mode="extractive") == 1


async def test_what_was_held_back_is_counted_and_recorded(scene: Scene) -> None:
    """What the check refutes is in no answer, and in metrics and record as a code."""
    async with scene.backend(lambda leave: [f"{CARRY} {leave} {WRONG} {leave}"]) as backend:
        body = (await backend.client.post("/v1/query", json=ASKED)).json()
        assert (body["status"], body["answer_mode"]) == ("partial", "generated")
        assert body["answer"] == CARRY
        assert body["usage"]["tokens"] == 150
        assert backend.count("sentences_held_back_total") == 1
        assert backend.count("sentences_checked_total", support="refuted") == 1
        export = (await backend.client.get(f"/v1/answers/{body['id']}/export")).json()
        assert [each["reasons"] for each in export["checks"]] == [[], ["quantity"]]
        assert WRONG not in json.dumps(export)
