"""Models behind one another: who is asked, when, how often, and what the reader sees of it."""

import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest
from tests.conftest import allowed
from tests.providers.models import CALL, PROMPT, PROVIDERS, Heard, bench, hear

from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderThread
from info_assistant.errors import (
    FaultDetail,
    GenerationUnavailable,
    ProviderError,
    ProviderFault,
)
from info_assistant.model.prompt import (
    ModelEvent,
    ModelFinished,
    ModelStarted,
    Prompt,
    TextDelta,
    TokenUsage,
)
from info_assistant.model.spend import ModelCall
from info_assistant.providers.failover import BUSY_LOOP_S, FailoverModel, Route, outcome_of
from info_assistant.resilience.breaker import Breaker, BreakerState, Outcome
from info_assistant.resilience.deadline import Deadline

WHOLE = "The records office answers within thirty days. Write to it by post or by mail."


def fault(kind: ProviderFault, retry_after_s: float | None = None) -> ProviderError:
    """Return an error of this class."""
    return ProviderError("A drill.", provider="a", kind=kind, retry_after_s=retry_after_s)


@dataclass
class Player:
    """ports.TextModel that plays one turn for each call: words, then an error or the end."""

    provider: str
    turns: list[tuple[str, ProviderError | None]]
    model: str = "drill"
    calls: list[ModelCall] = field(default_factory=list)

    async def stream(self, prompt: Prompt, call: ModelCall) -> AsyncGenerator[ModelEvent]:
        """Play the next turn; the last one again and again."""
        del prompt
        self.calls.append(call)
        text, error = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        yield ModelStarted(self.provider, self.model)
        if text:
            yield TextDelta(text)
        if error is not None:
            raise error
        yield ModelFinished(TokenUsage(1, 1))


def routes_of(*players: Player) -> Sequence[Route]:
    """Return a route for each."""
    return [Route(player, Breaker(player.provider)) for player in players]


WELL = ("All is well.", None)


async def test_what_fails_before_its_first_word_is_not_seen() -> None:
    """The reader hears of one model only, and the call has the next number."""
    first = Player("a", [("", fault(ProviderFault.OVERLOADED))])
    second = Player("b", [WELL])
    heard = await hear(FailoverModel(routes_of(first, second)))
    assert (heard.started, heard.text) == (["b"], "All is well.")
    assert [each.attempt for each in (*first.calls, *second.calls)] == [1, 2]


async def test_what_fails_after_its_first_word_is_begun_anew_and_never_joined() -> None:
    """A new ModelStarted says that all before it is void."""
    first = Player("a", [("Half a sen", fault(ProviderFault.TRUNCATED))])
    events: list[ModelEvent] = []
    failover = FailoverModel(routes_of(first, Player("b", [WELL])))
    async with aclosing(failover.stream(PROMPT, CALL)) as stream:
        events = [event async for event in stream]
    assert events == [
        ModelStarted("a", "drill"),
        TextDelta("Half a sen"),
        ModelStarted("b", "drill"),
        TextDelta("All is well."),
        ModelFinished(TokenUsage(1, 1)),
    ]


async def test_an_answer_begins_anew_only_once() -> None:
    """When the second text breaks as well, nobody is asked a third time."""
    broken = ("Half", fault(ProviderFault.TRUNCATED))
    players = [Player(name, [broken]) for name in "abc"]
    with pytest.raises(GenerationUnavailable):
        await hear(FailoverModel(routes_of(*players)))
    assert [len(player.calls) for player in players] == [1, 1, 0]


async def test_the_only_provider_is_asked_again_after_a_broken_connection() -> None:
    """Where nobody else is set up, one broken connection costs no answer."""
    for kind in (ProviderFault.REFUSED, ProviderFault.OVERLOADED, ProviderFault.TRUNCATED):
        alone = Player("a", [("", fault(kind)), WELL])
        assert (await hear(FailoverModel(routes_of(alone)))).text == "All is well."
    gone = Player("a", [("", fault(ProviderFault.TIMEOUT)), WELL])
    with pytest.raises(GenerationUnavailable):
        await hear(FailoverModel(routes_of(gone)))


