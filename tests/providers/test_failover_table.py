"""The tables of docs/decisions/0015, row by row, on real sockets."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.conftest import allowed
from tests.providers.models import PATIENT, PROVIDERS, SHORT, Bench, Heard, bench, hear

from info_assistant.drills.provider_faults import HARMLESS, Behaviour
from info_assistant.drills.providers import ProviderThread
from info_assistant.errors import GenerationUnavailable, ProviderError, ProviderFault
from info_assistant.model.prompt import TokenUsage
from info_assistant.providers.failover import NEXT_STEPS, FailoverModel, NextStep, outcome_of
from info_assistant.providers.streamed import CallLimits
from info_assistant.resilience.breaker import Outcome

DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "0015-failover.md"
GRACE_S = 1.0
WHOLE = "The records office answers within thirty days. Write to it by post or by mail."


def rows_under(heading: str) -> Sequence[Mapping[str, str]]:
    """Return the rows of the first table below a heading, by the names of its columns."""
    lines = DECISION.read_text(encoding="utf-8").split(heading, 1)[1].splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[begin:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    head, _, *rows = table
    return [dict(zip(head, row, strict=True)) for row in rows]


CLASSES = rows_under("# 15. What follows")
SYMPTOMS = {
    re.match(r"`(\w+)`", row["symptom"]).group(1): row  # type: ignore[union-attr]
    for row in rows_under("## What is seen on the wire")
}


def bill_of(error: ProviderError) -> str:
    """Return how the decision names what a failed call is billed with."""
    usage = error.detail.usage
    if usage is None:
        return "estimated"
    return "nothing" if usage == TokenUsage(0, 0) else "counted"


def breaker_word(outcome: Outcome) -> str:
    """Return how the decision names what an outcome does to the breaker."""
    words = {Outcome.LASTING: "opens", Outcome.FAILURE: "counts", Outcome.IGNORED: "ignored"}
    return words[outcome]


def misbehave(bench: Bench, number: int, behaviour: Behaviour) -> None:
    """Let one of the stand-ins misbehave."""
    bench.stand_ins[number].behaviour = behaviour
    if behaviour is Behaviour.REFUSED_PORT:
        bench.thread.hang_up(bench.stand_ins[number])


def limits_for(kind: str) -> CallLimits:
    """Return short deadlines for faults that are told by them."""
    return SHORT if kind == ProviderFault.TIMEOUT else PATIENT


def test_every_class_and_every_fault_of_the_drills_has_a_row() -> None:
    """Nothing can fail in a way that the decision does not know, and the code says what it says."""
    told = {row["class"].strip("`"): row["next"] for row in CLASSES}
    assert told == {kind.value: step.value for kind, step in NEXT_STEPS.items()}
    extra = {Behaviour.RATE_LIMITED_FOR_A_MOMENT}
    assert set(SYMPTOMS) == {each.value for each in set(Behaviour) - HARMLESS - extra}
    assert len(SYMPTOMS) >= 24


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("symptom", SYMPTOMS)
async def test_symptom_has_the_class_the_breaker_and_the_bill_of_its_row(
    providers: ProviderThread, symptom: str, provider: str
) -> None:
    """What happens on the wire is told as one class, in time, and never as a complete answer."""
    row = SYMPTOMS[symptom]
    column = {"openai": "OpenAI", "anthropic": "Anthropic"}[provider]
    limits = limits_for(row[column])
    async with bench(providers, provider, limits=limits) as made:
        misbehave(made, 0, Behaviour(symptom))
        heard, began = Heard(), time.monotonic()
        with pytest.raises(ProviderError) as caught:
            await hear(made.models[0], heard)
        took_s = time.monotonic() - began
        calls = made.stand_ins[0].tally.calls
    error = caught.value
    assert error.kind.value == row[column]
    assert breaker_word(outcome_of(error)) == row["breaker"]
    assert bill_of(error) == row["bill"]
    assert heard.finished is None
    assert took_s <= limits.total_s + allowed(GRACE_S)
    # The fault fired: the stand-in was asked once, or nobody was there to count.
    fired = [] if symptom == Behaviour.REFUSED_PORT else [symptom]
    assert [call.behaviour.value for call in calls] == fired
    assert "drill-key" not in error.message


@pytest.mark.parametrize("first", PROVIDERS)
@pytest.mark.parametrize("symptom", SYMPTOMS)
async def test_what_follows_is_what_the_table_says(
    providers: ProviderThread, symptom: str, first: str
) -> None:
    """The next provider writes a whole answer, or nobody is asked, as the class has it."""
    second = next(each for each in PROVIDERS if each != first)
    column = {"openai": "OpenAI", "anthropic": "Anthropic"}[first]
    kind = ProviderFault(SYMPTOMS[symptom][column])
    async with bench(providers, first, second, limits=limits_for(kind)) as made:
        misbehave(made, 0, Behaviour(symptom))
        failover, heard = FailoverModel(made.routes()), Heard()
        if NEXT_STEPS[kind] is NextStep.STOP:
            with pytest.raises(ProviderError) as caught:
                await hear(failover, heard)
            assert caught.value.kind is kind
            assert not made.stand_ins[1].tally.calls
            return
        await hear(failover, heard)
        assert heard.text == WHOLE
        assert heard.started[-1] == second
        assert heard.finished is not None
        assert len(made.stand_ins[1].tally.calls) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("behaviour", sorted(HARMLESS))
async def test_harmless_oddities_are_answered_as_if_nothing_were(
    providers: ProviderThread, behaviour: Behaviour, provider: str
) -> None:
    """A pause, a second finish marker, a missing count and an open end change nothing."""
    async with bench(providers, provider) as made:
        made.stand_ins[0].behaviour, made.stand_ins[0].pause_s = behaviour, 0.2
        heard = await hear(made.models[0])
        (call,) = made.stand_ins[0].tally.calls
    assert heard.text == WHOLE
    assert heard.finished is not None
    counted = TokenUsage(call.input, call.output)
    uncounted = behaviour is Behaviour.NO_USAGE and provider == "openai"
    assert heard.finished.usage == (TokenUsage(0, 0, estimated=True) if uncounted else counted)


async def test_when_every_provider_fails_the_error_says_so(providers: ProviderThread) -> None:
    """Nobody left means `generation_unavailable`, within the deadline and with a time to wait."""
    async with bench(providers, *PROVIDERS) as made:
        misbehave(made, 0, Behaviour.STATUS_503)
        misbehave(made, 1, Behaviour.RATE_LIMITED_FOR_DECADES)
        with pytest.raises(GenerationUnavailable) as caught:
            await hear(FailoverModel(made.routes()))
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s <= 60
