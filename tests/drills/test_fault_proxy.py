"""The fault proxy does what each fault says, counts how often, and lets go of it at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import httpx2
import pytest
from tests.redis_process import RedisProcess

from info_assistant.drills.fault_connection import Upstream, Wire
from info_assistant.drills.fault_proxy import FaultProxy, fault_proxy
from info_assistant.drills.faults import Effect, Fault, http_answer, redis_error

INCR = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
SILENCE_S = 0.4
"""How long a test waits for what is not to come."""
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """Return a real Redis."""
    process = RedisProcess(tmp_path_factory.mktemp("redis") / "redis")
    process.start()
    yield process
    process.stop()


async def told(proxy: FaultProxy, request: bytes = INCR, wait_s: float = SILENCE_S) -> str:
    """Send one request on a new connection; return the reply, or how there was none."""
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(wait_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(request)
            line = await reader.readline()
            return line.decode().strip() if line.endswith(b"\r\n") else "closed"
    except TimeoutError:
        return "no reply" if reader else "no connection"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionError:
        return "reset"
    finally:
        if writer is not None:
            writer.close()


FAULTS = {
    "refused": (Fault(Effect.REFUSED), "refused", 0),
    "blackhole": (Fault(Effect.BLACKHOLE), "no connection", 0),
    "hang": (Fault(Effect.HANG), "no reply", 0),
    "reset on connect": (Fault(Effect.RESET_ON_CONNECT), "reset", 0),
    "reset on request": (Fault(Effect.RESET_ON_REQUEST), "reset", 0),
    "lost reply": (Fault(Effect.LOST_REPLY), "no reply", 1),
    "closed in reply": (Fault(Effect.CLOSED_IN_REPLY), "closed", 1),
    "truncated": (Fault(Effect.TRUNCATED), "closed", 1),
    "garbled": (Fault(Effect.GARBLED), "closed", 1),
    "demoted": (
        Fault(Effect.ANSWERED, answer=redis_error("READONLY"), only=("INCR",)),
        "-READONLY You can't write against a read only replica.",
        0,
    ),
    "others only": (Fault(Effect.HANG, only=("EVAL",)), ":1", 1),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_what_befalls_a_command(redis: RedisProcess, name: str) -> None:
    """The client sees what the fault says, the command has its effect or not, and it is counted."""
    fault, expected, counted = FAULTS[name]
    redis.tell("SET", "n", "0")
    async with fault_proxy(Upstream(Wire.RESP, redis.port)) as proxy:
        await proxy.inject(fault)
        if fault.effect is Effect.GARBLED:
            # Noise has no line end to wait for.
            assert await told(proxy) == "no reply"
        else:
            assert await told(proxy) == expected
        assert (proxy.met.fired > 0) is (name != "others only")
        await proxy.lift()
        assert redis.tell("GET", "n").split()[1] == b"%d" % counted
        assert await told(proxy, wait_s=PATIENCE_S) == f":{counted + 1}"


async def test_connections_that_exist_are_met_too(redis: RedisProcess) -> None:
    """A pooled connection is broken by a refusal and silenced by a hang; both fire on it."""
    redis.tell("SET", "n", "0")
    async with fault_proxy(Upstream(Wire.RESP, redis.port)) as proxy:
        for effect, end in ((Effect.REFUSED, b""), (Effect.HANG, None)):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(INCR)
            await reader.readline()
            await proxy.inject(Fault(effect))
            found: bytes | None = None
            with suppress(TimeoutError, ConnectionError):
                writer.write(INCR)
                async with asyncio.timeout(SILENCE_S):
                    found = await reader.readline()
            assert found in (end, None)
            assert proxy.met.fired > 0
            await proxy.lift()
            writer.close()


async def test_a_flapping_fault_comes_and_goes(redis: RedisProcess) -> None:
    """While it flaps a server is there and is not there, by turns, and then stays."""
    async with fault_proxy(Upstream(Wire.RESP, redis.port)) as proxy:
        await proxy.inject(Fault(Effect.REFUSED, flap_s=0.05))
        seen: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < 2:
                seen.add((await told(proxy)).partition(":")[0])
        assert proxy.met.fired >= 1
        await proxy.lift()
        assert (await told(proxy, wait_s=PATIENCE_S)).startswith(":")


async def test_pipelined_commands_keep_their_order(redis: RedisProcess) -> None:
    """A reply of the proxy's own waits until those before it have come from the server."""
    redis.tell("SET", "n", "0")
    async with fault_proxy(Upstream(Wire.RESP, redis.port)) as proxy:
        await proxy.inject(Fault(Effect.ANSWERED, answer=b"-OOM\r\n", only=("GET",)))
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(INCR + b"*2\r\n$3\r\nGET\r\n$1\r\nn\r\n" + INCR)
        async with asyncio.timeout(PATIENCE_S):
            assert [await reader.readline() for _ in range(3)] == [
                b":1\r\n",
                b"-OOM\r\n",
                b":2\r\n",
            ]
        writer.close()


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a page of ten bytes, or with a stream of five events."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /events"):
                writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                for number in range(5):
                    writer.write(b"9\r\ndata: %d\n\n\r\n" % number)
                writer.write(b"0\r\n\r\n")
            else:
                body = b"" if head.startswith(b"HEAD") else b"0123456789"
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + body)
            await writer.drain()
    writer.close()


