"""Budgets that replicas share: never exceeded together, right again after each loss of Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.redis_process import PATIENT, RedisProcess
from tests.spending import CALL, RoundPrices, spend_log

from info_assistant.errors import BudgetExhausted
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import SpendEvent
from info_assistant.model.spend_fold import SpendFold
from info_assistant.resilience.budgets import MonthlyBudgets
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.ledger import KIND, RecordedLedger
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.redis import RedisConnection, SharedBudgets, SpendTotals
from info_assistant.stores.redis.host import Timing
from info_assistant.stores.redis.summing import sum_again
from info_assistant.stores.redis.totals import month_to
from info_assistant.stores.spending import BudgetWatch, events_of

LIMIT = 10_000
TENANT = CALL.tenant


@dataclass
class Buyer:
    """One replica that buys answers. RoundPrices: a token read costs a micro-dollar."""

    log: RecordLog
    ledger: RecordedLedger
    watch: BudgetWatch
    totals: SpendTotals
    redis: RedisConnection

    async def begin(self, micro_usd: int) -> SpendEvent | None:
        """Reserve; None where the budget refuses."""
        most = TokenUsage(micro_usd, 0)
        try:
            return await self.ledger.reserve(CALL, provider="openai", model="m", most=most)
        except BudgetExhausted:
            return None

    async def buy(self, micro_usd: int, times: int = 1) -> int:
        """Buy as often as the budget lets, up to `times`; return how much was spent."""
        spent = 0
        for _ in range(times):
            event = await self.begin(micro_usd)
            if event is not None:
                await self.ledger.complete(event, TokenUsage(micro_usd, 0))
                spent += micro_usd
        return spent

    async def spent(self) -> int:
        """Return what Redis says of this month."""
        return await self.totals.spent(TENANT, month_to(today()))


def today() -> date:
    """Return the day on which this runs."""
    return datetime.now(UTC).date()


@pytest.fixture
def blobs(tmp_path: Path) -> ObjectBlobs:
    """Return the object storage that all replicas share."""
    return ObjectBlobs(str(tmp_path / "objects"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a running Redis."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    yield process
    process.stop()


@asynccontextmanager
async def buying(
    blobs: ObjectBlobs,
    folder: Path,
    urls: str,
    *,
    replicas: int = 2,
    settling_s: int = 0,
    timing: Timing = PATIENT,
) -> AsyncIterator[Buyer]:
    """Run a replica's budgets; only its ledger is looked at when the test says so."""
    redis = RedisConnection(urls.split(), timing)
    await redis.look()
    totals = SpendTotals(redis, folder.name, settling_s)
    local = MonthlyBudgets(lambda _: LIMIT, SystemClock())
    budgets = SharedBudgets(totals, local, lambda: replicas, usable=lambda: redis.known)
    log = spend_log(blobs, folder)
    ledger = RecordedLedger(log, RoundPrices(), budgets)
    watch = BudgetWatch(log, budgets, lambda: [TENANT])
    try:
        await watch.look()
        async with BackgroundTasks({"redis": redis.run, "budgets": budgets.run}):
            yield Buyer(log, ledger, watch, totals, redis)
    finally:
        await log.close()
        await redis.close()


@asynccontextmanager
async def two(
    blobs: ObjectBlobs, folder: Path, url: str, settling_s: int = 0
) -> AsyncIterator[tuple[Buyer, Buyer]]:
    """Run two replicas."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(
                buying(blobs, folder / name, url, settling_s=settling_s)
            )
            for name in ("one", "other")
        ]
        yield one, other


async def of_ledger(*buyers: Buyer) -> int:
    """Return what the ledger's segments say, once all that was bought is shipped."""
    fold = SpendFold()
    for each in buyers:
        await each.log.ship()
        async for page in each.log.of_day(KIND, TENANT, today(), set()):
            for event in events_of(page):
                fold.add(event)
    return fold.micro_usd


async def until(buyer: Buyer, micro_usd: int) -> None:
    """Wait until Redis says that so much was spent."""
    async with asyncio.timeout(30):
        while not buyer.redis.known or await buyer.spent() != micro_usd:  # noqa: ASYNC110  Redis tells nobody.
            await asyncio.sleep(0.02)