async def test_waits_only_for_what_fits() -> None:
    """A short Retry-After is waited for, a long one only without another provider."""
    short = ("", fault(ProviderFault.RATE_LIMITED, 0.05))
    first, second = Player("a", [short, WELL]), Player("b", [WELL])
    heard = await hear(FailoverModel(routes_of(first, second)))
    assert (heard.started, len(first.calls)) == (["a"], 2)

    long = ("", fault(ProviderFault.RATE_LIMITED, 5.0))
    first, second = Player("a", [long, WELL]), Player("b", [WELL])
    routes = routes_of(first, second)
    began = time.monotonic()
    heard = await hear(FailoverModel(routes))
    assert heard.started == ["b"]
    assert time.monotonic() - began < allowed(3)
    # Others leave it alone meanwhile, too.
    assert not routes[0].breaker.admitting

    alone = Player("a", [("", fault(ProviderFault.RATE_LIMITED, 25.0)), WELL])
    with pytest.raises(GenerationUnavailable) as caught:
        await hear(FailoverModel(routes_of(alone)))
    assert caught.value.retry_after_s == 25.0


@pytest.mark.parametrize(
    ("wanted", "others", "asked"),
    [
        ("auto", "asked", ["openai", "anthropic"]),
        ("openai", "asked", ["openai", "anthropic"]),
        ("anthropic", "asked", ["anthropic", "openai"]),
        ("anthropic", "left", ["anthropic"]),
        ("auto", "left", ["openai"]),
        ("extractive", "asked", []),
    ],
)
async def test_who_is_asked_follows_the_mode_at_each_question(
    wanted: str, others: str, asked: list[str]
) -> None:
    """LLM_PROVIDER names the first, LLM_FALLBACK whether the others follow."""
    players = [Player(each, [("", fault(ProviderFault.TIMEOUT))]) for each in PROVIDERS]
    mode = "extractive"
    failover = FailoverModel(
        routes_of(*players), preferred=lambda: mode, fallback=others == "asked"
    )
    mode = wanted
    with pytest.raises(GenerationUnavailable):
        await hear(failover)
    order = sorted((call for each in players for call in each.calls), key=lambda c: c.attempt)
    assert [next(each.provider for each in players if call in each.calls) for call in order] == (
        asked
    )
    assert failover.provider == (asked[0] if asked else "extractive")
    assert failover.in_use() is bool(asked)


async def test_without_fallback_nobody_stands_in_for_who_is_not_set_up() -> None:
    """A switch to a provider that is not there, with LLM_FALLBACK=false, asks no other one."""
    other = Player("openai", [WELL])
    failover = FailoverModel(routes_of(other), preferred=lambda: "anthropic", fallback=False)
    with pytest.raises(GenerationUnavailable):
        await hear(failover)
    assert not other.calls


def test_a_timeout_while_our_loop_was_late_is_not_the_provider_s() -> None:
    """Only what is surely its own counts against a provider."""
    late = fault(ProviderFault.TIMEOUT)
    assert outcome_of(late) is Outcome.FAILURE
    assert outcome_of(late, loop_lag_s=BUSY_LOOP_S) is Outcome.IGNORED
    assert outcome_of(fault(ProviderFault.OVERLOADED), loop_lag_s=1.0) is Outcome.FAILURE
    ended = ProviderError(
        "", provider="a", kind=ProviderFault.TRUNCATED, detail=FaultDetail(ended=True)
    )
    assert outcome_of(ended) is Outcome.IGNORED


async def test_whoever_leaves_takes_the_call_along(providers: ProviderThread) -> None:
    """Closing, or cancelling, ends the connection and gives the permit back."""
    for way in ("close", "cancel"):
        async with bench(providers, "openai") as made:
            made.stand_ins[0].behaviour = Behaviour.STALLED_STREAM
            routes = made.routes()
            failover, heard = FailoverModel(routes), Heard()
            if way == "close":
                async with aclosing(failover.stream(PROMPT, CALL)) as events:
                    await anext(events)
            else:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await hear(failover, heard)
                assert heard.text
            (call,) = made.stand_ins[0].tally.calls
            async with asyncio.timeout(60):
                while not call.abandoned:  # noqa: ASYNC110  The stand-in has no event.
                    await asyncio.sleep(0.01)
            assert routes[0].breaker.held == 0
            assert routes[0].breaker.state is BreakerState.CLOSED


async def test_no_question_hangs_past_its_deadline(providers: ProviderThread) -> None:
    """Both providers drip for ever; the question ends in words before its own deadline."""
    async with bench(providers, *PROVIDERS) as made:
        for stand_in in made.stand_ins:
            stand_in.behaviour = Behaviour.DRIPPED_STREAM
        began = time.monotonic()
        async with Deadline.after(1.5).enforced("The question"):
            with pytest.raises(GenerationUnavailable):
                await hear(FailoverModel(made.routes()))
        assert time.monotonic() - began <= 1.5 + allowed(1)


