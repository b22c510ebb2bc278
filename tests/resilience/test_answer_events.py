"""Events of answers in memory, for readers that lost their connection."""

import asyncio
from dataclasses import replace

from info_assistant.model.events import AnswerEvent, StageReached
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.ports import NumberedEvent
from info_assistant.resilience.answer_events import MOST_EVENTS, LocalEventLog

ANN = LOCAL_OPERATOR
FIRST, SECOND, THIRD = (StageReached(stage) for stage in ("recall", "retrieve", "generate"))


async def read(log: LocalEventLog, after: int = 0, answer: str = "a") -> list[NumberedEvent] | None:
    """Return all events after a number, or None where the answer is not known."""
    events = await log.read(answer, ANN, after)
    return None if events is None else [each async for each in events]


async def test_a_reader_goes_on_where_it_was() -> None:
    """The events after the last one that arrived are given, those to come included."""
    log = LocalEventLog()
    log.begin("a", ANN)
    log.add("a", FIRST)
    log.add("a", SECOND)
    reading = await log.read("a", ANN, 1)
    assert reading is not None
    assert await anext(reading) == (2, SECOND)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        waiting = group.create_task(anext(reading))
        await asyncio.sleep(0)
        assert not waiting.done()
        log.add("a", THIRD)
    assert waiting.result() == (3, THIRD)
    log.end("a")
    assert [each async for each in reading] == []
    assert await read(log, 2) == [(3, THIRD)]


async def test_how_it_ended_is_an_event_too() -> None:
    """Readers learn of the error that ended an answer."""
    log, failure = LocalEventLog(), ValueError()
    log.begin("a", ANN)
    log.add("a", failure)
    log.end("a")
    assert await read(log) == [(1, failure)]


async def test_only_the_asker_reads() -> None:
    """Another caller, and the same of another tenant, find nothing."""
    log = LocalEventLog()
    log.begin("a", ANN)
    scope = replace(ANN.scope, tenant="other")
    for stranger in (replace(ANN, subject="ben"), replace(ANN, scope=scope)):
        assert await log.read("a", stranger, 0) is None


async def test_memory_is_bounded() -> None:
    """Old answers, too many, and those with too many events are dropped; their readers end."""
    now = 0.0
    log = LocalEventLog(most_answers=2, kept_s=10, monotonic=lambda: now)
    for answer in ("a", "b", "c"):
        log.begin(answer, ANN)
    assert await log.read("a", ANN, 0) is None
    now = 11.0
    assert await log.read("c", ANN, 0) is None
    log.begin("a", ANN)
    reading = await log.read("a", ANN, 0)
    assert reading is not None
    event: AnswerEvent = FIRST
    for _ in range(MOST_EVENTS + 1):
        log.add("a", event)
    assert await log.read("a", ANN, 0) is None
    async with asyncio.timeout(60):
        assert len([each async for each in reading]) == MOST_EVENTS
    log.add("a", FIRST)
    log.end("a")