async def test_replicas_never_exceed_a_budget_together(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """Of all that two replicas want at the same moment they get what is covered, to the dollar."""
    async with two(blobs, tmp_path, server.url) as (one, other):
        begun = await asyncio.gather(*(each.begin(300) for each in (one, other) * 40))
        assert sum(each is not None for each in begun) == LIMIT // 300
        await until(one, LIMIT // 300 * 300)


async def test_what_one_did_not_need_the_other_may_spend(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """A call that ends below its bound makes room on every replica, before anything is shipped."""
    async with two(blobs, tmp_path, server.url) as (one, other):
        event = await one.begin(LIMIT)
        assert event is not None
        assert await other.begin(1) is None
        await one.ledger.complete(event, TokenUsage(400, 0))
        await until(other, 400)
        assert await other.begin(LIMIT - 400) is not None
        assert await one.begin(1) is None


async def test_without_redis_each_spends_its_share_and_totals_are_right_again(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """Of two replicas each spends half of what was left; once Redis is back it knows of all of it.

    What Redis lost meanwhile (it began empty) is summed from the ledger again.
    """
    async with two(blobs, tmp_path, server.url) as (one, other):
        assert await one.buy(1000, 4) == 4000
        await until(other, 4000)
        # Both know of it from the ledger when Redis goes.
        await one.log.ship()
        await other.watch.look()
        server.stop()
        assert await one.buy(100, 100) == (LIMIT - 4000) // 2
        assert await other.buy(700, 100) == 4 * 700
        server.start()
        for each in (one, other):
            await each.redis.look()
            await each.watch.look()
        spent = 4000 + 3000 + 2800
        await until(one, spent)
        assert await one.begin(300) is None
        assert await other.buy(200, 9) == 200
        await until(one, await of_ledger(one, other))


async def test_an_empty_redis_lets_nobody_spend_twice(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """Wiped while it runs, Redis says that it does not know, and shares are kept till it does."""
    async with two(blobs, tmp_path, server.url, settling_s=3600) as (one, other):
        # Nobody is sure yet that the other has told all it knows: halves of everything.
        assert await one.buy(5000, 3) == 5000
        assert await other.buy(4000, 3) == 4000
        one.totals.settling_s = other.totals.settling_s = 0
        for each in (one, other):
            await each.watch.look()
        assert await one.begin(1001) is None
        for each in (one, other):
            # What is read once is not read again without a reason.
            await each.log.ship()
            await each.watch.look()
        server.tell("FLUSHALL")
        assert await other.begin(1001) is None
        assert await one.begin(1001) is None
        for each in (one, other):
            await each.watch.look()
        await until(one, 9000)
        assert await one.buy(500, 9) + await other.buy(500, 9) == 1000


async def test_rebuilding_sums_the_ledger_and_nothing_else(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """What Redis remembers wrongly is gone, what others have not shipped comes within a look."""
    async with two(blobs, tmp_path, server.url) as (one, other):
        assert await one.buy(1500) == 1500
        await one.log.ship()
        assert await other.buy(250) == 250
        await until(one, 1750)
        key = f"spend:{TENANT}:{today().isoformat()}"
        server.tell("HINCRBY", key, "sum", "777")
        assert await one.spent() == 2527
        async with buying(blobs, tmp_path / "console", server.url) as console:
            rebuilt = await sum_again(console.totals, console.log, TENANT, today())
            assert rebuilt == await one.spent() == 1500
        await other.watch.look()
        await until(one, 1750)
        assert await of_ledger(one, other) == 1750


async def test_what_redis_did_not_hear_is_told_again(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """An end that a hanging Redis did not take is told once it answers, without the ledger."""
    hasty = buying(blobs, tmp_path / "one", server.url, replicas=1, timing=Timing())
    async with hasty as one:
        event = await one.begin(5000)
        assert event is not None
        server.tell("CLIENT", "PAUSE", "900", "ALL")
        await one.ledger.complete(event, TokenUsage(30, 0))
        async with asyncio.timeout(30):
            while one.redis.known:  # noqa: ASYNC110  It tells nobody.
                await asyncio.sleep(0.02)
        await until(one, 30)


async def test_lines_count_once_in_any_order(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """A reservation that is told after its end, and anything told twice, changes nothing."""
    async with buying(blobs, tmp_path / "one", server.url, replicas=1) as one:
        begun = await one.begin(5000)
        assert begun is not None
        ended = await one.ledger.complete(begun, TokenUsage(30, 0))
        await one.totals.tell(TENANT, today(), [ended, begun, ended])
        await one.totals.tell(TENANT, today(), [begun])
        assert await one.spent() == 30


async def test_days_that_are_over_are_kept_as_sums(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """The events of a day leave Redis once nobody can add to it; a late line changes nothing."""
    async with buying(blobs, tmp_path / "one", server.url, replicas=1) as one:
        event = await one.begin(100)
        assert event is not None
        day = date(2026, 1, 2)
        await one.totals.close(TENANT, day, 4321)
        await one.totals.tell(TENANT, day, [event])
        assert await one.totals.spent(TENANT, [day, today()]) == 4321 + 100
        assert await one.totals.closed(TENANT, [day, today()]) == [True, False]


async def test_a_promoted_replica_has_the_totals_right(
    blobs: ObjectBlobs, tmp_path: Path, server: RedisProcess
) -> None:
    """Two replicas that name two masters in other orders use one, and it knows all that was spent.

    redis-1 is promoted while redis-0 lives, then redis-0 dies and comes back with what it knew.
    """
    second = RedisProcess(tmp_path / "redis-1")
    second.start()
    urls = (f"{server.url} {second.url}", f"{second.url} {server.url}")
    try:
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(buying(blobs, tmp_path / name, each))
                for name, each in zip(("one", "other"), urls, strict=True)
            ]
            await _promote(server, second, one, other)
            spent = await one.buy(100, 2) + await other.buy(100, 2)
            server.stop()
            spent += await one.buy(100, 2) + await other.buy(100, 2)
            server.start()
            for each in (one, other):
                await each.redis.look()
            spent += await one.buy(100, 2) + await other.buy(100, 2)
            assert spent == 1200
            for each in (one, other):
                await each.watch.look()
                await until(each, 2000 + spent)
            assert b"$4\r\n3200" in second.tell("HGET", f"spend:{TENANT}:{today()}", "sum")
            assert await of_ledger(one, other) == 2000 + spent
    finally:
        second.stop()


async def _promote(first: RedisProcess, second: RedisProcess, *buyers: Buyer) -> None:
    """Spend something, let the second server follow the first, spend more, and promote it."""
    one, other = buyers
    await one.buy(1000)
    for each in buyers:
        await each.redis.look()
    second.tell("REPLICAOF", "127.0.0.1", str(first.port))
    async with asyncio.timeout(30):
        while b"master_link_status:up" not in second.tell("INFO", "replication"):  # noqa: ASYNC110  It tells nobody.
            await asyncio.sleep(0.02)
    for each in buyers:
        await each.redis.look()
        await each.watch.look()
    await other.buy(1000)
    second.tell("REPLICAOF", "NO", "ONE")
    for each in buyers:
        await each.redis.look()
        await each.watch.look()
