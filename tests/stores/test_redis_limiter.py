"""Limits that replicas share, and what is left of them while Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.redis_process import PATIENT, RedisProcess

from info_assistant.errors import RateLimited
from info_assistant.model.identity import AccessScope, Caller, Role
from info_assistant.model.traffic import Traffic
from info_assistant.resilience.limits import LocalRateLimiter, Rate, Rates
from info_assistant.stores.redis import RedisConnection, Replicas, SharedRateLimiter

RATES = Rates(
    each_caller={Traffic.QUESTION: Rate(1, 6)},
    whole_tenant={Traffic.QUESTION: Rate(1, 10), Traffic.INGESTION: Rate(1, 4)},
)


def caller(subject: str, tenant: str = "city") -> Caller:
    """Return somebody who asks."""
    return Caller(subject, Role.OPERATOR, AccessScope(tenant, frozenset({"everyone"})))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """Return a running Redis."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def redis(server: RedisProcess) -> AsyncIterator[RedisConnection]:
    """Return a connection whose master is known."""
    connection = RedisConnection([server.url], PATIENT)
    await connection.look()
    yield connection
    await connection.close()


def limiter(redis: RedisConnection, replicas: int = 1) -> SharedRateLimiter:
    """Return one replica's limiter."""
    return SharedRateLimiter(redis, lambda _tenant: RATES, LocalRateLimiter(), lambda: replicas)


async def passed(shared: SharedRateLimiter, who: Caller, traffic: Traffic, tries: int) -> int:
    """Return how many of some requests at once pass."""
    count = 0
    for _ in range(tries):
        try:
            await shared.admit(who, traffic)
            count += 1
        except RateLimited:
            continue
    return count


async def test_two_replicas_count_together(redis: RedisConnection) -> None:
    """What passes on one replica is used up on the other, for the caller and for the tenant."""
    one, other = limiter(redis), limiter(redis)
    assert one.shared
    assert await passed(one, caller("ann"), Traffic.QUESTION, 4) == 4
    assert await passed(other, caller("ann"), Traffic.QUESTION, 5) == 2
    assert await passed(other, caller("ben"), Traffic.QUESTION, 9) == 4
    assert await passed(one, caller("cy", "county"), Traffic.QUESTION, 9) == 6


async def test_refusals_say_how_long_and_are_not_counted(redis: RedisConnection) -> None:
    """A refused request gets its waiting time and the limit, and costs nobody anything."""
    shared = limiter(redis)
    assert await passed(shared, caller("ann"), Traffic.QUESTION, 6) == 6
    with pytest.raises(RateLimited) as refused:
        await shared.admit(caller("ann"), Traffic.QUESTION)
    assert refused.value.limit == 6
    assert 0 < (refused.value.retry_after_s or 0) <= 60
    assert await passed(shared, caller("ben"), Traffic.QUESTION, 9) == 4


async def test_names_cannot_be_mixed_up(redis: RedisConnection) -> None:
    """A colon in a name does not make one tenant's bucket another's."""
    shared = limiter(redis)
    assert await passed(shared, caller("b:c", "a"), Traffic.QUESTION, 9) == 6
    assert await passed(shared, caller("c", "a:b"), Traffic.QUESTION, 9) == 6


async def test_allowance_counts_down(redis: RedisConnection) -> None:
    """Who passes hears how much is left of the tighter of the limits."""
    shared = limiter(redis)
    left = [await shared.admit(caller("ann"), Traffic.QUESTION) for _ in range(3)]
    assert [each.remaining for each in left if each] == [5, 4, 3]
    assert all(each is not None and each.limit == 6 and each.reset_s > 0 for each in left)
    assert await shared.admit(caller("ann"), Traffic.READ) is None


async def test_without_redis_each_replica_keeps_its_share(
    server: RedisProcess, redis: RedisConnection
) -> None:
    """Of three replicas each lets a third in, half as much again for readers, and none for free."""
    server.stop()
    shared = limiter(redis, replicas=3)
    assert await passed(shared, caller("ann"), Traffic.QUESTION, 20) == 3
    assert await passed(shared, caller("ann"), Traffic.INGESTION, 20) == 1
    assert not shared.shared


async def test_replicas_are_counted(redis: RedisConnection) -> None:
    """Each backend says that it is here, and knows of the others."""
    one, other = Replicas(redis), Replicas(redis)
    assert one.count == 1
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in (one, other)]
        while other.count < 2:  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
