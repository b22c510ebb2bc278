"""The balancer between clients and backends that come, go and break."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx2
import pytest

from info_assistant.drills.balancer import SERVED_BY, Balancer, running_balancer

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNREADY = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Backend:
    """A raw server: is it ready, what does it send for any other request, what did it get."""

    ready: bool = True
    reply: bytes = READY
    url: str = ""
    heard: list[bytes] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the second half of a reply, after a `|`, may follow."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; return whether the connection still stands."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length or 0))
        if head.startswith(b"GET /readyz "):
            writer.write(READY if self.ready else UNREADY)
            return True
        self.heard.append(head + body)
        first, _, second = self.reply.partition(b"|")
        writer.write(first)
        if second:
            await self.go_on.wait()
        if second in {b"", b"broken"} and first != READY:
            writer.transport.abort()
            return False
        writer.write(second)
        return True


@asynccontextmanager
async def running(*backends: Backend) -> AsyncIterator[Balancer]:
    """Run these backends and a balancer before them that has heard of all that are ready."""
    servers = [await asyncio.start_server(each.serve, "127.0.0.1", 0) for each in backends]
    for server, backend in zip(servers, backends, strict=True):
        backend.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with running_balancer([each.url for each in backends]) as balancer:
            await becomes(balancer, {each.url for each in backends if each.ready})
            yield balancer
    finally:
        for server in servers:
            server.close()


async def becomes(balancer: Balancer, ready: set[str]) -> None:
    """Return once exactly these backends count as ready."""
    async with asyncio.timeout(60):
        while balancer.ready != ready:  # noqa: ASYNC110  The balancer sets no event.
            await asyncio.sleep(0.01)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client."""
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as made:
        yield made


async def test_requests_go_in_turn_to_those_that_are_ready(client: httpx2.AsyncClient) -> None:
    """All ready backends share the work, and one that says no gets nothing from then on."""
    one, two = Backend(), Backend()
    async with running(one, two) as balancer:
        served = [(await client.get(balancer.url)).headers[SERVED_BY] for _ in range(4)]
        assert sorted(served) == sorted([one.url, two.url] * 2)
        one.ready = False
        await becomes(balancer, {two.url})
        served = [(await client.get(balancer.url)).headers[SERVED_BY] for _ in range(4)]
        assert served == [two.url] * 4
    assert balancer.tally.retries == 0


async def test_a_request_that_nobody_began_to_answer_goes_to_another(
    client: httpx2.AsyncClient,
) -> None:
    """A connection that breaks before a byte of the answer costs a second attempt, no more."""
    broken, sound = Backend(reply=b""), Backend()
    async with running(broken, sound) as balancer:
        replies = [await client.post(f"{balancer.url}/v1/query", content=b"Q") for _ in range(2)]
        assert [each.headers[SERVED_BY] for each in replies] == [sound.url] * 2
        assert balancer.tally.retries >= 1
    assert broken.heard
    assert all(each.endswith(b"\r\n\r\nQ") for each in sound.heard)


async def test_what_has_begun_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    """An answer that breaks off in the middle breaks off for the client, too."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    backends = Backend(reply=head + b"|broken"), Backend(reply=head + b"|broken")
    async with running(*backends) as balancer, client.stream("GET", balancer.url) as response:
        for each in backends:
            each.go_on.set()
        with pytest.raises(httpx2.RemoteProtocolError):
            await response.aread()
    assert len(backends[0].heard) + len(backends[1].heard) == 1


async def test_an_answer_is_passed_on_as_it_comes(client: httpx2.AsyncClient) -> None:
    """The first half of a stream arrives while the second does not exist yet."""
    chunks = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n|3\r\ntwo\r\n0\r\n\r\n"
    )
    backend = Backend(reply=chunks)
    async with running(backend) as balancer, client.stream("GET", balancer.url) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"one"
        backend.go_on.set()
        assert b"".join([piece async for piece in pieces]) == b"two"


async def test_without_a_ready_backend_the_answer_is_503(client: httpx2.AsyncClient) -> None:
    """Nobody ready is an answer with a time to wait, not a hanging request."""
    async with running(Backend(ready=False)) as balancer:
        response = await client.get(balancer.url)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert balancer.tally.refused == 1
