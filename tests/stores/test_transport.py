"""The transport to Qdrant against real sockets: kept connections, and connections that break."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from info_assistant.stores.qdrant.transport import KeepAliveTransport, ProtocolError

SERVE = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """Counts the connections that it serves; `serve` gets one request after the other."""

    def __init__(self, serve: SERVE) -> None:
        """Serve each request with `serve`."""
        self.connections = 0
        self._serve = serve

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client leaves."""
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(serve: SERVE) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A server on loopback and a client that uses our transport."""
    server = Server(serve)
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with (
        listening,
        httpx.AsyncClient(base_url=url, transport=KeepAliveTransport(), trust_env=False) as client,
    ):
        yield server, client


async def ok(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a server does that keeps the connection."""
    writer.write(OK)


async def test_a_connection_is_kept_for_the_next_request() -> None:
    """Requests that follow each other share one connection."""
    async with running(ok) as (server, client):
        for _ in range(3):
            assert (await client.get("/")).text == "ok"
        assert server.connections == 1


async def test_requests_at_the_same_time_do_not_share_a_connection() -> None:
    """Each of two requests under way has a connection of its own."""
    both = asyncio.Barrier(2)

    async def together(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await both.wait()
        writer.write(OK)

    async with running(together) as (server, client):
        await asyncio.gather(client.get("/"), client.get("/"))
        assert server.connections == 2


async def test_a_connection_that_the_server_gives_up_is_not_used_again() -> None:
    """`connection: close` is obeyed, and the next request still gets its answer."""

    async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        writer.close()

    async with running(closing) as (server, client):
        for _ in range(2):
            assert (await client.get("/")).text == "ok"
        assert server.connections == 2


async def test_a_kept_connection_that_breaks_is_replaced() -> None:
    """A request that finds its kept connection closed goes out again on a new one."""
    answered = 0

    async def every_other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        if answered == 2:
            writer.close()
        else:
            writer.write(OK)

    async with running(every_other) as (server, client):
        for _ in range(2):
            assert (await client.get("/")).text == "ok"
        assert server.connections == 2


LARGE = bytes(range(256)) * 2000


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(LARGE), LARGE),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (len(LARGE), LARGE),
    ],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("cut", [1, 50, 100, 70_000, 511_900])
async def test_a_large_response_arrives_whole(reply: bytes, cut: int) -> None:
    """However it is cut on its way and however its length is told, and the connection is kept."""

    async def in_two(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply[:cut])
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(reply[cut:])

    async with running(in_two) as (server, client):
        for _ in range(2):
            assert (await client.get("/")).content == LARGE
        assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n" + LARGE,
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhalf",
        b"nonsense\r\n\r\n",
    ],
    ids=["small", "large", "endless", "nonsense"],
)
async def test_half_a_response_is_an_error(reply: bytes) -> None:
    """A response that stops in the middle, or is none, is never taken for a whole one."""

    async def broken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        writer.close()

    async with running(broken) as (_, client):
        with pytest.raises(ProtocolError):
            await client.get("/")


async def test_a_request_that_is_given_up_takes_its_connection_with_it() -> None:
    """The late answer to a cancelled request never reaches the next one."""
    waiting, go = asyncio.Event(), asyncio.Event()
    first = True

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        if first:
            first = False
            waiting.set()
            await go.wait()
            writer.write(OK.replace(b"ok", b"no"))
        else:
            writer.write(OK)

    async with running(late) as (server, client):
        request = asyncio.ensure_future(client.get("/"))
        await waiting.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        go.set()
        assert (await client.get("/")).text == "ok"
        assert server.connections == 2
