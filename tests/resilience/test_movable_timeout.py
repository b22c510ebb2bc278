"""One timer for many waits: each is bounded as by a timer of its own, and nothing else is."""

import asyncio

import pytest

from info_assistant.resilience.deadline import MovableTimeout

LONG_S = 30.0


def soon() -> float:
    """Return a moment that is about to come."""
    return asyncio.get_running_loop().time() + 0.02


def late() -> float:
    """Return a moment that does not come in a test."""
    return asyncio.get_running_loop().time() + LONG_S


async def test_a_wait_is_stopped_when_it_is_due_and_the_next_one_is_not() -> None:
    """Also when the timer was set for a later moment first, or has rung before."""
    timeout = MovableTimeout()
    with timeout.until(late()):
        await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(TimeoutError), timeout.until(soon()):
            await asyncio.sleep(LONG_S)
        with timeout.until(late()):
            await asyncio.sleep(0.05)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    timeout.close()


async def test_a_timer_that_was_moved_stops_nothing_at_its_old_moment() -> None:
    """A wait that is due later goes on beyond it, and ends at its own."""
    timeout, loop = MovableTimeout(), asyncio.get_running_loop()
    with timeout.until(soon()):
        await asyncio.sleep(0)
    begun = loop.time()
    with pytest.raises(TimeoutError), timeout.until(begun + 0.1):
        await asyncio.sleep(LONG_S)
    assert loop.time() - begun >= 0.1
    timeout.close()


async def test_nothing_is_stopped_between_two_waits() -> None:
    """Whoever works on what came may take their time; the next wait is bounded again."""
    timeout = MovableTimeout()
    with timeout.until(soon()):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError), timeout.until(soon()):
        await asyncio.sleep(LONG_S)
    timeout.close()


async def test_a_moment_that_is_over_stops_the_next_wait() -> None:
    """No time left means none."""
    timeout = MovableTimeout()
    with pytest.raises(TimeoutError), timeout.until(asyncio.get_running_loop().time() - 1):
        await asyncio.sleep(LONG_S)
    timeout.close()


@pytest.mark.parametrize("also_due", [False, True], ids=["cancelled", "cancelled and due"])
async def test_who_is_cancelled_is_not_told_that_the_time_is_up(*, also_due: bool) -> None:
    """Somebody else's wish that the task ends passes through, also in the moment that it is due."""
    timeouts: list[MovableTimeout] = []

    async def wait() -> None:
        timeouts.append(MovableTimeout())
        with timeouts[0].until(late()):
            await asyncio.sleep(LONG_S)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    if also_due:
        timeouts[0]._due = 0.0
        timeouts[0]._ring()
    with pytest.raises(asyncio.CancelledError):
        await task
    timeouts[0].close()


async def test_errors_of_the_wait_pass_through() -> None:
    """A TimeoutError that somebody else raised is theirs."""
    timeout = MovableTimeout()
    with pytest.raises(ZeroDivisionError), timeout.until(late()):
        raise ZeroDivisionError
    timeout.close()
