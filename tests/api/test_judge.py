"""The optional judge on the wire: it holds back, never lifts, and has its own lines in the bill."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.answering.conftest import LIBRARY, Desk, ask
from tests.answering.conftest import desk as desk  # noqa: PLC0414  A fixture.
from tests.answering.test_generate import CARRY, LEANING, WRONG, composing
from tests.api.conftest import Backend
from tests.api.generated import PlaceOf, Reply, Ways, asked_streamed, asked_whole, writing
from tests.api.generated import place as place  # noqa: PLC0414  A fixture.
from tests.api.generated import thread as thread  # noqa: PLC0414  A fixture.

from info_assistant.answering.judge import CONTRADICTED, ModelJudge
from info_assistant.drills.provider_formats import Asked
from info_assistant.drills.scripted_answers import passages_in
from info_assistant.drills.scripted_model import ScriptedModel, Step
from info_assistant.errors import ProviderError, ProviderFault
from info_assistant.model.answer import AnswerStatus
from info_assistant.model.spend import Purpose
from info_assistant.ports import WrittenSentence

DOUBTFUL = "Carried leave lapses in spring, which helps families."
"""What the rules cannot decide."""


def saying(word: str) -> Callable[[Asked], str]:
    """Return a script: a sentence from a passage and a doubtful one; `word` of each judged."""

    def script(asked: Asked) -> str:
        if "<sentence>" in asked.text:
            assert f"<sentence>{DOUBTFUL}</sentence>" in asked.text
            assert CARRY in asked.text
            return word
        leave = next(each.id for each in passages_in(asked) if CARRY in each.text)
        return f"{CARRY} [{leave}] {DOUBTFUL} [{leave}]"

    return script


@pytest.mark.parametrize(
    ("provider", "ask_it"),
    [("openai", asked_whole), ("anthropic", asked_streamed)],
    ids=["openai whole", "anthropic streamed"],
)
@pytest.mark.parametrize(
    ("word", "status", "support"),
    [
        (CONTRADICTED, "partial", ["supported"]),
        ("CONFIRMED", "answered", ["supported", "unverified"]),
        ("I would say CONTRADICTED, because …", "answered", ["supported", "unverified"]),
    ],
    ids=["contradicted", "confirmed", "no word"],
)
async def test_a_judge_holds_back_and_never_lifts(
    place: PlaceOf,
    provider: str,
    ask_it: Callable[[Backend], Awaitable[Reply]],
    word: str,
    status: str,
    support: list[str],
) -> None:
    """Only what the rules could not decide is shown to it; its calls are billed as its own."""
    ways = Ways(script=saying(word), judged=True)
    async with writing(place("judged"), provider, ways=ways) as scene:
        reply = await ask_it(scene.backend)
        body = reply.body
        assert body["status"] == status
        assert [each["support"] for each in body["sentences"]] == support
        assert sorted(each.call.purpose for each in scene.bill) == [Purpose.ANSWER, Purpose.JUDGE]
        assert round(body["usage"]["cost_usd"] * 1e6) == sum(each.micro_usd for each in scene.bill)


async def test_without_the_setting_nobody_is_asked(place: PlaceOf) -> None:
    """By default a doubtful sentence is shown as unverified, and one call is made."""
    ways = Ways(script=saying(CONTRADICTED))
    async with writing(place("unjudged"), "openai", ways=ways) as scene:
        body = (await asked_whole(scene.backend)).body
        assert [each["support"] for each in body["sentences"]] == ["supported", "unverified"]
        assert [each.call.purpose for each in scene.bill] == [Purpose.ANSWER]


@pytest.mark.parametrize(
    "steps",
    [
        [ProviderError("It failed.", provider="a", kind=ProviderFault.OVERLOADED)],
        [asyncio.Event(), CONTRADICTED],
    ],
    ids=["fails", "takes too long"],
)
async def test_a_judge_that_does_not_answer_changes_nothing(steps: list[Step]) -> None:
    """The sentence stays unverified, and the answer goes on."""
    judge = ModelJudge(ScriptedModel(lambda _prompt: steps), timeout_s=0.05)
    assert not await judge.contradicts(WrittenSentence(DOUBTFUL, (LIBRARY[0],)), ask("How?"))


async def test_what_is_supported_or_refuted_is_not_judged(desk: Desk) -> None:
    """A judge is asked neither about what is borne out nor about what is held back anyway."""
    judging = ScriptedModel(lambda _prompt: [CONTRADICTED])
    _, wanted = composing(lambda leave: [f"{CARRY} {leave} {WRONG} {leave} {LEANING}"])
    desk.change(composing=replace(wanted, judge=ModelJudge(judging)))
    answer = await desk.pipeline.answer(ask("May employees carry over five days of annual leave?"))
    assert answer.status is AnswerStatus.PARTIAL
    assert [each.text for each in answer.sentences] == [CARRY]
    assert judging.prompts == []
