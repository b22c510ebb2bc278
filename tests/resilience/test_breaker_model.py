"""The breaker under arbitrary calls, cancellation at every await, and time that jumps."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from info_assistant.resilience.breaker import Breaker, BreakerRules, BreakerState, Outcome, Permit

RULES = BreakerRules(permits=20, lease_s=60.0)
OUTCOMES = st.sampled_from(Outcome)


class Pause:
    """An await of which the test decides how it goes on."""

    def __await__(self) -> Generator["Pause", None, None]:
        """Wait for the test."""
        yield self


async def guarded_call(
    breaker: Breaker, outcome: Outcome, awaits: int, holding: set[Permit]
) -> None:
    """Call through the breaker, as the failover does: several awaits, then a word."""
    permit = breaker.admit()
    if permit is None:
        return
    holding.add(permit)
    try:
        with permit:
            for _ in range(awaits):
                await Pause()
            permit.settle(outcome)
            holding.discard(permit)
            await Pause()
    finally:
        holding.discard(permit)


class BreakerMachine(RuleBasedStateMachine):
    """Calls begin, go on, end and are cancelled in any order."""

    def __init__(self) -> None:
        """Begin closed."""
        super().__init__()
        self.now = 0.0
        self.breaker = Breaker("drill", RULES, clock=lambda: self.now, draw=lambda: 0.7)
        self.calls: list[Coroutine[Any, Any, None]] = []
        self.holding: set[Permit] = set()
        self.leaked = 0

    @rule(outcome=OUTCOMES, awaits=st.integers(0, 3))
    def begin(self, outcome: Outcome, awaits: int) -> None:
        """Begin a call."""
        self._go_on(guarded_call(self.breaker, outcome, awaits, self.holding))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Let one call go on to its next await."""
        index = data.draw(st.integers(0, len(self.calls) - 1))
        self._go_on(self.calls.pop(index))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Cancel one call wherever it waits."""
        index = data.draw(st.integers(0, len(self.calls) - 1))
        with pytest.raises(asyncio.CancelledError):
            self.calls.pop(index).throw(asyncio.CancelledError())

    @rule()
    def leak(self) -> None:
        """Take a permit and never give it back."""
        self.leaked += self.breaker.admit() is not None

    @rule(seconds=st.sampled_from([0.1, 0.9, 3.0, 31.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds

    @rule(well=st.booleans(), stale=st.booleans())
    def probe(self, *, well: bool, stale: bool) -> None:
        """Report a probe, perhaps one that began before the last change."""
        before = self.breaker.state
        due = self.breaker.probe_due
        self.breaker.probed(self.breaker.generation - stale, well=well)
        if stale or not due:
            assert self.breaker.state is before

    @rule(seconds=st.sampled_from([0.5, 5.0, 1e9]))
    def rest(self, seconds: float) -> None:
        """Be told to wait by the dependency."""
        self.breaker.rest(seconds)

    @invariant()
    def never_more_than_its_permits(self) -> None:
        """Whatever happened, no more calls are under way than may be."""
        assert self.breaker.held <= RULES.permits
        if self.breaker.state is BreakerState.OPEN:
            assert self.breaker.limit == 0

    @invariant()
    def cancelled_calls_hold_nothing(self) -> None:
        """Only calls that are under way hold permits, and those that were taken and forgotten."""
        assert self.breaker.held <= len(self.holding) + self.leaked

    def teardown(self) -> None:
        """Never stuck: after some quiet time calls go through again until it is closed."""
        for call in self.calls:
            call.close()
        self.now += RULES.lease_s + RULES.longest_open_s + RULES.unprobed_s
        for _ in range(100):
            permit = self.breaker.admit()
            assert permit is not None
            permit.settle(Outcome.SUCCESS)
        assert self.breaker.state is BreakerState.CLOSED
        assert self.breaker.held == 0

    def _go_on(self, call: Coroutine[Any, Any, None]) -> None:
        try:
            call.send(None)
        except StopIteration:
            return
        self.calls.append(call)


BreakerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestBreaker = BreakerMachine.TestCase
