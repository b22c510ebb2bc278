"""What a parser tells, passed on while it comes."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from info_assistant.ingestion.parsing import ReplyDecoder
from info_assistant.model.reading import Block
from info_assistant.ports import BlockSink

_INLINE_LINE = 200_000
"""Bytes that are decoded at once; more would keep the event loop from others."""


class Collected:
    """A sink (`ports.BlockSink`) that keeps all blocks in memory."""

    def __init__(self) -> None:
        """Begin with none."""
        self.blocks: list[Block] = []

    def begin(self) -> None:
        """Forget what has come so far."""
        self.blocks = []

    async def add(self, blocks: Sequence[Block]) -> None:
        """Take the next blocks."""
        self.blocks += blocks


class Reply:
    """A parser's reply on its way into a sink; the time that the sink takes is not the parser's.

    `patience` is the time that the parser has, once it is running.
    """

    def __init__(self, decoder: ReplyDecoder, sink: BlockSink) -> None:
        """Pass on to `sink` what `decoder` understands."""
        self.decoder = decoder
        self.patience: asyncio.Timeout | None = None
        self._sink = sink

    async def take(self, line: bytes) -> bool:
        """Pass on the blocks of one line; return whether it was understood."""
        try:
            if len(line) < _INLINE_LINE:
                blocks = self.decoder.take(line)
            else:
                blocks = await asyncio.to_thread(self.decoder.take, line)
        except ValueError:
            return False
        if blocks:
            with self._standing_still():
                await self._sink.add(blocks)
        return True

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        """Let the parser's time stand still inside."""
        patience = self.patience
        if patience is None or (end := patience.when()) is None:
            yield
            return
        begun = asyncio.get_running_loop().time()
        patience.reschedule(None)
        yield
        patience.reschedule(end + asyncio.get_running_loop().time() - begun)
