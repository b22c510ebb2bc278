"""The events of answers for readers that come back to another replica (`ports.EventLog`).

The process that gives an answer keeps its events and copies them to Redis, a list for each answer,
whose key holds tenant and asker: nobody else's request leads there. The first item names the
process; another key says that it lives. So a reader elsewhere goes on with the answer, and learns
within seconds that it will never end. Losing all of this is harmless.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.errors import (
    RedisUnavailable,
    ResumeElsewhere,
    ShuttingDown,
    StoredDataInvalid,
)
from info_assistant.model.events import AnswerEvent, AnswerFinished
from info_assistant.model.identity import Caller
from info_assistant.ports import NumberedEvent
from info_assistant.resilience.answer_events import KEPT_S, MOST_EVENTS, LocalEventLog
from info_assistant.stores.redis.connection import RedisConnection
from info_assistant.stores.redis.event_codec import decoded, encoded
from info_assistant.stores.redis.keys import key_of

_TOGETHER_S = 0.05
"""How long news is collected before it is sent."""

_LOOK_S = 0.2
_BEAT_S = 1.0
_ALIVE_MS = 5000
_END = b'["end",null]'
# The shape is part of the name: another version's events are none of ours.
_EVENTS, _ALIVE = "events-1", "answering-1"


@dataclass(slots=True)
class _Outgoing:
    """An answer given here: what it has come to, and how much of that Redis has for certain.

    `pieces` is what goes to Redis, as far as it was needed yet; `sent` counts those that are there.
    """

    key: str
    pieces: list[bytes]
    events: list[AnswerEvent | Exception] = field(default_factory=list)
    ended: bool = False
    sent: int = 0

    def prepare(self) -> bool:
        """Make pieces of what is new; return whether there is anything to be sent."""
        self.pieces += map(encoded, self.events)
        self.events.clear()
        if self.ended:
            self.pieces.append(_END)
        return self.sent < len(self.pieces)


class SharedEventLog:
    """Keeps the events of answers given here, and finds those of answers given elsewhere."""

    def __init__(
        self,
        redis: RedisConnection,
        name: str,
        *,
        usable: Callable[[], bool],
        local: LocalEventLog | None = None,
    ) -> None:
        """Copy to `redis` as the process `name` while that is `usable`."""
        self._redis = redis
        self._name = name
        self._usable = usable
        self._local = local or LocalEventLog()
        self._outgoing: dict[str, _Outgoing] = {}
        self._news = asyncio.Event()

    def begin(self, answer_id: str, caller: Caller) -> None:
        """Expect the events of an answer; only `caller` may read them."""
        self._local.begin(answer_id, caller)
        begun = json.dumps({"by": self._name}).encode()
        self._outgoing[answer_id] = _Outgoing(_key(answer_id, caller), [begun])

    def add(self, answer_id: str, event: AnswerEvent | Exception) -> None:
        """Add the next event. AnswerFinished or an exception is the last."""
        self._local.add(answer_id, event)
        outgoing = self._outgoing.get(answer_id)
        if outgoing is None:
            return
        outgoing.events.append(event)
        if len(outgoing.pieces) + len(outgoing.events) > MOST_EVENTS:
            # It cannot be taken up again here either.
            del self._outgoing[answer_id]
        self._news.set()

    def end(self, answer_id: str) -> None:
        """Expect no further event of an answer."""
        self._local.end(answer_id)
        outgoing = self._outgoing.get(answer_id)
        if outgoing is not None:
            outgoing.ended = True
            self._news.set()

    async def read(
        self, answer_id: str, caller: Caller, after: int
    ) -> AsyncGenerator[NumberedEvent] | None:
        """Yield the events numbered above `after`, those to come included; None if not known.

        Ends with the answer; raises ShuttingDown where its process is gone, and ResumeElsewhere
        where Redis has lost it meanwhile.
        """
        here = await self._local.read(answer_id, caller, after)
        if here is not None or not self._usable():
            return here
        key = _key(answer_id, caller)
        try:
            leader = _leader(await self._redis.ask(lambda client: _items(client, key, 0, 0)))
        except (RedisUnavailable, StoredDataInvalid):
            return None
        return None if leader is None else self._follow(key, leader, max(0, after))

    async def run(self) -> None:
        """Copy news to Redis and say that this process lives, while it gives answers; for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_S if self._outgoing else None):
                    await self._news.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._news.clear()
            over = [name for name, each in self._outgoing.items() if each.ended]
            if self._outgoing and self._usable():
                await self._copy()
            for answer_id in over:
                # What did not get there by now is in the records soon.
                self._outgoing.pop(answer_id, None)

    async def _copy(self) -> None:
        alive = key_of(_ALIVE, self._name)
        with suppress(RedisUnavailable):
            await self._redis.ask(lambda client: client.set(alive, b"1", px=_ALIVE_MS))
            for each in list(self._outgoing.values()):
                if each.prepare():
                    await self._send(each)

    async def _send(self, outgoing: _Outgoing) -> None:
        """Send what is new; all of it where Redis may lack something. Raises RedisUnavailable."""
        key, pieces = outgoing.key, tuple(outgoing.pieces)
        sent, outgoing.sent = outgoing.sent, 0
        if sent:
            length = await self._redis.ask(lambda client: _append(client, key, pieces[sent:]))
            sent = sent if length == len(pieces) else 0
        if not sent:
            await self._redis.ask(lambda client: _replace(client, key, pieces))
        outgoing.sent = len(pieces)

    async def _follow(self, key: str, leader: str, after: int) -> AsyncGenerator[NumberedEvent]:
        """Yield events that another process gives, as they come."""
        alive = key_of(_ALIVE, leader)
        silent = 0
        while True:
            items, lives = await self._news_of(key, after + 1, alive)
            for item in items:
                if item == _END:
                    return
                after += 1
                event = _event(item)
                yield after, event
                if isinstance(event, AnswerFinished | Exception):
                    return
            # Twice, because an answer's last word may come between two looks at once.
            silent = 0 if items or lives else silent + 1
            if silent > 1:
                raise ShuttingDown(
                    "The part of the service that gives this answer has not been heard of for some "
                    "seconds, so it may never come to its end. Please ask again.",
                    retry_after_s=1.0,
                )
            if not items:
                await asyncio.sleep(_LOOK_S)

    async def _news_of(self, key: str, first: int, alive: str) -> tuple[Sequence[bytes], bool]:
        """Return the items from number `first` on, and whether who gives them lives.

        Raises ResumeElsewhere.
        """

        async def ask(client: Redis) -> Any:  # noqa: ANN401  As the commands have it.
            async with client.pipeline(transaction=True) as several:
                several.exists(key)
                several.lrange(key, first, -1)
                several.exists(alive)
                return await several.execute()

        try:
            known, items, lives = await self._redis.ask(ask)
        except RedisUnavailable as exc:
            raise _lost() from exc
        if not known:
            raise _lost()
        return items, bool(lives)


