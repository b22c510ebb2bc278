"""Stand-ins for providers of language models, on loopback, for tests and demonstrations.

They speak the true formats of OpenAI and Anthropic, write what a script says, misbehave on command
and count calls and tokens themselves: that is the provider's own count that a ledger is compared
with.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from info_assistant.drills.loop_thread import LoopThread
from info_assistant.drills.provider_exchange import Conduct, Exchange, Script, request_of
from info_assistant.drills.provider_formats import AnthropicFormat, Asked, Format, OpenAIFormat

FORMATS: Mapping[str, Format] = {"openai": OpenAIFormat(), "anthropic": AnthropicFormat()}
"""The providers that can be stood in for."""

_CLOSE_S = 1.0


def two_sentences(_asked: Asked) -> str:
    """Return a plain answer: the script unless another is given."""
    return "The records office answers within thirty days. Write to it by post or by mail."


class ProviderStandIn(Conduct):
    """One provider at `url`."""

    def __init__(self, provider: str, *, api_key: str = "", script: Script = two_sentences) -> None:
        """Stand in for `openai` or `anthropic`."""
        super().__init__(FORMATS[provider], script, api_key)
        self.port = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL or ANTHROPIC_BASE_URL is set to."""
        suffix = "/v1" if self.format.name == "openai" else ""
        return f"http://127.0.0.1:{self.port}{suffix}"

    async def listen(self, port: int = 0) -> None:
        """Begin to answer, on a free port or the one that was used before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def hang_up(self) -> None:
        """Stop listening and break every connection; the port is refused from now on."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.tally.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while (request := await request_of(reader)) is not None:
                    if not await Exchange(self, reader, writer).answer(*request):
                        break
        finally:
            writer.close()
            # Whoever hangs up may do so once more while this waits; the end is near anyway.
            with suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()
            writer.transport.abort()
            self._tasks.discard(task)


class ProviderThread:
    """Runs stand-ins in a thread with an event loop of its own, beside whatever the test does."""

    def __init__(self) -> None:
        """Start the thread."""
        self._thread = LoopThread("providers")

    def add(self, stand_in: ProviderStandIn, port: int = 0) -> None:
        """Let a stand-in listen."""
        self._thread.do(stand_in.listen(port))

    def hang_up(self, stand_in: ProviderStandIn) -> None:
        """Let nobody listen at its port any more, until it is added again."""
        self._thread.do(stand_in.hang_up())

    def stop(self) -> None:
        """End the thread."""
        self._thread.stop()


@contextmanager
def running_providers(
    *stand_ins: ProviderStandIn, ports: Sequence[int] = ()
) -> Iterator[ProviderThread]:
    """Run stand-ins until the block is left."""
    thread = ProviderThread()
    try:
        for stand_in, port in zip(stand_ins, ports or [0] * len(stand_ins), strict=True):
            thread.add(stand_in, port)
        yield thread
    finally:
        for stand_in in stand_ins:
            thread.hang_up(stand_in)
        thread.stop()
