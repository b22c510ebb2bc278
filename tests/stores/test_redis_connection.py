"""Redis comes and goes: its faults are told apart, and of several masters one is used."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from tests.conftest import allowed
from tests.redis_process import PATIENT, RedisProcess

from info_assistant.errors import RedisFault, RedisUnavailable
from info_assistant.resilience.tasks import BackgroundTasks
from info_assistant.stores.redis import RedisConnection

Start = Callable[..., RedisProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return the way to start a Redis, by a name of the test's own and options of the server's."""
    running: list[RedisProcess] = []

    def begin(name: str, *arguments: str) -> RedisProcess:
        process = RedisProcess(tmp_path / name, arguments)
        running.append(process)
        process.start()
        return process

    yield begin
    for each in running:
        each.stop()


@asynccontextmanager
async def connected(*urls: str) -> AsyncIterator[RedisConnection]:
    """Give a connection that looks after itself, as in the backend."""
    redis = RedisConnection(urls)
    try:
        async with BackgroundTasks({"redis": redis.run}):
            yield redis
    finally:
        await redis.close()


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Return once the condition holds; fail if it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.02)


async def fault_of(redis: RedisConnection, request: Callable[[Redis], Awaitable[object]]) -> object:
    """Return how a request fails, or None if it does not."""
    try:
        await redis.ask(request)
    except RedisUnavailable as error:
        return error.kind
    return None


def writes(client: Redis) -> Awaitable[object]:
    """Change something."""
    return client.set("changed", "yes")


async def leads(redis: RedisConnection, process: RedisProcess) -> bool:
    """Whether what is written through the connection arrives at this server."""
    process.tell("DEL", "changed")
    return await fault_of(redis, writes) is None and b"yes" in process.tell("GET", "changed")


async def test_a_killed_server_is_found_again(start: Start) -> None:
    """While Redis is gone requests fail at once; when it is back they go on, without a restart."""
    server = start("redis-0")
    async with connected(server.url) as redis:
        await eventually(lambda: leads(redis, server))
        server.stop()
        assert await fault_of(redis, writes) is RedisFault.UNREACHABLE
        began = asyncio.get_running_loop().time()
        assert await fault_of(redis, writes) is RedisFault.UNREACHABLE
        assert asyncio.get_running_loop().time() - began < allowed(0.1)
        server.start()
        await eventually(lambda: leads(redis, server))


async def test_a_server_that_hangs_holds_nobody_up_for_long(start: Start) -> None:
    """A paused Redis costs one request its short deadline, and the others nothing."""
    server = start("redis-0")
    async with connected(server.url) as redis:
        await eventually(lambda: leads(redis, server))
        server.tell("CLIENT", "PAUSE", "2000", "ALL")
        assert await fault_of(redis, writes) is RedisFault.TIMEOUT
        assert not redis.known
        await eventually(lambda: leads(redis, server))


