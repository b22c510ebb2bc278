"""Answers that models write, from the vendors' SDKs to the reader: checked, streamed, billed."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from tests.answering.conftest import desk as desk  # noqa: PLC0414  A fixture.
from tests.api.generated import (
    ASKED,
    STREAMED,
    PlaceOf,
    Ways,
    asked_streamed,
    asked_whole,
    events,
    writing,
)
from tests.api.generated import place as place  # noqa: PLC0414  A fixture.
from tests.api.generated import thread as thread  # noqa: PLC0414  A fixture.
from tests.api.processes import Processes
from tests.conftest import allowed
from tests.providers.models import PROVIDERS

from info_assistant.drills.provider_exchange import Script
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.provider_formats import Asked
from info_assistant.drills.providers import ProviderStandIn, running_providers
from info_assistant.drills.scripted_answers import passages_in, quoting
from info_assistant.model.spend import SpendState
from info_assistant.resilience.breaker import BreakerState

CARRY = "Employees may carry over five days of annual leave."


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_is_written_checked_and_billed(place: PlaceOf, provider: str) -> None:
    """Whole and streamed it is the same, each sentence with its quote, at the provider's count."""
    async with writing(place(provider), provider) as made:
        whole = await asked_whole(made.backend)
        streamed = await asked_streamed(made.backend)
        calls = made.bench.stand_ins[0].tally.calls
    assert (whole.status, whole.body["status"]) == (200, "answered")
    assert whole.body["answer_mode"] == "generated"
    assert whole.body["served_by"]["provider"] == provider
    assert whole.body["degraded"] == []
    assert len(whole.body["sentences"]) == 3
    quotes = {each["n"]: each["quote"] for each in whole.body["citations"]}
    for sentence in whole.body["sentences"]:
        assert sentence["support"] == "supported"
        assert [quotes[n] for n in sentence["citations"]] == [sentence["text"]]
    assert streamed.told == [each["text"] for each in whole.body["sentences"]]
    assert streamed.body["answer"] == whole.body["answer"]
    spent = [call.input + 2 * call.output for call in calls]
    assert [event.micro_usd for event in made.bill] == spent
    assert {event.state for event in made.bill} == {SpendState.COMPLETED}
    assert whole.cost == f"{spent[0] / 1e6:.6f}"
    assert whole.body["usage"]["tokens"] == calls[0].input + calls[0].output


def lying(asked: Asked) -> str:
    """Write one true sentence and one with another number, and name the passage for both."""
    leave = next(each for each in passages_in(asked) if CARRY in each.text)
    return f"{CARRY} [{leave.id}] {CARRY.replace('five', 'nine')} [{leave.id}]"


async def test_a_false_sentence_of_a_provider_reaches_nobody(place: PlaceOf) -> None:
    """What the passages refute is held back, in answer and stream; the status says so."""
    async with writing(place("lying"), "openai") as made:
        made.bench.stand_ins[0].script = lying
        for reply in (await asked_whole(made.backend), await asked_streamed(made.backend)):
            assert (reply.body["status"], reply.body["answer"]) == ("partial", CARRY)
            assert "nine" not in json.dumps(reply.body)
        assert reply.told == [CARRY]
        assert made.backend.count("sentences_held_back_total") == 2


async def test_the_switch_says_who_writes(place: PlaceOf) -> None:
    """LLM_PROVIDER counts from the next question on; `extractive` asks nobody and costs nothing."""
    wanted = ["auto"]
    ways = Ways(preferred=lambda: wanted[0])
    async with writing(place("switch"), *PROVIDERS, ways=ways) as made:
        for word in ("auto", "anthropic", "openai"):
            wanted[0], provider = word, word.replace("auto", "openai")
            reply = await asked_whole(made.backend)
            assert reply.body["served_by"]["provider"] == provider
            assert reply.body["degraded"] == []
        calls = len(made.bill)
        wanted[0] = "extractive"
        reply = await asked_whole(made.backend)
        assert (reply.body["answer_mode"], reply.cost) == ("extractive", "0.000000")
        assert len(made.bill) == calls == 3


@pytest.mark.parametrize("falls_back", [False, True])
async def test_all_providers_down(place: PlaceOf, *, falls_back: bool) -> None:
    """503 with passages, as the runbook's P0-4 has it; or, if so wished, quotes that say so."""
    async with writing(place("down"), *PROVIDERS, ways=Ways(falls_back=falls_back)) as made:
        for number in range(2):
            made.misbehave(number, Behaviour.REFUSED_PORT)
        reply, streamed = await asked_whole(made.backend), await asked_streamed(made.backend)
    for each in (reply, streamed):
        if falls_back:
            assert each.status == 200
            assert each.body["answer_mode"] == "extractive"
            assert each.body["degraded"] == ["generation_unavailable"]
            assert each.body["answer"].startswith(CARRY)
        else:
            assert each.code == "generation_unavailable"
            assert each.body["passages"][0]["quote"].startswith(CARRY)
    assert (reply.status, streamed.status) == ((200, 200) if falls_back else (503, 200))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_first_sentence_leaves_before_a_pause_ends(place: PlaceOf, provider: str) -> None:
    """A provider that pauses for five seconds after its second sentence is read meanwhile."""
    async with writing(place(provider), provider) as made:
        made.misbehave(0, Behaviour.PAUSE)
        began, at = time.monotonic(), dict[str, float]()
        async with made.backend.client.stream(
            "POST", "/v1/query", json=ASKED, headers=STREAMED
        ) as response:
            async for name, _ in events(response.aiter_lines()):
                at.setdefault(name, time.monotonic() - began)
    assert at["final"] >= 5.0
    assert at["sentence"] < at["final"] - 4.0


