"""Providers are watched by calls that cost nothing, and recover without costing a question."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from tests.clocks import HandTime
from tests.providers.models import PROVIDERS, Heard, bench, hear

from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderThread
from info_assistant.errors import GenerationUnavailable, ProviderError, ProviderFault
from info_assistant.providers.failover import FailoverModel
from info_assistant.providers.probe import JUST_S, ProviderProbe
from info_assistant.providers.watch import ProviderWatch
from info_assistant.resilience.breaker import Breaker, BreakerState
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.health import (
    DependencyState,
    HealthMonitor,
    ProbeTiming,
    Watched,
)
from info_assistant.resilience.tasks import BackgroundTasks

QUICK = ProbeTiming(period_s=0.05, timeout_s=1.0, slow_s=0.9)


async def within(deadline_s: float, condition: Callable[[], bool]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  Polled with a deadline.
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_outage_and_recovery_are_seen_without_any_question(
    providers: ProviderThread, provider: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """/health tells of a provider that is gone and back, and nothing but lists is asked for."""
    async with bench(providers, provider) as made:
        (stand_in,), (model,) = made.stand_ins, made.models
        probe = ProviderProbe(model.wire, model.watch, Breaker(provider))
        monitor = HealthMonitor({provider: Watched(probe, QUICK, probe.circuit)}, SystemClock())

        def state() -> DependencyState:
            return monitor.snapshot()[provider].state

        async with BackgroundTasks({"health": monitor.run}):
            await within(5, lambda: state() is DependencyState.OK)
            port = stand_in.port
            providers.hang_up(stand_in)
            await within(5, lambda: state() is DependencyState.DOWN)
            providers.add(stand_in, port)
            await within(5, lambda: state() is DependencyState.OK)
            stand_in.behaviour = Behaviour.WRONG_KEY
            await within(5, lambda: state() is DependencyState.DOWN)
        known = monitor.snapshot()[provider]
        assert "401" in known.detail
        assert known.last_success is not None
        assert known.circuit is not None
        assert known.circuit.breaker == "closed"
        assert any("remaining" in name for name in known.circuit.rate_limits)
        assert not stand_in.tally.calls
    logged = capsys.readouterr()
    # The line that the runbook looks for, before anybody has asked a question.
    label = {"openai": "OpenAI", "anthropic": "Anthropic"}[provider]
    assert f"{label} API error" in logged.out + logged.err


async def test_open_breaker_is_closed_by_probes_and_then_by_questions(
    providers: ProviderThread,
) -> None:
    """While it is open no question is sent there; a list lets the first ones through again."""
    clock = HandTime()
    async with bench(providers, "openai") as made:
        (stand_in,), (model,), (route,) = made.stand_ins, made.models, made.routes()
        breaker = Breaker("openai", clock=clock, draw=lambda: 1.0)
        failover = FailoverModel([type(route)(model, breaker)])
        probe = ProviderProbe(model.wire, model.watch, breaker)
        stand_in.behaviour = Behaviour.NOT_PAID
        with pytest.raises(GenerationUnavailable):
            await hear(failover)
        assert breaker.limit == 0
        for _ in range(3):
            with pytest.raises(GenerationUnavailable):
                await hear(failover)
        assert len(stand_in.tally.calls) == 1

        clock.now += 31
        with pytest.raises(ProviderError) as caught:
            await probe.ping()
        assert caught.value.kind is ProviderFault.QUOTA
        assert breaker.limit == 0

        stand_in.behaviour = Behaviour.WELL
        clock.now += 31
        await probe.ping()
        assert breaker.state is BreakerState.HALF_OPEN
        assert (await hear(failover)).finished is not None
        assert len(stand_in.tally.calls) == 2


async def test_what_lists_do_not_show_is_still_down(providers: ProviderThread) -> None:
    """With a used-up account the list still comes; the state is told by what questions met."""
    async with bench(providers, "openai") as made:
        (stand_in,), (model,), (route,) = made.stand_ins, made.models, made.routes()
        stand_in.behaviour = Behaviour.INSUFFICIENT_QUOTA
        with pytest.raises(GenerationUnavailable):
            await hear(FailoverModel([route]))
        with pytest.raises(ProviderError) as caught:
            await ProviderProbe(model.wire, model.watch, route.breaker).ping()
        assert stand_in.tally.lists == 1
        assert caught.value.kind is ProviderFault.QUOTA


async def test_questions_that_were_answered_spare_the_probe(providers: ProviderThread) -> None:
    """A provider that has just answered is not asked whether it does."""
    async with bench(providers, "anthropic") as made:
        (stand_in,), (model,), (route,) = made.stand_ins, made.models, made.routes()
        seen: list[bool] = []
        probe = ProviderProbe(model.wire, model.watch, route.breaker, on_state=seen.append)
        await hear(model)
        model.watch.succeeded()  # Just now, however long a busy machine took since.
        await probe.ping()
        assert stand_in.tally.lists == 0
        await within(5, lambda: not model.watch.succeeded_within(JUST_S))
        await probe.ping()
        assert stand_in.tally.lists == 1
        assert seen == [True, True]


@dataclass
class Lines:
    """Counts what a watch reports."""

    kinds: list[str] = field(default_factory=list)


def test_a_storm_of_errors_is_counted_whole_and_logged_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A thousand failures at once are one line of each kind, and a thousand in the metric."""
    lines = Lines()
    watch = ProviderWatch(
        "OpenAI API error", now=lambda: datetime.now(UTC), on_error=lines.kinds.append
    )
    for kind in (ProviderFault.OVERLOADED, ProviderFault.TIMEOUT):
        for _ in range(500):
            watch.failed(ProviderError("Down.", provider="openai", kind=kind))
    assert len(lines.kinds) == 1000
    logged = capsys.readouterr()
    assert (logged.out + logged.err).count("OpenAI API error") == 2


async def test_keys_are_in_no_error_and_no_log_line(
    providers: ProviderThread, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong, the key that was sent is not repeated."""
    for provider in PROVIDERS:
        async with bench(providers, provider) as made:
            made.stand_ins[0].api_key = "another-key"
            with pytest.raises(ProviderError) as caught:
                await hear(made.models[0], Heard())
            assert caught.value.detail.lasting
            assert "drill-key" not in repr(caught.value)
    logged = capsys.readouterr()
    assert "API error" in logged.out + logged.err
    assert "drill-key" not in logged.out + logged.err
