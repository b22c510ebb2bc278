"""A server of ours on a real socket, told to end by real signals."""

import asyncio
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import cast

import pytest
import uvloop
from tests.conftest import allowed

from info_assistant.errors import Misconfigured
from info_assistant.serving import Ending, Place, _HeadWithBody, listen

PROGRAM = """
import asyncio, sys
from info_assistant.serving import Ending, Place, listen, serve

state = {"ready": False, "closed": False}

async def reply(send, body, status=200):
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

async def lifespan(receive, send):
    await receive()
    state["ready"] = True
    await send({"type": "lifespan.startup.complete"})
    await receive()
    state["closed"] = True
    if "slow-closing" in sys.argv:
        await asyncio.sleep(3600)
    await send({"type": "lifespan.shutdown.complete"})

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["path"] == "/ready":
        await reply(send, b"yes" if state["ready"] else b"no")
    elif scope["path"] == "/slow":
        print("slow", flush=True)
        await asyncio.sleep(0.8)
        await reply(send, b"done")
    elif scope["path"] == "/promised":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(3600)
    elif scope["path"] == "/endless":
        print("endless", flush=True)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            await reply(send, b"too late" if state["closed"] else b"farewell", 503)
    else:
        print("flood", flush=True)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})

def drain():
    state["ready"] = False
    print("drains", flush=True)

place = Place("127.0.0.1", 0, "test", "PORT")
with listen(place) as listener:
    print(listener.getsockname()[1], flush=True)
    serve(app, listener, Ending(float(sys.argv[1]), float(sys.argv[2])), drain)
print("ended", flush=True)
"""


@dataclass
class Served:
    """A server in a process of its own."""

    process: "subprocess.Popen[str]"
    port: int

    def ask(self, path: str) -> socket.socket:
        """Send a request on a connection of its own."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection

    def says(self, word: str, within_s: float = 10) -> None:
        """Wait until the process says this word."""
        deadline = time.monotonic() + within_s
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            line = self.process.stdout.readline()
            if line.strip() == word:
                return
            assert line, f"ended without saying {word!r}"
        pytest.fail(f"not said in time: {word!r}")

    def answers(self, path: str) -> bytes:
        """Return the whole answer, head and body."""
        with self.ask(path) as connection:
            return whole(connection)


def whole(connection: socket.socket) -> bytes:
    """Return one answer with its body, of the length that it names."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        if not piece:
            return got
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def segments_received(connection: socket.socket) -> int:
    """Return in how many pieces the network has brought what there is (Linux: tcp_info)."""
    return int(
        struct.unpack_from(
            "I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160), 152
        )[0]
    )