@pytest.fixture
async def web() -> AsyncIterator[FaultProxy]:
    """Return a proxy before a server of HTTP."""
    server = await asyncio.start_server(_page, "127.0.0.1", 0)
    async with (
        server,
        fault_proxy(Upstream(Wire.HTTP, server.sockets[0].getsockname()[1])) as proxy,
    ):
        yield proxy


@pytest.fixture
async def client(web: FaultProxy) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of that proxy."""
    base = f"http://127.0.0.1:{web.port}"
    async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE_S, trust_env=False) as found:
        yield found


async def test_pages_pass_as_they_are(client: httpx2.AsyncClient, web: FaultProxy) -> None:
    """Without a fault all replies pass, one connection carries several, and nothing is counted."""
    for _ in range(3):
        assert (await client.get("/")).text == "0123456789"
        assert (await client.head("/")).headers["content-length"] == "10"
    assert (await client.get("/events")).text.count("data: ") == 5
    assert (web.met.connections, web.met.fired) == (1, 0)
    assert web.met.requests == {"GET /": 3, "HEAD /": 3, "GET /events": 1}


async def test_a_stream_ends_after_its_second_event(
    client: httpx2.AsyncClient, web: FaultProxy
) -> None:
    """The end looks like a proper one: only who knows the last event can tell."""
    await web.inject(Fault(Effect.CUT_EVENTS, events=2))
    assert (await client.get("/events")).text == "data: 0\n\ndata: 1\n\n"
    assert web.met.fired == 1


async def test_a_stream_is_truncated_properly(client: httpx2.AsyncClient, web: FaultProxy) -> None:
    """Half of the first piece comes, and the end of the body after it."""
    await web.inject(Fault(Effect.TRUNCATED))
    assert (await client.get("/events")).text == "data"
    assert web.met.fired == 1


async def test_answers_in_the_server_s_stead(client: httpx2.AsyncClient, web: FaultProxy) -> None:
    """Any status, with its headers; requests of another name pass."""
    answer = http_answer(503, b"{}", {"retry-after": "2"})
    await web.inject(Fault(Effect.ANSWERED, answer=answer, only=("GET /a",)))
    refused = await client.get("/a")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert (await client.get("/b")).status_code == 200
    assert web.met.fired == 1


async def test_noise_keeps_its_length(client: httpx2.AsyncClient, web: FaultProxy) -> None:
    """The content is noise; everything around it is as it was."""
    await web.inject(Fault(Effect.GARBLED))
    assert (await client.get("/")).text == "~" * 10


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (Fault(Effect.DRIP, bytes_per_s=200), 0.2),
        (Fault(Effect.SLOW_READ, bytes_per_s=300), 0.2),
        (Fault(Effect.DELAY, seconds=0.3, jitter_s=0.1), 0.3),
    ],
)
async def test_what_is_slow_is_whole(
    client: httpx2.AsyncClient, web: FaultProxy, fault: Fault, seconds: float
) -> None:
    """Slow networks lose nothing; they take their time."""
    loop = asyncio.get_running_loop()
    await web.inject(fault)
    began = loop.time()
    assert (await client.get("/")).text == "0123456789"
    assert loop.time() - began >= seconds
    assert web.met.fired == 1


@pytest.mark.parametrize("effect", [Effect.CLOSED_IN_REPLY, Effect.RESET_IN_REPLY])
async def test_a_reply_breaks_off(
    client: httpx2.AsyncClient, web: FaultProxy, effect: Effect
) -> None:
    """The head and half of the body have come when the connection ends."""
    await web.inject(Fault(effect))
    async with client.stream("GET", "/") as reply:
        assert reply.status_code == 200
        with pytest.raises(httpx2.HTTPError):
            await reply.aread()
    assert web.met.fired == 1


async def test_a_server_that_is_gone_resets_its_clients() -> None:
    """Behind a proxy whose server is not there, a connection is accepted and broken."""
    server = await asyncio.start_server(_page, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    async with fault_proxy(Upstream(Wire.HTTP, port)) as proxy:
        assert await told(proxy, b"GET / HTTP/1.1\r\n\r\n", PATIENCE_S) in {"reset", "closed"}
