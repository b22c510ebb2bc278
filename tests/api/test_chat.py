"""OpenAI's API over our answers, with OpenAI's own client: it works, and no source is lost."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from tests.api.conftest import ANSWER, CITATION, EVENTS, SENTENCE, Backend, ScriptedPipeline

from info_assistant.errors import GenerationUnavailable, RateLimited, VectorStoreUnavailable
from info_assistant.model.answer import AnswerStatus, AnswerUsage, Support
from info_assistant.model.conversation import Turn
from info_assistant.model.events import AnswerFinished, AnswerReset, SentenceReleased

HOW: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How do I request records?"}]
TEXT = (
    "Write to the records office. [1]\n\n"
    "Sources:\n[1] Guide, Records: “Write to the records office.”"
)
DEFINITE = EVENTS[:4]


@pytest.fixture
async def client(backend: Backend) -> AsyncIterator[openai.AsyncOpenAI]:
    """Return OpenAI's client, pointed at the backend as anybody would."""
    async with openai.AsyncOpenAI(
        api_key="any", base_url=f"{backend.url}/v1", max_retries=0, timeout=60
    ) as made:
        yield made


async def streamed(client: openai.AsyncOpenAI, **more: Any) -> list[Any]:  # noqa: ANN401
    """Return the chunks of a streamed answer."""
    stream = await client.chat.completions.create(
        model="info-assistant", messages=HOW, stream=True, **more
    )
    return [chunk async for chunk in stream]


def words(chunks: list[Any]) -> str:
    """Return what the chunks say."""
    return "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)


async def test_a_whole_answer(client: openai.AsyncOpenAI) -> None:
    """The client gets text with footnotes, and the citations as they are elsewhere."""
    found = await client.chat.completions.create(model="gpt-4o", messages=HOW, temperature=0.3)
    assert found.model == "gpt-4o"
    (choice,) = found.choices
    assert (choice.message.role, choice.finish_reason) == ("assistant", "stop")
    assert choice.message.content == TEXT
    extra = found.model_extra
    assert extra is not None
    assert [each["quote"] for each in extra["citations"]] == [CITATION.quote]
    assert (extra["status"], extra["answer_id"]) == ("answered", ANSWER.id)
    assert extra["see_also"][0]["n"] == 2


async def test_a_streamed_answer_says_the_same(client: openai.AsyncOpenAI) -> None:
    """The chunks together are the whole answer, and the last one carries the citations."""
    chunks = await streamed(client)
    assert words(chunks) == TEXT
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [each.choices[0].finish_reason for each in chunks[-2:]] == [None, "stop"]
    assert chunks[-1].model_extra["citations"][0]["quote"] == CITATION.quote
    assert len({each.id for each in chunks}) == 1


async def test_usage_comes_where_it_is_wished(
    client: openai.AsyncOpenAI, pipeline: ScriptedPipeline
) -> None:
    """A stream ends with the tokens if asked for, and a whole answer has them."""
    counted = replace(ANSWER, usage=AnswerUsage(120, 30, 42))
    pipeline.script = (*DEFINITE, AnswerFinished(counted))
    last = (await streamed(client, stream_options={"include_usage": True}))[-1]
    assert not last.choices
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (120, 30)
    whole = await client.chat.completions.create(model="x", messages=HOW)
    assert whole.usage is not None
    assert whole.usage.total_tokens == 150
    assert (whole.model_extra or {})["cost_usd"] == 0.000042
    assert (await streamed(client))[-1].model_extra["cost_usd"] == 0.000042


async def test_what_front_ends_send(backend: Backend, pipeline: ScriptedPipeline) -> None:
    """Content parts, system messages, tools and sampling are taken; turns go with the question."""
    asked = {
        "model": "info-assistant",
        "messages": [
            {"role": "system", "content": "You are a pirate."},
            {"role": "user", "content": [{"type": "text", "text": "What is leave?"}]},
            {"role": "assistant", "content": "It is time off.", "tool_calls": None},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "And"},
                {"type": "image_url", "image_url": {"url": "data:,"}},
                {"type": "text", "text": "how long?"},
            ]},
            {"role": "system", "content": "Answer like a pirate."},
        ],
        "stream": False,
        "temperature": 0.7,
        "top_p": 1,
        "max_tokens": 100,
        "presence_penalty": 0,
        "tools": [],
        "metadata": {"chat_id": "c1"},
        "stream_options": None,
        "user": "ann",
    }  # fmt: skip
    response = await backend.client.post("/v1/chat/completions", json=asked)
    assert response.status_code == 200
    question = pipeline.questions[-1]
    assert question.text == "And\nhow long?"
    assert question.history == (
        Turn("user", "What is leave?"),
        Turn("assistant", "It is time off."),
    )


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    """A front end finds the model to choose."""
    assert [each.id async for each in client.models.list()] == ["info-assistant"]
    assert (await client.models.retrieve("info-assistant")).id == "info-assistant"
    with pytest.raises(openai.NotFoundError, match="one model"):
        await client.models.retrieve("gpt-4o")