async def test_an_idle_socket_that_never_answers_is_a_timeout() -> None:
    """A server that accepts and says nothing is no master, and looking ends soon."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis = RedisConnection([f"redis://127.0.0.1:{silent.getsockname()[1]}"])
        async with asyncio.timeout(60):
            await redis.look()
        assert not redis.known
        await redis.close()


async def test_wrong_password_is_named(start: Start) -> None:
    """A refused password is no outage to be waited out: the fault says what it is."""
    server = start("redis-0", "--requirepass", "right")
    for url in (server.url, server.url.replace("redis://", "redis://:wrong@")):
        redis = RedisConnection([url])
        with pytest.raises(RedisUnavailable, match="No Redis answers"):
            await redis.ping()
        with pytest.raises(RedisUnavailable) as refused:
            await redis._hosts[0].leads()
        assert refused.value.kind is RedisFault.REFUSED
        assert "wrong@" not in str(refused.value)
        await redis.close()


async def test_full_memory_is_no_reason_to_look_for_another_master(start: Start) -> None:
    """A Redis that takes no more data is still the one that answers."""
    server = start("redis-0", "--maxmemory-policy", "noeviction")
    async with connected(server.url) as redis:
        await eventually(lambda: leads(redis, server))
        server.tell("CONFIG", "SET", "maxmemory", "1")
        assert await fault_of(redis, writes) is RedisFault.FULL
        assert redis.known
        assert await fault_of(redis, lambda client: client.get("changed")) is None


async def test_a_promoted_replica_wins_over_the_master_it_followed(start: Start) -> None:
    """After REPLICAOF NO ONE both are masters; all go to the promoted one, and stay there."""
    first, second = start("redis-0"), start("redis-1")
    async with connected(first.url, second.url) as redis:
        await eventually(lambda: leads(redis, first))
        second.tell("REPLICAOF", "127.0.0.1", str(first.port))
        await eventually(lambda: asyncio.to_thread(lambda: b"yes" in second.tell("GET", "changed")))
        second.tell("REPLICAOF", "NO", "ONE")
        await eventually(lambda: leads(redis, second))
        async with connected(second.url, first.url) as other:
            await eventually(lambda: leads(other, second))
        first.stop()
        first.start()
        await redis.look()
        assert await leads(redis, second)


async def test_a_demoted_master_is_left_at_once(start: Start) -> None:
    """READONLY reaches one request at most; the next finds the new master."""
    first, second = start("redis-0"), start("redis-1")
    second.tell("REPLICAOF", "127.0.0.1", str(first.port))
    async with connected(first.url, second.url) as redis:
        await eventually(lambda: leads(redis, first))
        second.tell("REPLICAOF", "NO", "ONE")
        first.tell("REPLICAOF", "127.0.0.1", str(second.port))
        faults = [await fault_of(redis, writes)]
        await eventually(lambda: leads(redis, second))
        assert faults in ([RedisFault.READ_ONLY], [None])


async def test_a_restarted_empty_master_is_taken_as_it_is(start: Start) -> None:
    """A single Redis that lost all it held serves again."""
    server = start("redis-0")
    async with connected(server.url) as redis:
        await eventually(lambda: leads(redis, server))
        server.stop()
        server.start()
        assert b"$-1" in server.tell("GET", "changed")
        await eventually(lambda: leads(redis, server))


async def test_a_flapping_server_is_left_alone_for_a_while(start: Start) -> None:
    """One that hangs again after each look costs few requests their wait, and is soon back."""
    server = start("redis-0")
    async with connected(server.url) as redis:
        await eventually(lambda: leads(redis, server))
        assert redis.breaker == "closed"
        waited = asked = 0
        loop = asyncio.get_running_loop()
        until = loop.time() + 4
        while loop.time() < until:
            # It answers a look, and no request that comes after it.
            if redis.known:
                server.tell("CLIENT", "PAUSE", "300", "ALL")
            began = loop.time()
            await fault_of(redis, writes)
            waited += loop.time() - began > 0.1
            asked += 1
            await asyncio.sleep(0.01)
        assert waited
        assert asked > 5 * waited
        await eventually(lambda: leads(redis, server))


async def test_a_cancelled_request_ends(start: Start) -> None:
    """Whenever it comes, a cancellation is heeded; the client alone loses some of them."""
    server = start("redis-0")
    chance = random.Random(1)  # noqa: S311  Tests want the same every time.
    redis = RedisConnection([server.url], PATIENT)
    await redis.look()
    for _ in range(150):
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            task = group.create_task(_ask_for_ever(redis))
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            task.cancel()
    await redis.close()


async def _ask_for_ever(redis: RedisConnection) -> None:
    while True:
        await redis.ask(lambda client: client.ping())


async def test_a_connection_that_broke_unnoticed_is_an_outage(start: Start) -> None:
    """The event loop of the product has an error of its own for it; nobody gets to see that."""

    async def meet_a_closed_transport(_client: Redis) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    server = start("redis-0")
    async with connected(server.url) as redis:
        await eventually(lambda: leads(redis, server))
        assert await fault_of(redis, meet_a_closed_transport) is RedisFault.UNREACHABLE
