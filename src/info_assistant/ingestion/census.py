"""Counts the documents in each state, in the background, for the metrics."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from info_assistant.errors import Misconfigured, Unavailable
from info_assistant.ingestion.needs import WholeBoard
from info_assistant.model.document import DocumentState

PERIOD_S = 10.0


class DocumentCensus:
    """Counts for ever; while the board is away, what was counted last stands."""

    def __init__(
        self,
        board: WholeBoard,
        show: Callable[[Mapping[DocumentState, int]], None],
        period_s: float = PERIOD_S,
    ) -> None:
        """Count what is on `board` every `period_s` seconds and hand it to `show`."""
        self._board = board
        self._show = show
        self._period_s = period_s

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            # The store's adapter has logged what is suppressed here, and /health tells it.
            with contextlib.suppress(Unavailable, Misconfigured):
                self._show(await self._board.counts())
            await asyncio.sleep(self._period_s)
