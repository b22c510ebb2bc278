"""Every fault of docs/decisions/0015 as readers see it, over HTTP: class, action and bill."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from tests.answering.conftest import desk as desk  # noqa: PLC0414  A fixture.
from tests.api.conftest import Backend, eventually
from tests.api.generated import (
    MOST_TOKENS,
    PlaceOf,
    Reply,
    Ways,
    Writing,
    asked_streamed,
    asked_whole,
    writing,
)
from tests.api.generated import place as place  # noqa: PLC0414  A fixture.
from tests.api.generated import thread as thread  # noqa: PLC0414  A fixture.
from tests.conftest import allowed
from tests.providers.models import PATIENT, PROVIDERS, SHORT
from tests.providers.test_failover_table import SYMPTOMS

from info_assistant.drills.provider_faults import Behaviour
from info_assistant.errors import ProviderFault
from info_assistant.model.spend import SpendEvent, SpendState
from info_assistant.providers.failover import NEXT_STEPS, NextStep

GRACE_S = 1.0
MODES: dict[str, Callable[[Backend], Awaitable[Reply]]] = {
    "json": asked_whole,
    "stream": asked_streamed,
}
SHORT_AT_BOTH = (SHORT, SHORT)


def kind_of(symptom: str, provider: str) -> ProviderFault:
    """Return the class that the decision gives a symptom."""
    return ProviderFault(
        SYMPTOMS[symptom][{"openai": "OpenAI", "anthropic": "Anthropic"}[provider]]
    )


def billed_as(event: SpendEvent, counted: tuple[int, int]) -> str:
    """Return how the decision names what was noted of a call, whose provider counted this."""
    noted = (event.usage.input, event.usage.output)
    if event.state is SpendState.COMPLETED:
        return "counted" if noted == counted else f"completed with {noted}, not {counted}"
    assert event.state is SpendState.ABORTED
    if event.micro_usd == 0:
        return "nothing"
    below = noted[0] < counted[0] or noted[1] < counted[1]
    return f"estimated below {counted}" if below or not event.usage.estimated else "estimated"


def check_bill(made: Writing, number: int, wanted: str) -> None:
    """Each call of a provider is in the ledger once, as the table has it."""
    stand_in = made.bench.stand_ins[number]
    name = stand_in.format.name
    noted = [each for each in made.bill if each.provider == name]
    # One that writes on without an end cannot charge for more than it was allowed.
    calls = [(call.input, min(call.output, MOST_TOKENS)) for call in stand_in.tally.calls]
    # Where nobody listens, nobody counts.
    calls = calls or [(0, 0)] * len(noted)
    assert [billed_as(*pair) for pair in zip(noted, calls, strict=True)] == [wanted] * len(noted)
    assert noted


def check_cost(made: Writing, reply: Reply) -> None:
    """What an answer says that it cost is the sum of its calls, in the body and in the header."""
    spent = sum(each.micro_usd for each in made.bill)
    assert reply.body["usage"]["cost_usd"] == pytest.approx(spent / 1e6)
    if not reply.names:
        assert reply.cost == f"{spent / 1e6:.6f}"


def check_refusal(reply: Reply) -> None:
    """The reader is told, and helped with passages; nothing passes for an answer."""
    assert reply.code == "generation_unavailable"
    assert reply.status == (200 if reply.names else 503)
    assert reply.body["passages"][0]["quote"].startswith("Employees may carry over")
    assert "final" not in reply.names


@pytest.mark.parametrize("first", PROVIDERS)
@pytest.mark.parametrize("symptom", SYMPTOMS)
async def test_a_fault_of_the_first_provider(place: PlaceOf, symptom: str, first: str) -> None:
    """The next provider answers, or nobody does, as the table has it; so does the bill."""
    kind, second = kind_of(symptom, first), next(each for each in PROVIDERS if each != first)
    ways = Ways((SHORT if kind is ProviderFault.TIMEOUT else PATIENT, PATIENT))

    async def one(mode: str) -> None:
        async with writing(place(mode), first, second, ways=ways) as made:
            made.misbehave(0, Behaviour(symptom))
            began = time.monotonic()
            reply = await MODES[mode](made.backend)
            assert time.monotonic() - began <= ways.request_s + allowed(GRACE_S)
            await eventually(lambda: made.bill)
            assert made.backend.count("llm_errors_total", provider=first, kind=kind.value) == 1
            check_bill(made, 0, SYMPTOMS[symptom]["bill"])
            if kind is ProviderFault.CONTENT_FILTERED:
                assert reply.status == 200
                assert reply.body["status"] in {"partial", "refused_output"}
                assert reply.body["degraded"] == ["content_filtered"]
            elif NEXT_STEPS[kind] is NextStep.STOP:
                check_refusal(reply)
            else:
                check_bill(made, 1, "counted")
                check_whole(reply, second)
                check_cost(made, reply)
                return
            assert not made.bench.stand_ins[1].tally.calls

    await asyncio.gather(*map(one, MODES))


def check_whole(reply: Reply, provider: str) -> None:
    """A whole answer of one model, each sentence checked and with its quote."""
    assert reply.status == 200
    body = reply.body
    assert (body["status"], body["answer_mode"]) == ("answered", "generated")
    assert body["served_by"]["provider"] == provider
    assert body["degraded"] == ["provider_fallback"]
    assert body["answer"].startswith("Employees may carry over five days of annual leave.")
    assert len(body["sentences"]) == 3
    assert {each["support"] for each in body["sentences"]} == {"supported"}
    if reply.names:
        assert reply.told == [each["text"] for each in body["sentences"]]
        assert reply.names.count("reset") <= 1


@pytest.mark.parametrize("symptom", SYMPTOMS)
async def test_a_fault_of_every_provider(place: PlaceOf, symptom: str) -> None:
    """The reader gets a typed refusal with passages in time, never half an answer called whole."""
    kind = kind_of(symptom, "openai")
    ways = Ways(SHORT_AT_BOTH if kind is ProviderFault.TIMEOUT else (PATIENT, PATIENT))

    async def one(mode: str) -> None:
        async with writing(place(mode), *PROVIDERS, ways=ways) as made:
            for number in range(len(PROVIDERS)):
                made.misbehave(number, Behaviour(symptom))
            began = time.monotonic()
            reply = await MODES[mode](made.backend)
            assert time.monotonic() - began <= ways.request_s + allowed(GRACE_S)
            check_bill(made, 0, SYMPTOMS[symptom]["bill"])
            if kind is ProviderFault.CONTENT_FILTERED:
                assert reply.body["status"] in {"partial", "refused_output"}
            else:
                check_refusal(reply)

    await asyncio.gather(*map(one, MODES))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("behaviour", ["hang_before_headers", "stalled_stream", "dripped_stream"])
async def test_the_question_s_deadline_holds(place: PlaceOf, behaviour: str, mode: str) -> None:
    """With our usual patience for providers the question's own deadline ends it, with passages."""
    ways = Ways(request_s=1.5)
    async with writing(place(mode), "openai", ways=ways) as made:
        made.misbehave(0, Behaviour(behaviour))
        began = time.monotonic()
        reply = await MODES[mode](made.backend)
        assert time.monotonic() - began <= ways.request_s + allowed(GRACE_S)
        check_refusal(reply)
        check_bill(made, 0, "estimated")
