"""One piece of work for all who ask for the same at the same time."""

import asyncio
from dataclasses import dataclass, field

import pytest

from info_assistant.errors import DeadlineExceeded, VectorStoreUnavailable
from info_assistant.resilience.single_flight import SingleFlight, Tell


@dataclass
class Work:
    """Tells its steps, each once it may; counts how often it was begun and closed."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    begun: int = 0
    told: int = 0
    closed: int = 0

    async def __call__(self, tell: Tell[int]) -> None:
        """Tell three numbers, the last once the gate is open."""
        self.begun += 1
        try:
            for number in (1, 2, 3):
                if number == 3:
                    await self.gate.wait()
                    if self.failure is not None:
                        raise self.failure
                self.told = number
                await tell(number)
        finally:
            self.closed += 1


async def read(flights: SingleFlight[int], work: Work, seen: list[int] | None = None) -> list[int]:
    """Read everything."""
    seen = [] if seen is None else seen
    async for each in flights.join("key", work):
        seen.append(each)
    return seen


async def settled(condition: object, work: Work) -> None:
    """Wait until the work has told so much."""
    async with asyncio.timeout(60):
        while work.told != condition:  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0)


async def test_all_read_the_same_work_also_when_the_first_leaves() -> None:
    """Whoever comes later reads from the beginning; the first one's leaving ends nothing."""
    flights: SingleFlight[int] = SingleFlight("Working")
    work = Work()
    first = asyncio.ensure_future(read(flights, work))
    await settled(2, work)
    others = [asyncio.ensure_future(read(flights, work)) for _ in range(1000)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    work.gate.set()
    assert await asyncio.gather(*others) == [[1, 2, 3]] * 1000
    assert (work.begun, work.closed, len(flights)) == (1, 1, 0)


async def test_the_end_alone_is_had_by_all_who_want_it() -> None:
    """Who wants the end only gets it, beside those who read along; the work is done once."""
    flights: SingleFlight[int] = SingleFlight("Working")
    work = Work()
    ends = [asyncio.ensure_future(flights.last("key", work)) for _ in range(3)]
    await settled(2, work)
    along = asyncio.ensure_future(read(flights, work))
    await asyncio.sleep(0)
    ends[0].cancel()
    work.gate.set()
    assert await asyncio.gather(*ends[1:]) == [3, 3]
    assert await along == [1, 2, 3]
    assert (work.begun, work.closed, len(flights)) == (1, 1, 0)


async def test_a_failure_is_told_to_those_who_want_the_end() -> None:
    """Each gets the error of the work, and nothing is left of it."""
    flights: SingleFlight[int] = SingleFlight("Working")
    work = Work(failure=VectorStoreUnavailable("away"))
    work.gate.set()
    ends = [asyncio.ensure_future(flights.last("key", work)) for _ in range(2)]
    found = await asyncio.gather(*ends, return_exceptions=True)
    assert [type(each) for each in found] == [VectorStoreUnavailable] * 2
    assert (work.begun, len(flights)) == (1, 0)


async def test_the_last_to_leave_ends_it() -> None:
    """Work that nobody waits for is closed before the last reader is gone, and leaves no task."""
    flights: SingleFlight[int] = SingleFlight("Working")
    work = Work()
    readers = [asyncio.ensure_future(read(flights, work)) for _ in range(3)]
    await settled(2, work)
    for each in readers:
        each.cancel()
    await asyncio.wait(readers)
    assert (work.closed, len(flights)) == (1, 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_nobody_reads_is_not_made() -> None:
    """The work goes no further than its fastest reader asks for."""
    flights: SingleFlight[int] = SingleFlight("Working")
    work = Work()
    work.gate.set()
    reader = flights.join("key", work)
    assert await anext(reader) == 1
    for _ in range(20):
        await asyncio.sleep(0)
    assert work.told == 1
    await reader.aclose()
    assert work.closed == 1


async def test_a_failure_is_everybody_s_and_not_remembered() -> None:
    """All who read are told; whoever asks afterwards begins anew."""
    flights: SingleFlight[int] = SingleFlight("Working")
    work = Work(failure=VectorStoreUnavailable("It is away."))
    readers = [asyncio.ensure_future(read(flights, work)) for _ in range(3)]
    await settled(2, work)
    work.gate.set()
    for each in readers:
        with pytest.raises(VectorStoreUnavailable):
            await each
    work.failure = None
    assert await read(flights, work) == [1, 2, 3]
    assert work.begun == 2


async def test_stuck_work_ends_and_is_not_joined_for_ever() -> None:
    """It ends at its own deadline; when half its time is over, others begin anew."""
    flights: SingleFlight[int] = SingleFlight("Working", longest_s=0.2)
    work = Work()
    reader = asyncio.ensure_future(read(flights, work))
    await settled(2, work)
    assert not flights.leads("key")
    async with asyncio.timeout(60):
        while not flights.leads("key"):  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.01)
    with pytest.raises(DeadlineExceeded):
        await reader
