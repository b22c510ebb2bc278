"""The answer cache that all replicas share (`ports.AnswerCache`).

In front of it each process holds what it read in the last seconds, so that a question that many ask
costs Redis little. That delays nothing that matters: whether an answer may be shown is asked each
time it leaves, and not here.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast

from redis.asyncio import Redis

from info_assistant.model.known_answer import KnownAnswer
from info_assistant.stores.known_answers import decoded, encoded
from info_assistant.stores.redis.connection import RedisConnection

KEPT_FOR = timedelta(days=7)
"""How long an answer is kept after it was last looked at anew, for times without a better one."""

LEAD_S = 8.0
"""How long one replica may take to make an answer before another begins, in seconds."""

HELD_S = 5.0
"""How long an answer is held in the process after it was read, in seconds."""

MOST_HELD = 500
"""Answers held in the process; the oldest go first."""

LARGEST = 512 * 1024
"""The bytes of the largest entry that is kept."""

_ANSWER, _LEADER = "info-assistant:answer:", "info-assistant:answering:"

# KEYS are the place of the leader, and that of the answer; ARGV[1] is who would like to lead,
# ARGV[2] for how many milliseconds. Whoever finds an answer there need not lead.
_LEAD = """
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS as above; ARGV[1] is who leads. With an answer in ARGV[2], that is kept for ARGV[3] ms.
_END = """
if ARGV[2] then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""


class RedisAnswers:
    """Answers in Redis, and the newest of them in this process."""

    def __init__(
        self,
        redis: RedisConnection,
        *,
        enabled: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep answers in `redis` while it is `enabled`."""
        self._redis = redis
        self._enabled = enabled
        self._monotonic = monotonic
        self._held: OrderedDict[str, tuple[float, KnownAnswer]] = OrderedDict()

    @property
    def open(self) -> bool:
        """Whether answers are kept and found at this moment."""
        return self._enabled() and self._redis.known

    async def get(self, key: str) -> KnownAnswer | None:
        """Return the answer under `key`, or None. Raises RedisUnavailable."""
        now = self._monotonic()
        held = self._held.get(key)
        if held is not None and held[0] > now:
            return held[1]
        data = await self._redis.ask(lambda client: client.get(_ANSWER + key))
        known = None if data is None else decoded(cast("bytes", data))
        self._hold(key, known)
        return known

    async def lead(self, key: str, token: str) -> bool:
        """Whether the holder of `token` is to make the answer. Raises RedisUnavailable."""
        arguments = (token, round(LEAD_S * 1000))
        return bool(await self._redis.ask(lambda client: _run(client, _LEAD, key, *arguments)))

    async def keep(self, key: str, known: KnownAnswer, token: str = "") -> None:
        """Keep an answer; who led under `token` leads no more. Raises RedisUnavailable."""
        data = encoded(known)
        if len(data) > LARGEST:
            return
        kept_ms = round(KEPT_FOR.total_seconds() * 1000)
        self._held.pop(key, None)
        await self._redis.ask(lambda client: _run(client, _END, key, token, data, kept_ms))

    async def give_up(self, key: str, token: str) -> None:
        """Lead no more. Raises RedisUnavailable."""
        await self._redis.ask(lambda client: _run(client, _END, key, token))

    def _hold(self, key: str, known: KnownAnswer | None) -> None:
        self._held.pop(key, None)
        if known is not None:
            self._held[key] = (self._monotonic() + HELD_S, known)
            if len(self._held) > MOST_HELD:
                self._held.popitem(last=False)


def _run(client: Redis, script: str, key: str, *arguments: str | bytes | int) -> Awaitable[Any]:
    run = cast("Callable[..., Awaitable[Any]]", client.eval)
    return run(script, 2, _LEADER + key, _ANSWER + key, *arguments)
