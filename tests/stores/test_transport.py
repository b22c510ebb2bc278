"""The transport to Qdrant against real sockets: kept connections, and connections that break."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

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


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server on loopback shows, and what a client needs to believe it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now, day = datetime.now(UTC), timedelta(days=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(public, private)
    return shown, ssl.create_default_context(cafile=str(public))


async def test_tls_is_spoken_where_the_address_says_so(tmp_path: Path) -> None:
    """A server is asked by TLS over a kept connection, and only if its certificate is believed."""
    shown, believed = certificates(tmp_path)
    large = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(LARGE), LARGE)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(large)

    server = Server(serve)
    async with await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=shown) as listening:
        url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        transport = KeepAliveTransport(believed)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            for _ in range(2):
                assert (await client.get(url)).content == LARGE
        assert server.connections == 1
        async with httpx.AsyncClient(transport=KeepAliveTransport(), trust_env=False) as client:
            with pytest.raises(ssl.SSLCertVerificationError):
                await client.get(url)


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


@asynccontextmanager
async def listening(serve: SERVE) -> AsyncIterator[tuple[Server, tuple[str, int, bool]]]:
    """A server on loopback, and its address as the transport takes it."""
    server = Server(serve)
    socket = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    async with socket:
        yield server, ("127.0.0.1", socket.sockets[0].getsockname()[1], False)


REQUEST = b"GET / HTTP/1.1\r\n\r\n"


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer at once."""
    writer.write(OK)


async def test_a_peer_that_is_gone_is_passed_over_at_once() -> None:
    """Where one refuses, the next is asked in the same request; all gone is an error."""
    async with listening(answer) as (server, alive):
        gone = await _closed_port()
        transport = KeepAliveTransport(others=[alive])
        for _ in range(3):
            assert (await transport.exchange(gone, REQUEST)).body == b"ok"
        await transport.aclose()
        assert server.connections == 1
    with pytest.raises(ConnectionError):
        await KeepAliveTransport(others=[gone]).exchange(gone, REQUEST)


async def test_a_peer_that_hangs_costs_one_request() -> None:
    """Who waited for it in vain is the last to do so for a while."""
    never = asyncio.Event()

    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await never.wait()

    async with listening(hang) as (frozen, hanging), listening(answer) as (_, alive):
        transport = KeepAliveTransport(others=[alive])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await transport.exchange(hanging, REQUEST)
        for _ in range(3):
            assert (await transport.exchange(hanging, REQUEST)).status == 200
        never.set()
        await transport.aclose()
        assert frozen.connections == 1


async def _closed_port() -> tuple[str, int, bool]:
    async with listening(answer) as (_, address):
        return address