async def test_quotes_in_place_of_a_written_answer_are_called_so(
    client: openai.AsyncOpenAI, pipeline: ScriptedPipeline
) -> None:
    """Where no language model could write, the text itself says so; by default nothing is said."""
    degraded = replace(ANSWER, degraded=("budget_exhausted",))
    pipeline.script = (*DEFINITE, AnswerFinished(degraded))
    assert "No language model wrote this answer" in words(await streamed(client))
    pipeline.script = (*DEFINITE, AnswerFinished(ANSWER))
    assert "No language model" not in words(await streamed(client))


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (AnswerStatus.NO_EVIDENCE, "stop", "The documents hold no answer"),
        (AnswerStatus.NOT_SUPPORTED, "stop", "do not support it"),
        (AnswerStatus.REFUSED_OUTPUT, "content_filter", "refused"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_refusals_are_answers(
    client: openai.AsyncOpenAI,
    pipeline: ScriptedPipeline,
    status: AnswerStatus,
    reason: str,
    said: str,
    *,
    stream: bool,
) -> None:
    """What cannot be answered says so in words, with the nearest passages and a finish reason."""
    refused = replace(ANSWER, status=status, sentences=(), citations=())
    pipeline.script = (*EVENTS[:2], AnswerFinished(refused))
    if stream:
        chunks = await streamed(client)
        text, found = words(chunks), chunks[-1].choices[0].finish_reason
    else:
        whole = await client.chat.completions.create(model="x", messages=HOW)
        text, found = whole.choices[0].message.content or "", whole.choices[0].finish_reason
    assert said in text
    assert f"[2] Guide, Records: “{CITATION.quote}”" in text
    assert found == reason


async def test_an_answer_that_begins_anew_says_so(
    client: openai.AsyncOpenAI, pipeline: ScriptedPipeline
) -> None:
    """What was sent cannot be taken back, so it is declared void before the new answer."""
    unsure = replace(SENTENCE, support=Support.UNVERIFIED)
    final = AnswerFinished(replace(ANSWER, sentences=(unsure,)))
    again = SentenceReleased(unsure)
    pipeline.script = (*EVENTS[:3], AnswerReset("provider_failed"), again, EVENTS[3], final)
    first, new = words(await streamed(client)).split("is void.")
    assert first.startswith(SENTENCE.text)
    assert f"{SENTENCE.text} [1] (not verified)" in new


async def test_errors_are_those_of_openai(
    client: openai.AsyncOpenAI, pipeline: ScriptedPipeline
) -> None:
    """The client raises its own errors, with our code and words."""
    pipeline.script = (VectorStoreUnavailable("Qdrant is down."),)
    with pytest.raises(openai.InternalServerError) as failed:
        await client.chat.completions.create(model="x", messages=HOW)
    assert (failed.value.code, failed.value.type) == ("vector_store_unavailable", "server_error")
    assert "Qdrant is down." in str(failed.value)
    pipeline.script = (RateLimited("Too often.", retry_after_s=3),)
    with pytest.raises(openai.RateLimitError) as limited:
        await client.chat.completions.create(model="x", messages=HOW)
    assert limited.value.response.headers["retry-after"] == "3"
    with pytest.raises(openai.UnprocessableEntityError) as empty:
        await client.chat.completions.create(model="x", messages=[])
    assert empty.value.type == "invalid_request_error"
    with pytest.raises(openai.UnprocessableEntityError, match="must be a question"):
        await client.chat.completions.create(
            model="x", messages=[{"role": "assistant", "content": "Hello."}]
        )


async def test_an_outage_keeps_its_passages(
    client: openai.AsyncOpenAI, pipeline: ScriptedPipeline
) -> None:
    """Who gets no text gets the passages: in the error, whole or in the stream."""
    outage = GenerationUnavailable("All are down.", passages=(CITATION,))
    pipeline.script = (*EVENTS[:2], outage)
    with pytest.raises(openai.InternalServerError) as failed:
        await client.chat.completions.create(model="x", messages=HOW)
    assert failed.value.status_code == 503
    assert failed.value.response.json()["passages"][0]["quote"] == CITATION.quote
    with pytest.raises(openai.APIError) as broken:
        await streamed(client)
    assert broken.value.code == "generation_unavailable"


async def test_the_stream_on_the_wire(backend: Backend) -> None:
    """Each event is one data line, and the last is `[DONE]`, as every parser expects."""
    asked = {"messages": HOW, "stream": True}
    response = await backend.client.post("/v1/chat/completions", json=asked)
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    kinds = {json.loads(line[6:])["object"] for line in lines[:-1]}
    assert kinds == {"chat.completion.chunk"}


async def test_a_long_chat_is_taken(backend: Backend, pipeline: ScriptedPipeline) -> None:
    """Chats come with all that was said before; the newest turns count."""
    said = [{"role": "user", "content": f"{n} " + "word " * 400} for n in range(100)]
    asked = {"messages": [*said, *HOW]}
    response: httpx2.Response = await backend.client.post("/v1/chat/completions", json=asked)
    assert response.status_code == 200
    assert [turn.text.split()[0] for turn in pipeline.questions[-1].history] == [
        str(n) for n in range(80, 100)
    ]