Start = Callable[..., Served]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return the way to start a server with a delay and a grace time, in seconds."""
    with ExitStack() as running:

        def begin(delay_s: float, grace_s: float, *words: str) -> Served:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, str(delay_s), str(grace_s), *words],
                    stdout=subprocess.PIPE,
                    text=True,
                    bufsize=1,
                )
            )
            running.callback(process.kill)
            assert process.stdout is not None
            served = Served(process, int(process.stdout.readline()))
            assert served.answers("/ready").endswith(b"yes")
            return served

        yield begin


def test_a_reply_leaves_whole_and_a_head_alone_does_not_wait(start: Start) -> None:
    """Who reads is woken once for head and body; a head whose body comes later is there at once."""
    served = start(0, 3)
    with served.ask("/ready") as connection:
        assert whole(connection).endswith(b"yes")
        assert segments_received(connection) == 1
    with served.ask("/promised") as connection:
        assert connection.recv(65536).endswith(b"\r\n\r\n")


class Hasty(asyncio.Protocol):
    """Begins a reply in the very turn in which its connection breaks."""

    def __init__(self, gone: asyncio.Event) -> None:
        """Set `gone` a turn after the connection was lost."""
        self._gone = gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Break off, and begin a reply."""
        del data
        self._transport.abort()
        reply = _HeadWithBody(self._transport, asyncio.get_running_loop())
        reply.write(b"HTTP/1.1 200 OK\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of it."""
        del exc
        asyncio.get_running_loop().call_soon(self._gone.set)


def test_a_head_for_someone_who_has_gone_is_no_fault() -> None:
    """The connection may end before the head has been joined by a body."""

    async def ask() -> list[object]:
        loop, gone, faults = asyncio.get_running_loop(), asyncio.Event(), list[object]()
        loop.set_exception_handler(lambda _loop, fault: faults.append(fault))
        async with await loop.create_server(lambda: Hasty(gone), "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            async with asyncio.timeout(10):
                await gone.wait()
                assert await reader.read() == b""
            writer.close()
        return faults

    assert uvloop.run(ask()) == []


def test_it_goes_on_serving_unready_until_the_delay_is_over(start: Start) -> None:
    """Within the delay requests are answered, each closing its connection; then none is taken."""
    delay_s = allowed(1.5)
    served = start(delay_s, delay_s + 3)
    told = time.monotonic()
    served.process.send_signal(signal.SIGTERM)
    served.says("drains")
    closing = False
    while time.monotonic() < told + delay_s / 3:
        answer = served.answers("/ready")
        assert answer.endswith(b"no")
        closing = b"connection: close" in answer
    assert closing
    assert served.process.wait(60) == 0
    assert time.monotonic() - told >= delay_s


def test_what_was_begun_is_finished(start: Start) -> None:
    """A request under way is answered whole, while nobody else gets in any more."""
    served = start(0, allowed(4))
    with served.ask("/slow") as connection:
        served.says("slow")
        served.process.send_signal(signal.SIGTERM)
        await_refusal(served.port)
        assert whole(connection).endswith(b"done")
    assert served.process.wait(60) == 0


def test_what_is_open_at_the_last_call_may_say_farewell(start: Start) -> None:
    """A request without end is cancelled before the application closes, and exit code is 0."""
    served = start(0, 1.2)
    with served.ask("/endless") as connection:
        served.says("endless")
        told = time.monotonic()
        served.process.send_signal(signal.SIGTERM)
        answer = whole(connection)
        assert answer.startswith(b"HTTP/1.1 503")
        assert answer.endswith(b"farewell")
        assert time.monotonic() - told >= Ending(0, 1.2).last_call_s
    assert served.process.wait(60) == 0
    assert time.monotonic() - told < 1.2 + allowed(1)


@pytest.mark.parametrize("word", ["", "slow-closing"])
def test_nothing_holds_up_the_end(start: Start, word: str) -> None:
    """Neither a client that does not read nor an application that does not close does."""
    served = start(0, 1.2, word)
    with served.ask("/flood"):
        served.says("flood")
        told = time.monotonic()
        served.process.send_signal(signal.SIGINT)
        served.says("ended")
        assert served.process.wait(60) == 0
        assert time.monotonic() - told < 1.2 + allowed(1)


def test_an_idle_connection_is_closed_at_once(start: Start) -> None:
    """A kept connection does not delay the end."""
    served = start(0, 30)
    with served.ask("/ready") as connection:
        whole(connection)
        served.process.send_signal(signal.SIGTERM)
        assert connection.recv(1) == b""
    assert served.process.wait(60) == 0


def test_a_second_signal_ends_at_once(start: Start) -> None:
    """Signals within a second are one wish; a later one is impatience, and no orderly end."""
    served = start(0, 60)
    with served.ask("/endless"):
        served.says("endless")
        served.process.send_signal(signal.SIGTERM)
        served.says("drains")
        served.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            served.process.wait(1.1)
        assert served.process.returncode is None
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == -signal.SIGTERM


def test_a_taken_port_names_the_variable() -> None:
    """The message says which port, for what, and what to set."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"Port {port} on 127.0.0.1 is taken .* set PORT "):
            listen(Place("127.0.0.1", port, "test", "PORT"))


def await_refusal(port: int) -> None:
    """Return once nobody listens on this port any more."""
    deadline = time.monotonic() + 60
    pause = threading.Event()
    with suppress(ConnectionRefusedError, ConnectionResetError):
        while time.monotonic() < deadline:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            pause.wait(0.02)
        pytest.fail(f"port {port} is still open")
