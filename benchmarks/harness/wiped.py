"""What the trial of wiped backends compares: a provider's count, the ledger, totals in Redis."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.redis_process import RedisProcess

from info_assistant.drills.provider_formats import Asked
from info_assistant.drills.providers import ProviderStandIn
from info_assistant.drills.scripted_answers import quoting
from info_assistant.model.spend import SpendEvent
from info_assistant.model.spend_fold import SpendFold
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import KIND, spend_event
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.writers import WriterWatch

TENANT = "default"
_PRICE = Decimal("0.60")
"""US dollars for a million tokens of gpt-4o-mini, written; no token costs more."""

_BEFORE_S = 3.0


@dataclass(frozen=True, slots=True)
class Call:
    """A call that reached the provider: when, by `time.time`, and what it costs at most."""

    at: float
    micro_usd: int


@dataclass(slots=True)
class CountingProvider:
    """A stand-in for OpenAI that notes when it was called."""

    calls: list[Call] = field(default_factory=list)
    stand_in: ProviderStandIn = field(init=False)

    def __post_init__(self) -> None:
        """Make the stand-in."""
        self.stand_in = ProviderStandIn("openai", script=self._answer)
        self.stand_in.pace_s = 0.01

    def _answer(self, asked: Asked) -> str:
        text = quoting(asked)
        tokens = (len(asked.text) + len(text)) // 4 + 2
        self.calls.append(Call(time.time(), math.ceil(_PRICE * tokens)))
        return text


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is in object storage: the events of today and yesterday by their furthest state."""

    events: Sequence[SpendEvent]
    micro_usd: int
    objects: Path

    @classmethod
    async def read(cls, objects: Path, folder: Path) -> "Ledger":
        """Read all segments."""
        log, fold = RecordLog(ObjectBlobs(str(objects)), folder), SpendFold()
        begun: dict[str, SpendEvent] = {}
        async for page in log.of_day(KIND, TENANT, datetime.now(UTC).date(), set()):
            for event in map(spend_event, page):
                fold.add(event)
                begun[event.id] = event
        await log.close()
        return cls(list(begun.values()), fold.micro_usd, objects)

    async def gaps(self) -> Sequence[Mapping[str, Any]]:
        """Return the gaps of all writers that are not closed, as the API tells of them."""
        watch = WriterWatch(ObjectBlobs(str(self.objects)), SystemClock(), gone_s=0)
        await watch.look()
        return [
            {
                "writer": each.writer,
                "since": each.begin.isoformat(),
                "until": each.end.isoformat(),
                "at_most_usd": each.at_most_micro_usd / 1e6,
            }
            for each in await watch.gaps()
        ]


def matched(calls: Sequence[Call], events: Sequence[SpendEvent]) -> Sequence[Call]:
    """Return the calls of which the ledger has no event; each event stands for one call."""
    left = sorted(event.at.timestamp() for event in events)
    lost = []
    for call in sorted(calls, key=lambda each: each.at):
        while left and left[0] < call.at - _BEFORE_S:
            left.pop(0)  # Noted, and killed before the call.
        if left and left[0] <= call.at:
            left.pop(0)
        else:
            lost.append(call)
    return lost


class Totals:
    """The totals in a real Redis."""

    def __init__(self, redis: RedisProcess) -> None:
        """Look into this one."""
        self._redis = redis

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, port: int) -> AsyncIterator["Totals"]:
        """Run a Redis on the port that backends know."""
        redis = RedisProcess(folder, port=port)
        redis.start()
        try:
            yield cls(redis)
        finally:
            redis.stop()

    def wipe(self) -> None:
        """Let Redis forget everything."""
        self._redis.tell("FLUSHALL")

    async def settle(self, micro_usd: int, seconds: float) -> int:
        """Return the total once it is as expected, or what it is when the time is up."""
        deadline = time.monotonic() + seconds
        while (found := self._sum()) != micro_usd and time.monotonic() < deadline:  # noqa: ASYNC110  Redis tells nobody.
            await asyncio.sleep(0.2)
        return found

    def _sum(self) -> int:
        day = datetime.now(UTC).date().isoformat()
        reply = self._redis.tell("HGET", f"spend:{TENANT}:{day}", "sum")
        return int(reply.split(b"\r\n")[1]) if not reply.startswith(b"$-1") else 0
