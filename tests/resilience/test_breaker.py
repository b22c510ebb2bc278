"""The breaker: when it opens, how it recovers, and that nothing can wedge it."""

import pytest
from tests.clocks import HandTime

from info_assistant.resilience.breaker import Breaker, BreakerRules, BreakerState, Outcome
from info_assistant.resilience.retry_budget import RetryBudget


def a_breaker(clock: HandTime, rules: BreakerRules | None = None) -> Breaker:
    """Return a breaker that always stays open for the whole span."""
    return Breaker("drill", rules, clock=clock, draw=lambda: 1.0)


def call(breaker: Breaker, outcome: Outcome) -> bool:
    """Make one call; return whether it was let through."""
    permit = breaker.admit()
    if permit is None:
        return False
    with permit:
        permit.settle(outcome)
    return True


def opened(clock: HandTime) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = a_breaker(clock)
    for _ in range(5):
        assert call(breaker, Outcome.FAILURE)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_opens_after_five_failures_in_a_row_and_not_before() -> None:
    """Four failures and a success leave it closed; the fifth in a row opens it."""
    breaker = a_breaker(HandTime())
    for outcome in (*[Outcome.FAILURE] * 4, Outcome.SUCCESS, *[Outcome.FAILURE] * 4):
        call(breaker, outcome)
    assert breaker.limit == 100
    call(breaker, Outcome.FAILURE)
    assert breaker.state is BreakerState.OPEN
    assert not call(breaker, Outcome.SUCCESS)


def test_opens_when_half_of_twenty_calls_failed_within_the_window() -> None:
    """Every other call failing opens it at the twentieth; spread over a longer time it does not."""
    clock = HandTime()
    breaker = a_breaker(clock)
    for number in range(20):
        assert breaker.state is BreakerState.CLOSED
        call(breaker, Outcome.FAILURE if number % 2 else Outcome.SUCCESS)
    assert breaker.state is BreakerState.OPEN
    slow = a_breaker(clock)
    for number in range(100):
        clock.now += 1.0
        call(slow, Outcome.FAILURE if number % 2 else Outcome.SUCCESS)
    assert slow.state is BreakerState.CLOSED


def test_a_lasting_fault_opens_at_once_and_for_long() -> None:
    """A wrong key is not tried five times, nor every second."""
    clock = HandTime()
    breaker = a_breaker(clock)
    call(breaker, Outcome.LASTING)
    clock.now += breaker.rules.longest_open_s - 0.1
    assert breaker.state is BreakerState.OPEN
    assert not breaker.probe_due


def test_what_is_ignored_changes_nothing() -> None:
    """Cancelled calls and faults of the request itself are no failures."""
    breaker = a_breaker(HandTime())
    for _ in range(50):
        call(breaker, Outcome.IGNORED)
        with breaker.admit() or pytest.fail("no permit"):
            pass
    assert (breaker.state, breaker.held) == (BreakerState.CLOSED, 0)


def test_stays_open_twice_as_long_each_time() -> None:
    """1, 2, 4 … 30 seconds; each failed probe doubles the time, up to the longest."""
    clock = HandTime()
    breaker = opened(clock)
    for span_s in (1, 2, 4, 8, 16, 30, 30):
        clock.now += span_s - 0.01
        assert not breaker.probe_due
        clock.now += 0.02
        assert breaker.probe_due
        breaker.probed(breaker.generation, well=False)
        assert breaker.state is BreakerState.OPEN


def test_recovers_by_a_probe_and_in_growing_numbers() -> None:
    """No question is let through before the probe succeeded; then 1, 5, 25 and 100 at once."""
    clock = HandTime()
    breaker = opened(clock)
    clock.now += 2
    assert not call(breaker, Outcome.SUCCESS)
    breaker.probed(breaker.generation, well=True)
    for limit in (1, 5, 25):
        assert breaker.state is BreakerState.HALF_OPEN
        permits = [breaker.admit() for _ in range(limit)]
        assert all(permits)
        assert breaker.admit() is None
        for permit in permits:
            assert permit is not None
            permit.settle(Outcome.SUCCESS)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.limit == 100


def test_a_failure_while_recovering_opens_again_for_longer() -> None:
    """One failed trial is enough."""
    clock = HandTime()
    breaker = opened(clock)
    clock.now += 2
    breaker.probed(breaker.generation, well=True)
    call(breaker, Outcome.FAILURE)
    assert breaker.state is BreakerState.OPEN
    clock.now += 1.9
    assert not breaker.probe_due
    clock.now += 0.2
    assert breaker.probe_due


def test_calls_from_before_it_opened_neither_close_it_nor_hold_up_the_recovery() -> None:
    """Their permits belong to an older generation."""
    clock = HandTime()
    breaker = a_breaker(clock)
    hanging = [breaker.admit() for _ in range(10)]
    for _ in range(5):
        call(breaker, Outcome.FAILURE)
    clock.now += 2
    breaker.probed(breaker.generation, well=True)
    assert breaker.admitting
    for permit in hanging:
        assert permit is not None
        permit.settle(Outcome.FAILURE)
    assert breaker.state is BreakerState.HALF_OPEN


def test_an_abandoned_permit_comes_back_by_itself() -> None:
    """A lease ends, even if whoever held it is gone without a word."""
    clock = HandTime()
    breaker = a_breaker(clock, BreakerRules(permits=1, lease_s=90))
    permit = breaker.admit()
    assert permit is not None
    assert not breaker.admitting
    clock.now += 91
    assert breaker.admitting
    permit.settle(Outcome.FAILURE)
    assert breaker.state is BreakerState.CLOSED


def test_without_a_probe_a_call_is_tried_in_the_end() -> None:
    """If the health task is not there, the breaker does not stay open for ever."""
    clock = HandTime()
    breaker = opened(clock)
    clock.now += 1 + breaker.rules.unprobed_s
    assert call(breaker, Outcome.SUCCESS)
    assert breaker.state is BreakerState.HALF_OPEN


def test_rests_as_long_as_it_is_asked_to_but_not_for_decades() -> None:
    """Retry-After is honoured up to the longest open time."""
    clock = HandTime()
    breaker = a_breaker(clock)
    breaker.rest(1e9)
    assert not breaker.admitting
    clock.now += breaker.rules.longest_open_s
    assert breaker.admitting


def test_retries_are_a_tenth_of_first_attempts_and_ten() -> None:
    """However much fails, no more than that is sent on top."""
    budget, retries = RetryBudget(), 0
    for _ in range(1000):
        budget.earn()
        retries += budget.spend()
    assert 100 <= retries <= 110
