"""Any order of calls, deaths, outages, shipping twice, merging: each call counts once, rightly."""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.clocks import HandClock
from tests.spending import ledger_in, spend_log
from tests.stores.failing_blobs import FailingBlobs
from tests.stores.test_record_log import die
from tests.stores.test_record_log_model import _ship_partly

from info_assistant.errors import ObjectStorageUnavailable
from info_assistant.model.ids import new_id
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ModelCall, SpendEvent
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.stores.compaction import Upkeep
from info_assistant.stores.ledger import KIND, RecordedLedger
from info_assistant.stores.objects import SharedObjects
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.spending import BudgetWatch, RecordedSpending

T = TypeVar("T")
_DAY = timedelta(days=1)
WRITERS = 3
TENANTS = ("a", "b")
TOKENS = st.integers(0, 500)


class LedgerMachine(RuleBasedStateMachine):
    """Up to three processes that call models, one object storage, and what each call costs."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._place = tempfile.TemporaryDirectory()
        self._folder = Path(self._place.name)
        self._blobs = FailingBlobs(str(self._folder / "objects"))
        self._clock = HandClock()
        self._writers: list[tuple[RecordLog, RecordedLedger, list[SpendEvent]]] = []
        self._costs: dict[str, dict[str, int]] = {tenant: {} for tenant in TENANTS}
        self._budgets = MonthlyBudgets(lambda _tenant: 1_000_000_000, SystemClock())
        self._seen: dict[tuple[str, object], set[str]] = {}

    def _do(self, work: Coroutine[None, None, T]) -> T:
        return self._loop.run_until_complete(work)

    @precondition(lambda self: len(self._writers) < WRITERS)
    @rule()
    def start(self) -> None:
        """Start a process; it ends what a dead one has left."""
        log = spend_log(self._blobs, self._folder / "journals")
        self._do(log._adopt())
        self._writers.append((log, ledger_in(log), []))

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, 2), tenant=st.sampled_from(TENANTS), read=TOKENS, written=TOKENS)
    def reserve(self, writer: int, tenant: str, read: int, written: int) -> None:
        """Begin a call."""
        _, ledger, under_way = self._writers[writer % len(self._writers)]
        call = ModelCall(tenant, new_id())
        most = TokenUsage(read, written)
        event = self._do(ledger.reserve(call, provider="openai", model="m", most=most))
        under_way.append(event)
        self._costs[tenant][event.id] = event.micro_usd

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, 2), which=st.integers(0, 9), tokens=TOKENS, well=st.booleans())
    def end(self, writer: int, which: int, tokens: int, *, well: bool) -> None:
        """End a call, well or not; whoever waits for it may be cancelled in that moment."""
        _, ledger, under_way = self._writers[writer % len(self._writers)]
        if not under_way:
            return
        event = under_way.pop(which % len(under_way))
        ends = ledger.complete if well else ledger.abort
        ended = self._do(ends(event, TokenUsage(tokens, 1)))
        self._costs[event.call.tenant][event.id] = ended.micro_usd

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, 2), steps=st.integers(0, 3))
    def die(self, writer: int, steps: int) -> None:
        """Kill a process at some point of its shipping; the bounds of its calls stand."""
        log, _, _ = self._writers.pop(writer % len(self._writers))
        self._do(_ship_partly(log, steps))
        for journal in log._adopted:
            self._do(journal.close())
        self._do(die(log))

    @precondition(lambda self: self._writers)
    @rule(writer=st.integers(0, 2), down=st.booleans(), twice=st.booleans())
    def ship(self, writer: int, *, down: bool, twice: bool) -> None:
        """Ship all that one process has, unless object storage is down; or even twice."""
        log, _, _ = self._writers[writer % len(self._writers)]
        self._blobs.down = down
        with suppress(ObjectStorageUnavailable):
            self._do(log.ship())
        self._blobs.down = False
        if twice:
            self._do(self._double())

    @rule(days=st.integers(0, 3))
    def merge(self, days: int) -> None:
        """Merge segments, at some later day."""
        self._clock.at = max(self._clock.at, datetime.now(UTC)) + days * _DAY
        objects = SharedObjects(self._blobs, self._folder / "last-good", self._clock)
        keep = {KIND: timedelta(days=365)}
        job = Upkeep(self._blobs, keep, objects, self._clock, grace_s=0)
        self._do(job.compact(self._clock.now().date().min))

    @precondition(lambda self: self._writers)
    @rule(everybody=st.booleans())
    def sum_up(self, *, everybody: bool) -> None:
        """When all that is known has been shipped, every process sums up to the same, rightly."""
        for log, _, _ in self._writers:
            self._do(log._adopt())
        for log, _, _ in self._writers:
            self._do(log.ship())
        right = {tenant: sum(costs.values()) for tenant, costs in self._costs.items()}
        for log, ledger, _ in self._writers if everybody else self._writers[:1]:
            spending = RecordedSpending(log, ledger, SystemClock())
            assert {each: self._do(self._sum(spending, each)) for each in TENANTS} == right
        watch = BudgetWatch(self._writers[0][0], self._budgets, lambda: TENANTS)
        watch._seen = self._seen  # type: ignore[assignment]
        self._do(watch.look())
        self._seen = watch._seen  # type: ignore[assignment]
        known = {each: self._budgets.of(each) for each in TENANTS}
        assert {each: found.spent for each, found in known.items() if found} == right

    def teardown(self) -> None:
        """Let everything go."""
        for log, _, _ in self._writers:
            for journal in (log._own, *log._adopted):
                self._do(journal.close())
        self._loop.close()
        self._place.cleanup()

    async def _sum(self, spending: RecordedSpending, tenant: str) -> int:
        today = datetime.now(UTC).date()
        lines = await spending.usage(tenant, today - _DAY, today + _DAY)
        return sum(each.micro_usd for each in lines)

    async def _double(self) -> None:
        keys = [key async for key in self._blobs.keys("") if "/segments/" in key]
        for key in keys[:2]:
            await self._blobs.put_new(key.replace(".jsonl", "7.jsonl"), await self._blobs.get(key))


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