@pytest.mark.parametrize("first", PROVIDERS)
async def test_a_text_that_does_not_end_leaves_time_for_another_provider(
    providers: ProviderThread, first: str
) -> None:
    """The first drips for ever; the second writes the answer before the question's deadline."""
    second = next(each for each in PROVIDERS if each != first)
    heard = Heard()
    async with bench(providers, first, second) as made:
        made.stand_ins[0].behaviour = Behaviour.DRIPPED_STREAM
        within_s = allowed(3)
        async with Deadline.after(within_s).enforced("The question"):
            await hear(FailoverModel(made.routes()), heard)
        assert [each.behaviour for each in made.stand_ins[0].tally.calls] == [
            Behaviour.DRIPPED_STREAM
        ]
    assert heard.started == [first, second]
    assert heard.finished is not None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_words_are_passed_on_while_the_provider_pauses(
    providers: ProviderThread, provider: str
) -> None:
    """Two whole sentences are out before a pause of three seconds is over."""
    async with bench(providers, provider) as made:
        made.stand_ins[0].behaviour, made.stand_ins[0].pause_s = Behaviour.PAUSE, 3.0
        made.stand_ins[0].script = lambda _asked: f"{WHOLE} It replies."
        text, out_s, began = "", 0.0, time.monotonic()
        async with aclosing(FailoverModel(made.routes()).stream(PROMPT, CALL)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                    out_s = out_s or (time.monotonic() - began if text == WHOLE else 0.0)
        assert 0 < out_s < 3.0 < time.monotonic() - began
        assert text == f"{WHOLE} It replies."


@pytest.mark.alone
@pytest.mark.parametrize("first", PROVIDERS)
async def test_the_fallback_is_quick_and_quicker_once_the_breaker_is_open(
    providers: ProviderThread, first: str
) -> None:
    """First words within a second of a refusal; with an open breaker, 10 ms more than without."""

    async def first_words_s(model: FailoverModel) -> float:
        began = time.perf_counter()
        async with aclosing(model.stream(PROMPT, CALL)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    return time.perf_counter() - began
        pytest.fail("no word")

    second = next(each for each in PROVIDERS if each != first)
    async with bench(providers, first, second) as made:
        await hear(made.models[1])
        providers.hang_up(made.stand_ins[0])
        routes = made.routes()
        both, alone = FailoverModel(routes), FailoverModel(routes[1:])
        refused_s = [await first_words_s(both) for _ in range(5)]
        assert max(refused_s) <= allowed(1.0)
        assert routes[0].breaker.state is BreakerState.OPEN
        pairs = [(await first_words_s(both), await first_words_s(alone)) for _ in range(20)]
        extra_s = statistics.median(with_it - without for with_it, without in pairs)
        assert extra_s <= allowed(0.010)


@pytest.mark.parametrize(
    ("behaviour", "at_least"),
    [
        # Each is asked once and some are asked again, each once, or none while they are to be left.
        (Behaviour.STATUS_503, 401),
        (Behaviour.CUT_STREAM, 400),
        (Behaviour.RATE_LIMITED_FOR_A_MOMENT, 4),
    ],
)
async def test_an_outage_is_not_answered_with_more_load(
    providers: ProviderThread, behaviour: Behaviour, at_least: int
) -> None:
    """When all fails, each provider sees no more than 1.1 times the questions, and ten."""
    offered = 200
    async with bench(providers, *PROVIDERS) as made:
        for stand_in in made.stand_ins:
            stand_in.behaviour = behaviour
        # Breakers that never open, so that nothing but the budget bounds what is sent.
        failover = FailoverModel([Route(model, NeverOpen(model.provider)) for model in made.models])
        limit = asyncio.Semaphore(20)

        async def ask() -> None:
            async with limit:
                with pytest.raises(GenerationUnavailable):
                    await hear(failover)

        async with asyncio.TaskGroup() as group:
            for _ in range(offered):
                group.create_task(ask())
        for stand_in in made.stand_ins:
            assert len(stand_in.tally.calls) <= 1.1 * offered + 10
        assert sum(len(each.tally.calls) for each in made.stand_ins) >= at_least


class NeverOpen(Breaker):
    """A breaker that takes every outcome for a success."""

    def returned(self, permit: object, outcome: Outcome) -> None:
        """Hear nothing bad."""
        del outcome
        super().returned(permit, Outcome.IGNORED)  # type: ignore[arg-type]
