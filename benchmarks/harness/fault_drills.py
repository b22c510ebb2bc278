"""Faults of our own processes, of askers and of storage, each with the questions that show it."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx2
import psutil
from benchmarks.harness.askers import ANSWERED, outcome_of
from benchmarks.harness.fault_stand import Stand

from info_assistant.drills.providers import ProviderStandIn
from info_assistant.drills.wordings import worded

_STOPPED_S = 5.0
_BURST = 100
_STREAMED = {"Accept": "text/event-stream"}
_BACK_S, _LOOK_S = 45.0, 0.1
_PACE_S = 0.05
_numbers = itertools.count(20_000)


@dataclass(frozen=True, slots=True)
class Found:
    """How a fault was seen from outside: how questions ended, in how long at most, and the rest.

    `recovery_s` is how long after its end all was well again, `fired` how often it was met.
    """

    outcomes: Mapping[str, int]
    latency_s: float
    recovery_s: float
    fired: int
    note: str = ""


Drill = Callable[[Stand], Awaitable[Found]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question came to, and how long that took."""

    outcome: str
    took_s: float


async def ask(stand: Stand, url: str = "", question: str = "") -> Answer:
    """Ask a question that nobody asked before, at the balancer or at one backend."""
    question = question or worded(stand.questions[0], next(_numbers))
    began = time.monotonic()
    try:
        reply = await stand.client.post(
            f"{url or stand.balancer.url}/v1/query", json={"question": question}
        )
        outcome = outcome_of(reply)
    except httpx2.HTTPError as error:
        outcome = type(error).__name__
    return Answer(outcome, time.monotonic() - began)


async def seconds_until(condition: Callable[[], Awaitable[bool]]) -> float:
    """Return how long it took until a condition held; all the time there is where it did not."""
    began = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(_BACK_S):
            while not await condition():  # noqa: ASYNC110  What others do sets no event.
                await asyncio.sleep(_LOOK_S)
            return time.monotonic() - began
    return _BACK_S


def found(answers: list[Answer], recovery_s: float, fired: int, note: str = "") -> Found:
    """Return what these answers show."""
    outcomes = dict(Counter(each.outcome for each in answers))
    return Found(outcomes, max(each.took_s for each in answers), recovery_s, fired, note)


async def _storage_gone(stand: Stand) -> Found:
    """Put a file where the folder of objects was; questions go on, uploads are refused."""
    objects = stand.around.objects
    aside = objects.with_name("objects-aside")

    async def taken() -> str:
        sent = {"file": ("drill.md", f"# Drill {next(_numbers)}\n\nText.\n".encode())}
        reply = await stand.client.post(f"{stand.urls[0]}/v1/documents", files=sent)
        return "taken" if reply.is_success else str(reply.json().get("code"))

    objects.rename(aside)
    objects.write_text("not a folder")
    upload = await taken()
    answers = [await ask(stand), await ask(stand)]
    objects.unlink()
    aside.rename(objects)

    async def again() -> bool:
        return await taken() == "taken"

    refused = upload == "object_storage_unavailable"
    return found(answers, await seconds_until(again), int(refused), f"upload: {upload}")


async def _stopped(stand: Stand) -> Found:
    """Stop a backend for a while: who has asked it waits, or is sent to the other one."""
    backend, url = stand.backends[0], stand.urls[0]
    backend.pause()
    process = psutil.Process(backend.pid)

    async def stands_still() -> bool:
        return process.status() == psutil.STATUS_STOPPED

    await seconds_until(stands_still)
    state = process.status()
    async with asyncio.TaskGroup() as group:
        # By turns, so that one of them meets the one that is stopped.
        asked = [group.create_task(ask(stand)) for _ in stand.urls]
        await asyncio.sleep(_STOPPED_S)
        backend.resume()
    recovery_s = await seconds_until(lambda: _answers(stand, url))
    answers = [each.result() for each in asked]
    return found(answers, recovery_s, int(state == psutil.STATUS_STOPPED))


async def _killed(stand: Stand) -> Found:
    """Kill a backend under questions: the balancer sends them to the other one."""
    backend = stand.backends[0]
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(stand)) for _ in range(8)]
        await asyncio.to_thread(backend.kill)
    began = time.monotonic()
    await asyncio.to_thread(backend.start)
    await seconds_until(lambda: _answers(stand, stand.urls[0]))
    return found([each.result() for each in asked], time.monotonic() - began, 1)


async def _ended(stand: Stand) -> Found:
    """Ask a backend to end in the middle of a stream, which comes to its end."""
    backend, url = stand.backends[0], stand.urls[0]
    provider = _slow(stand)
    began = time.monotonic()
    body = {"question": worded(stand.questions[0], next(_numbers))}
    query = stand.client.stream("POST", f"{url}/v1/query", json=body, headers=_STREAMED)
    async with asyncio.TaskGroup() as group, query as reply:
        lines = reply.aiter_lines()
        await anext(lines)
        group.create_task(asyncio.to_thread(backend.close))
        last = ""
        async for line in lines:
            last = line.removeprefix("event: ") if line.startswith("event: ") else last
    provider.pace_s = 0.0
    took_s = time.monotonic() - began
    began = time.monotonic()
    await asyncio.to_thread(backend.start)
    await seconds_until(lambda: _answers(stand, url))
    outcome = ANSWERED if last == "final" else f"stream ended with {last}"
    return found([Answer(outcome, took_s)], time.monotonic() - began, 1)


async def _left(stand: Stand) -> Found:
    """Leave in the middle of a stream: the model is not listened to any longer."""
    provider = _slow(stand)
    before = len(provider.tally.calls)
    body = {"question": worded(stand.questions[0], next(_numbers))}
    query = stand.client.stream("POST", f"{stand.urls[0]}/v1/query", json=body, headers=_STREAMED)
    async with query as reply:
        async for line in reply.aiter_lines():
            if line.startswith("event: sentence"):
                break

    async def abandoned() -> bool:
        return any(call.abandoned for call in provider.tally.calls[before:])

    seconds = await seconds_until(abandoned)
    provider.pace_s = 0.0
    fired = sum(call.abandoned for call in provider.tally.calls[before:])
    return found([await ask(stand)], seconds, fired, "recovery: until the model's call has ended")


async def _burst(stand: Stand) -> Found:
    """Ask the same new question a hundred times at once."""
    provider = stand.around.providers["openai"]
    before = len(provider.tally.calls)
    question = worded(stand.questions[0], next(_numbers))
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(stand, question=question)) for _ in range(_BURST)]
    calls = len(provider.tally.calls) - before
    answers = [each.result() for each in asked]
    return found(answers, 0.0, len(answers), f"{calls} calls of the model")


async def _answers(stand: Stand, url: str) -> bool:
    return (await ask(stand, url)).outcome == ANSWERED


def _slow(stand: Stand) -> ProviderStandIn:
    """Let the first provider write slowly, so that there is a middle of its stream."""
    provider = stand.around.providers["openai"]
    provider.pace_s = _PACE_S
    return provider


DRILLS: Mapping[str, Drill] = {
    "storage": _storage_gone,
    "stopped": _stopped,
    "killed": _killed,
    "ended": _ended,
    "left": _left,
    "burst": _burst,
}
"""Each by the name under which the matrix knows it."""