@pytest.mark.alone
async def test_failing_over_takes_little_time(place: PlaceOf) -> None:
    """The fallback's first sentence comes within a second; nobody asks through an open breaker."""
    async with writing(place("over"), *PROVIDERS) as made:
        made.misbehave(0, Behaviour.STATUS_503)
        took = []
        while made.routes[0].breaker.state is not BreakerState.OPEN:
            began = time.monotonic()
            async with made.backend.client.stream(
                "POST", "/v1/query", json=ASKED, headers=STREAMED
            ) as response:
                async for name, _ in events(response.aiter_lines()):
                    if name == "sentence":
                        took.append(time.monotonic() - began)
                        break
        assert max(took) <= allowed(1.0)
        asked = len(made.bench.stand_ins[0].tally.calls)
        reply = await asked_whole(made.backend)
        assert reply.body["served_by"]["provider"] == "anthropic"
        assert len(made.bench.stand_ins[0].tally.calls) == asked


async def test_an_unchanged_openai_client(place: PlaceOf) -> None:
    """OpenAI's own client gets the answer with its sources and its price, whole and in chunks."""
    async with writing(place("chat"), "anthropic") as made:
        async with openai.AsyncOpenAI(
            api_key="any", base_url=f"{made.backend.url}/v1", max_retries=0, timeout=60
        ) as client:
            asked: list[ChatCompletionMessageParam] = [
                {"role": "user", "content": ASKED["question"]}
            ]
            raw = await client.chat.completions.with_raw_response.create(
                model="info-assistant",
                messages=asked,
            )
            whole = raw.parse().choices[0]
            chunks = await client.chat.completions.create(
                model="info-assistant",
                messages=asked,
                stream=True,
            )
            said = "".join([each.choices[0].delta.content or "" async for each in chunks])
        assert raw.headers["x-request-cost"] == f"{made.bill[0].micro_usd / 1e6:.6f}"
    assert whole.finish_reason == "stop"
    assert whole.message.content is not None
    assert whole.message.content.startswith(f"{CARRY} [1]")
    assert f"[1] Leave: “{CARRY}”" in whole.message.content
    assert said == whole.message.content
    assert len(made.bill) == 2


async def test_a_reader_who_leaves_is_billed_once_and_not_below(place: PlaceOf) -> None:
    """The call ends with its reader, and stands in the ledger as an estimate from above."""
    async with writing(place("gone"), "openai") as made:
        made.misbehave(0, Behaviour.PAUSE)
        async with made.backend.client.stream(
            "POST", "/v1/query", json=ASKED, headers=STREAMED
        ) as response:
            async for name, _ in events(response.aiter_lines()):
                if name == "sentence":
                    break
        async with asyncio.timeout(60):
            while not made.bill:  # noqa: ASYNC110  What is awaited sets no event.
                await asyncio.sleep(0.01)
        (event,) = made.bill
        (call,) = made.bench.stand_ins[0].tally.calls
    assert (event.state, event.usage.estimated) == (SpendState.ABORTED, True)
    assert event.usage.input >= call.input
    assert event.usage.output >= call.output


@pytest.fixture
def stand_ins() -> Iterator[dict[str, ProviderStandIn]]:
    """Return stand-ins for both providers, which quote what they are given."""
    script: Script = quoting
    found = {name: ProviderStandIn(name, script=script, api_key="drill") for name in PROVIDERS}
    with running_providers(*found.values()):
        yield found


@pytest.mark.stack
def test_the_whole_product_writes_and_bills(
    stand_ins: dict[str, ProviderStandIn], tmp_path: Path
) -> None:
    """Real processes: documents in, an answer written, failing over, and the bill to the digit."""
    product = Processes(
        tmp_path,
        OPENAI_BASE_URL=stand_ins["openai"].url,
        OPENAI_API_KEY="drill",
        ANTHROPIC_BASE_URL=stand_ins["anthropic"].url,
        ANTHROPIC_API_KEY="drill",
    )
    handbook = tmp_path / "leave.md"
    handbook.write_text(f"# Leave\n\n{CARRY} The carried days lapse at the end of March.\n")
    with product.client, product.running("local-qdrant"), product.running("serve"):
        product.await_ready()
        product.command("ingest", str(handbook))
        first = product.client.post("/v1/query", json=ASKED)
        assert first.json()["served_by"]["provider"] == "openai"
        assert first.json()["sentences"][0]["text"] == CARRY
        stand_ins["openai"].behaviour = Behaviour.STATUS_503
        second = product.client.post("/v1/query", json=ASKED)
        assert second.json()["served_by"]["provider"] == "anthropic"
        assert second.json()["degraded"] == ["provider_fallback"]
        usage = product.client.get("/v1/usage").json()
        record = product.client.get(f"/v1/answers/{first.json()['id']}/export").json()
        assert product.client.get("/health").json()["dependencies"]["openai"]["breaker"]
        shown = product.command("ask", ASKED["question"])
    by_provider = {row["provider"]: row for row in usage["rows"]}
    (called,) = stand_ins["anthropic"].tally.calls[:1]
    assert by_provider["anthropic"]["output_tokens"] == called.output
    assert by_provider["openai"]["completed"] == 1
    cost = sum(round(float(each.headers["x-request-cost"]) * 1e6) for each in (first, second))
    assert usage["total"]["micro_usd"] == cost
    assert record["prompt"]
    assert record["usage"]["micro_usd"] == round(float(first.headers["x-request-cost"]) * 1e6)
    assert "Written by a language model" in shown
