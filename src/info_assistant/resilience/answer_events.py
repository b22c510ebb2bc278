"""The events of answers in this process's memory, for readers that lost their connection.

Implements `ports.EventLog` for one process. Bounded in number and age; what is dropped is not lost:
finished answers are in the records.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from info_assistant.model.events import AnswerEvent
from info_assistant.model.identity import Caller
from info_assistant.ports import NumberedEvent

MOST_ANSWERS = 200
"""Answers whose events are kept; the oldest go first."""

MOST_EVENTS = 2000
"""Events of one answer that are kept; an answer with more cannot be taken up again."""

KEPT_S = 600.0
"""How long the events of an answer are kept after its begin, in seconds."""


@dataclass(slots=True)
class _Log:
    tenant: str
    subject: str
    begun: float
    events: list[AnswerEvent | Exception] = field(default_factory=list)
    ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wake all who wait for news."""
        self.news.set()
        self.news = asyncio.Event()


class LocalEventLog:
    """Keeps the events of the newest answers of this process."""

    def __init__(
        self,
        *,
        most_answers: int = MOST_ANSWERS,
        kept_s: float = KEPT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep nothing yet."""
        self._logs: OrderedDict[str, _Log] = OrderedDict()
        self._most_answers = most_answers
        self._kept_s = kept_s
        self._monotonic = monotonic

    def begin(self, answer_id: str, caller: Caller) -> None:
        """Expect the events of an answer; only `caller` may read them."""
        self._forget()
        now = self._monotonic()
        self._logs[answer_id] = _Log(caller.scope.tenant, caller.subject, now)
        while len(self._logs) > self._most_answers:
            self._drop(next(iter(self._logs)))

    def add(self, answer_id: str, event: AnswerEvent | Exception) -> None:
        """Add the next event; nothing happens for an answer that is not kept."""
        log = self._logs.get(answer_id)
        if log is None:
            return
        if len(log.events) >= MOST_EVENTS:
            self._drop(answer_id)
            return
        log.events.append(event)
        log.tell()

    def end(self, answer_id: str) -> None:
        """Expect no further event of an answer."""
        log = self._logs.get(answer_id)
        if log is not None:
            log.ended = True
            log.tell()

    async def read(
        self, answer_id: str, caller: Caller, after: int
    ) -> AsyncGenerator[NumberedEvent] | None:
        """Yield the events numbered above `after`, those to come included; None if not known."""
        self._forget()
        log = self._logs.get(answer_id)
        if log is None or (log.tenant, log.subject) != (caller.scope.tenant, caller.subject):
            return None
        return _events(log, max(0, after))

    def _forget(self) -> None:
        """Drop what is too old."""
        oldest = self._monotonic() - self._kept_s
        while self._logs and next(iter(self._logs.values())).begun < oldest:
            self._drop(next(iter(self._logs)))

    def _drop(self, answer_id: str) -> None:
        log = self._logs.pop(answer_id)
        log.ended = True
        log.tell()


async def _events(log: _Log, after: int) -> AsyncGenerator[NumberedEvent]:
    number = after
    while True:
        while number < len(log.events):
            number += 1
            yield number, log.events[number - 1]
        if log.ended:
            return
        await log.news.wait()
