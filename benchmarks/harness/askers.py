"""People who ask while things break, and a watch over the backends that answer them."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from benchmarks.harness.fault_stand import Stand
from benchmarks.harness.processes import family_cpu_s

from info_assistant.drills.wordings import worded

ANSWERED = "answered"
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Habits:
    """How many people ask, how long each waits after an answer, and whether they repeat questions.

    With `repeats` every second question is one that has been asked before.
    """

    people: int = 20
    pause_s: float = 1.0
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: when it was asked (monotonic), how long the answer took, and what it was.

    `outcome` is a status, with what degraded it, or the code of an error; `cache` as in the answer.
    """

    at: float
    took_s: float
    outcome: str
    cache: str = ""
    known: bool = False


def outcome_of(reply: httpx2.Response) -> str:
    """Return in a word what a reply says: `answered`, or why it does not."""
    with suppress(ValueError):
        body: dict[str, Any] = reply.json()
        if reply.is_success:
            return " ".join([str(body["status"]), *sorted(body["degraded"])])
        return str(body.get("code", f"untyped {reply.status_code}"))
    return f"untyped {reply.status_code}"


def wordings(questions: Sequence[str]) -> Iterator[str]:
    """Yield the questions again and again, each time in a wording that was not there before."""
    for number in itertools.count():
        yield from (worded(question, number) for question in questions)


class Crowd:
    """The people; whatever they got is in `asked`."""

    def __init__(self, stand: Stand, habits: Habits) -> None:
        """Ask nothing yet."""
        self.asked: list[Asked] = []
        self._stand = stand
        self._habits = habits
        self._new = wordings(stand.questions)
        self._known = itertools.cycle(stand.questions)
        self._turn = itertools.count()

    async def run(self, number: int) -> None:
        """Ask one question after the other, for ever; people begin one after the other."""
        await asyncio.sleep(self._habits.pause_s * number / self._habits.people)
        while True:
            await self.ask()
            await asyncio.sleep(self._habits.pause_s)

    async def ask(self) -> Asked:
        """Ask one question, and note what came of it."""
        known = self._habits.repeats and next(self._turn) % 2 == 0
        question = next(self._known if known else self._new)
        began, cache = time.monotonic(), ""
        try:
            url = f"{self._stand.balancer.url}/v1/query"
            reply = await self._stand.client.post(url, json={"question": question})
        except httpx2.HTTPError as error:
            outcome = type(error).__name__
        else:
            outcome = outcome_of(reply)
            if reply.is_success:
                cache = str(reply.json()["served_by"]["cache"])
        asked = Asked(began, time.monotonic() - began, outcome, cache, known)
        self.asked.append(asked)
        return asked


@dataclass(frozen=True, slots=True)
class Seen:
    """What a backend said of itself at a moment, and what it held in memory, in bytes."""

    at: float
    backend: int
    limiter: str
    states: Mapping[str, str]
    rss: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What the backends have used up to a moment: processor seconds, bytes of log."""

    at: float
    cpu_s: float
    log_bytes: int


@dataclass(slots=True)
class Watch:
    """Looks at every backend a few times a second."""

    stand: Stand
    seen: list[Seen] = field(default_factory=list)

    async def run(self, number: int) -> None:
        """Watch one backend, for ever; one that does not answer is not seen."""
        while True:
            if (seen := await look_at(self.stand, number)) is not None:
                self.seen.append(seen)
            await asyncio.sleep(_LOOK_S)

    def costs(self) -> Costs:
        """Return what has been used so far."""
        backends = self.stand.backends
        return Costs(
            time.monotonic(),
            sum(family_cpu_s(each.pid) for each in backends),
            sum(_size(each.log) for each in backends),
        )


async def look_at(stand: Stand, number: int) -> Seen | None:
    """Return what a backend says of itself now; None where it does not answer."""
    with suppress(httpx2.HTTPError, psutil.NoSuchProcess):
        health = await stand.health(number)
        states = {name: each["state"] for name, each in health["dependencies"].items()}
        rss = psutil.Process(stand.backends[number].pid).memory_info().rss
        return Seen(time.monotonic(), number, health["limiter"], states, rss)
    return None


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


@asynccontextmanager
async def asking(stand: Stand, habits: Habits) -> AsyncIterator[tuple[Crowd, Watch]]:
    """Let people ask, under watch, until the block is left."""
    crowd, watch = Crowd(stand, habits), Watch(stand)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(crowd.run(number)) for number in range(habits.people)]
        tasks += [group.create_task(watch.run(number)) for number in range(len(stand.backends))]
        try:
            yield crowd, watch
        finally:
            for task in tasks:
                task.cancel()
