"""Deadlines, background tasks and companions: nothing waits for ever, nothing is left behind."""

import asyncio

import pytest

from info_assistant.errors import DeadlineExceeded
from info_assistant.resilience.deadline import Deadline
from info_assistant.resilience.tasks import BackgroundTasks, BackOff, BesideLater, beside


async def test_deadline_stops_the_body() -> None:
    """What takes longer than its deadline ends with an error that names it."""
    with pytest.raises(DeadlineExceeded, match="Reading the page"):
        async with Deadline.after(0.02).enforced("Reading the page"):
            await asyncio.Event().wait()


async def test_inner_deadline_never_exceeds_the_outer() -> None:
    """A step inside a deadline gets what is left, even if it asks for more."""
    async with Deadline.after(0.5).enforced("outer"):
        assert Deadline.after(60).remaining <= 0.5
        assert Deadline.after(0.1).remaining <= 0.1
    assert Deadline.after(60).remaining > 59


async def test_foreign_timeout_is_not_ours() -> None:
    """A TimeoutError of the body itself passes as it is."""
    with pytest.raises(TimeoutError, match="theirs"):
        async with Deadline.after(5).enforced("x"):
            raise TimeoutError("theirs")


async def test_failed_task_starts_again() -> None:
    """A background task that fails is started anew until it does well, and each failure is told."""
    runs = 0
    done = asyncio.Event()
    failed: list[str] = []

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError
        done.set()

    back_off = BackOff(first=0.001)
    async with BackgroundTasks({"loop": loop}, back_off=back_off, on_failure=failed.append):
        async with asyncio.timeout(60):
            await done.wait()
    assert (runs, failed) == (3, ["loop", "loop"])


async def test_leaving_cancels_and_waits() -> None:
    """When the owner is left, each task has ended, its clean-up included."""
    started = asyncio.Event()
    cleaned = False

    async def endless() -> None:
        nonlocal cleaned
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned = True

    before = asyncio.all_tasks()
    async with BackgroundTasks({"endless": endless}):
        await started.wait()
    assert cleaned
    assert asyncio.all_tasks() == before


async def test_one_failing_task_leaves_the_others_alone() -> None:
    """A task that keeps failing neither stops its neighbours nor the owner."""
    beats = 0
    enough = asyncio.Event()

    async def failing() -> None:
        raise ValueError

    async def beating() -> None:
        nonlocal beats
        while True:
            beats += 1
            if beats > 5:
                enough.set()
            await asyncio.sleep(0.002)

    tasks = {"failing": failing, "beating": beating}
    async with BackgroundTasks(tasks, back_off=BackOff(first=0.001)), asyncio.timeout(60):
        await enough.wait()


def test_back_off_grows_to_its_bound() -> None:
    """Pauses double up to the longest and are spread between half and whole."""
    back_off = BackOff(first=1, longest=10)
    for failures, span in ((1, 1), (2, 2), (3, 4), (5, 10), (500, 10)):
        assert all(span / 2 <= back_off.delay(failures) <= span for _ in range(50))


async def test_companion_ends_with_the_body() -> None:
    """What runs beside a body has ended when the body has, and errors pass unwrapped."""
    ended = asyncio.Event()
    started = asyncio.Event()

    async def companion() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def work() -> None:
        async with beside(companion()):
            await started.wait()
            raise KeyError

    with pytest.raises(KeyError):
        await work()
    assert ended.is_set()


async def test_failing_companion_stops_the_body() -> None:
    """A body whose companion fails is stopped with the companion's error."""

    async def companion() -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011  Its class is the point.
        async with beside(companion()), asyncio.timeout(60):
            await asyncio.Event().wait()


async def test_cancelling_passes_through_a_companion() -> None:
    """A body that is cancelled from outside stays cancelled; its companion ends, too."""
    running = asyncio.Event()

    async def companion() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        async with beside(companion()):
            running.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        await running.wait()
        task.cancel()
    assert task.cancelled()


async def test_a_late_companion_of_a_short_body_never_begins() -> None:
    """Nothing is started for a body that is over before its companion's time."""
    begun = []

    async def companion() -> None:
        begun.append(True)

    async with BesideLater(companion, 60):
        pass
    assert not begun
    assert len(asyncio.all_tasks()) == 1


async def test_a_late_companion_begins_beside_the_body_and_ends_with_it() -> None:
    """A body that takes longer has its companion, which is no more when the body is left."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def companion() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with BesideLater(companion, 0.001):
        await asyncio.wait_for(begun.wait(), 30)
        assert not ended.is_set()
    assert ended.is_set()
