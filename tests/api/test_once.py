"""Questions under an `Idempotency-Key`: asked again, they get the answer that was given, once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from tests.api.conftest import EVENTS, Backend, Papers, ScriptedPipeline, Start, eventually
from tests.api.shelf import ShelfOfDocuments
from tests.api.test_answers import ANN, BEN
from tests.api.test_audit import ByName
from tests.api.test_streams import STREAMED, parse

from info_assistant.api.services import ApiServices
from info_assistant.errors import GenerationUnavailable, ObjectStorageUnavailable
from info_assistant.model.answer import Answer
from info_assistant.model.events import AnswerEvent, AnswerFinished
from info_assistant.model.question import Question
from info_assistant.model.record import AnswerRecord
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.idempotency import IdempotentRequests
from info_assistant.stores.blobs import ObjectBlobs

KEY = {"Idempotency-Key": "question-1"}
KEY_TOO_LONG = {"Idempotency-Key": "k" * 201}


@dataclass
class RecordingPipeline(ScriptedPipeline):
    """Follows its script, and keeps a record of each answer before its end, as the product does."""

    papers: Papers | None = None

    async def stream(self, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """Follow the script."""
        async with aclosing(super().stream(question)) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    yield AnswerFinished(await self._kept(question, event.answer))
                else:
                    yield event

    async def _kept(self, question: Question, answer: Answer) -> Answer:
        answer = replace(answer, id=question.id)
        assert self.papers is not None
        caller = question.caller
        record = AnswerRecord(
            question.id,
            datetime.now(UTC),
            caller.scope.tenant,
            caller.subject,
            question.text,
            answer,
        )
        await self.papers.keep(record)
        return answer


@dataclass
class Pair:
    """Two replicas with the same stores."""

    one: Backend
    other: Backend
    pipeline: RecordingPipeline

    @property
    def calls(self) -> int:
        """How many questions went through a pipeline."""
        return len(self.pipeline.questions)


@pytest.fixture
async def pair(services: ApiServices, start: Start, tmp_path: Path) -> AsyncIterator[Pair]:
    """Return two replicas that know callers by name."""
    papers = services.answers
    assert isinstance(papers, Papers)
    pipeline = RecordingPipeline(papers=papers)

    def replica() -> ApiServices:
        repeats = IdempotentRequests(ObjectBlobs(str(tmp_path)), SystemClock())
        return replace(services, repeats=repeats, authenticator=ByName(), pipeline=pipeline)

    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(start(replica()))
        other = await stack.enter_async_context(start(replica()))
        yield Pair(one, other, pipeline)


async def asked(
    backend: Backend, question: str = "How?", headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Ask under the key, as Ann unless `headers` say otherwise."""
    return await backend.ask(question, {**KEY, **ANN, **(headers or {})})


async def test_the_same_question_has_the_same_answer_without_a_second_call(pair: Pair) -> None:
    """On every replica, whole or as a stream; it costs nothing the second time."""
    first = await asked(pair.one)
    for backend in (pair.one, pair.other):
        again = await asked(backend)
        assert again.json() == first.json()
        assert again.headers["idempotent-replayed"] == "true"
        assert float(again.headers["x-request-cost"]) == 0
        streamed = await asked(backend, headers=STREAMED)
        assert streamed.headers["idempotent-replayed"] == "true"
        assert parse(streamed.text)[-1][2]["id"] == first.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert pair.calls == 1


async def test_a_key_belongs_to_its_question_and_its_caller(pair: Pair) -> None:
    """Another question under it is refused; the same key of another caller is another key."""
    first = await asked(pair.one)
    for refused in (await asked(pair.other, "Why?"), await asked(pair.one, headers=KEY_TOO_LONG)):
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert pair.calls == 1
    others = await asked(pair.one, headers=BEN)
    assert (others.status_code, pair.calls) == (200, 2)
    assert others.json()["id"] != first.json()["id"]


async def test_while_the_first_is_under_way_the_second_is_told_to_wait(pair: Pair) -> None:
    """No second call is made beside it, here or elsewhere; afterwards its answer is there."""
    gate = asyncio.Event()
    pair.pipeline.script = (*EVENTS[:2], gate, *EVENTS[2:])
    for form, question in (({}, "How?"), (STREAMED, "When?")):
        gate.clear()
        before = pair.calls
        headers = {"Idempotency-Key": question, **form}
        first = asyncio.ensure_future(asked(pair.one, question, headers))
        await eventually(lambda: pair.calls > before)  # noqa: B023  Awaited at once.
        for backend in (pair.one, pair.other):
            waiting = await asked(backend, question, headers)
            assert (waiting.status_code, waiting.json()["code"]) == (409, "answer_under_way")
            assert int(waiting.headers["retry-after"]) > 0
        gate.set()
        assert (await first).status_code == 200
        assert (await asked(pair.other, question, headers)).status_code == 200
        assert pair.calls == before + 1


@pytest.mark.parametrize("headers", [{}, STREAMED], ids=["whole", "stream"])
async def test_a_question_that_failed_may_be_asked_again(
    pair: Pair, headers: dict[str, str]
) -> None:
    """What ended without an answer is asked anew under the same key, at once, by the same id."""
    pair.pipeline.script = (*EVENTS[:2], GenerationUnavailable("Down."))
    await asked(pair.one, headers=headers)
    pair.pipeline.script = EVENTS
    again = await asked(pair.one)
    assert (again.status_code, pair.calls) == (200, 2)
    assert len({each.id for each in pair.pipeline.questions}) == 1


async def test_what_may_not_be_seen_any_more_is_not_given_again(
    pair: Pair, shelf: ShelfOfDocuments
) -> None:
    """The answer is given as far as its asker may see it at that moment."""
    first = (await asked(pair.one)).json()
    await shelf.remove(pair.pipeline.questions[0].caller, first["citations"][0]["document_id"])
    again = (await asked(pair.one)).json()
    assert first["citations"][0]["quote"] not in str(again)


async def test_without_object_storage_answers_go_on(pair: Pair, tmp_path: Path) -> None:
    """A key that cannot be kept keeps nobody from an answer."""

    class Down(ObjectBlobs):
        async def get(self, key: str) -> bytes:
            raise ObjectStorageUnavailable(f"No storage for {key}.")

    repeats = pair.one.services.repeats
    assert repeats is not None
    repeats._blobs = Down(str(tmp_path))
    for calls in (1, 2):
        assert (await asked(pair.one)).status_code == 200
        assert pair.calls == calls
