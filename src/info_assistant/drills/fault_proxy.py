"""A TCP proxy that does to a dependency's connections what networks and failing servers do.

It stands between a client library and the real server, below both, and knows the messages of Redis
(RESP), of HTTP and of event streams, so that it can lose a reply after its request took effect. It
counts how often its fault was met: a test whose fault never fired has shown nothing.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from info_assistant.drills.fault_connection import (
    LOOPBACK,
    Conduct,
    FaultyConnection,
    Met,
    Upstream,
)
from info_assistant.drills.faults import Effect, Fault

_UNANSWERED_S = 0.3
_CROWD = 4
"""More connections than a queue of one holds, so that the kernel answers no further one."""


class FaultProxy:
    """Stands before `upstream`. Injecting a fault, or lifting it, takes effect at once."""

    def __init__(self, upstream: Upstream) -> None:
        """Pass everything on as it is; nothing listens yet."""
        self.port = 0
        self._conduct = Conduct(upstream)
        self._server: asyncio.Server | None = None
        self._crowd: list[socket.socket] = []
        self._open: dict[asyncio.Task[None], FaultyConnection] = {}
        self._flapping: asyncio.Task[None] | None = None

    @property
    def fault(self) -> Fault | None:
        """The fault in force now; None while a flapping one is away."""
        return self._conduct.fault

    @property
    def met(self) -> Met:
        """How often the fault was met, and what has passed so far."""
        return self._conduct.met

    async def listen(self, port: int = 0) -> None:
        """Begin to pass on, on a free port or the one that was used before."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def hang_up(self) -> None:
        """Stop listening and break every connection."""
        await self._end_flapping()
        await self._close()

    async def inject(self, fault: Fault) -> None:
        """Let this fault be met from now on, and count from 0 how often it is."""
        await self.lift()
        self.met.fired = 0
        if fault.flap_s:
            # The proxy owns it, and ends it when the fault is lifted.
            self._flapping = asyncio.get_running_loop().create_task(self._flap(fault))
        else:
            await self._enter(fault)

    async def lift(self) -> None:
        """Pass everything on again; returns once new connections are accepted."""
        await self._end_flapping()
        await self._leave()

    async def _enter(self, fault: Fault) -> None:
        self._conduct.fault = fault
        if fault.effect is Effect.REFUSED:
            await self._close()
            self.met.fired += 1
        elif fault.effect is Effect.RESET_ON_CONNECT:
            await self._break_all()
        elif fault.effect is Effect.BLACKHOLE:
            await self._stop_accepting()

    async def _leave(self) -> None:
        self._conduct.fault = None
        for each in self._crowd:
            each.close()
        self._crowd.clear()
        if self._server is None:
            await self.listen()

    async def _flap(self, fault: Fault) -> None:
        while True:
            await self._enter(fault)
            await asyncio.sleep(fault.flap_s)
            await self._leave()
            await asyncio.sleep(fault.flap_s)

    async def _end_flapping(self) -> None:
        task, self._flapping = self._flapping, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _stop_accepting(self) -> None:
        """Listen with a queue that is full, so that whoever comes gets no answer at all."""
        if self._server is not None:
            self._server.close()
            self._server = None
        full = socket.socket()
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((LOOPBACK, self.port))
        full.listen(0)
        self._crowd.append(full)
        for _ in range(_CROWD):
            waiting = socket.socket()
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect((LOOPBACK, self.port))
            self._crowd.append(waiting)
        with suppress(TimeoutError):
            async with asyncio.timeout(_UNANSWERED_S):
                await asyncio.open_connection(LOOPBACK, self.port)
            raise RuntimeError("this system answers connections beyond a full queue")
        self.met.fired += 1

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._break_all()

    async def _break_all(self) -> None:
        for task, connection in tuple(self._open.items()):
            connection.reset()
            self.met.fired += 1
            task.cancel()
        if self._open:
            await asyncio.wait(tuple(self._open))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  Servers call this in a task of its own.
        connection = FaultyConnection(self._conduct, reader, writer)
        self._open[task] = connection
        self.met.connections += 1
        try:
            # Whoever hangs up cancels this; there is nobody else to tell.
            with suppress(asyncio.CancelledError):
                await connection.run()
        finally:
            self._open.pop(task, None)


@asynccontextmanager
async def fault_proxy(upstream: Upstream) -> AsyncIterator[FaultProxy]:
    """Run a proxy before `upstream` on a free port, until the block is left."""
    proxy = FaultProxy(upstream)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.hang_up()