def _lost() -> ResumeElsewhere:
    return ResumeElsewhere(
        "This answer is given by another process, and its events cannot be followed from here any "
        "more. Please ask for it again in a few seconds; it can be had once it is finished.",
        retry_after_s=3.0,
    )


def _event(item: bytes) -> AnswerEvent | Exception:
    """Return the event in an item. Raises ResumeElsewhere where another version wrote it."""
    try:
        return decoded(item)
    except StoredDataInvalid as exc:
        raise _lost() from exc


def _leader(items: Sequence[bytes]) -> str | None:
    """Return the name of the process that gives an answer. Raises StoredDataInvalid."""
    if not items:
        return None
    try:
        return str(json.loads(items[0])["by"])
    except (ValueError, TypeError, KeyError) as exc:
        raise StoredDataInvalid("Events of an answer have no beginning.") from exc


def _key(answer_id: str, caller: Caller) -> str:
    return key_of(_EVENTS, caller.scope.tenant, caller.subject, answer_id)


def _items(client: Redis, key: str, first: int, last: int) -> Awaitable[Sequence[bytes]]:
    return cast("Awaitable[Sequence[bytes]]", client.lrange(key, first, last))


async def _append(client: Redis, key: str, pieces: Sequence[bytes]) -> int:
    """Append to a list that is there; return its length, 0 where it is not."""
    async with client.pipeline(transaction=True) as several:
        several.rpushx(key, *cast("Sequence[str]", pieces))
        several.expire(key, int(KEPT_S))
        return int((await several.execute())[0])


async def _replace(client: Redis, key: str, pieces: Sequence[bytes]) -> None:
    async with client.pipeline(transaction=True) as several:
        several.delete(key)
        several.rpush(key, *pieces)
        several.expire(key, int(KEPT_S))
        await several.execute()
