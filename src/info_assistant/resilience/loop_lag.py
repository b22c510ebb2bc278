"""How late the event loop is: the time by which everything waits that is ready to go on.

A timer asks to be woken at a steady pace, and sees how much later it is. Whatever holds the loop
longer than the pace is seen, whether it computes, waits for a disk, or was put aside by the
operating system for somebody else.
"""

import asyncio
from collections import deque
from collections.abc import Callable

PERIOD_S = 0.02
"""How often the loop is looked at."""

_KEPT = 50


class LoopLag:
    """Measures the event loop that `run` runs on."""

    def __init__(
        self, *, on_lag: Callable[[float], None] = lambda _s: None, period_s: float = PERIOD_S
    ) -> None:
        """Tell `on_lag` each lag, in seconds."""
        self._on_lag = on_lag
        self._period_s = period_s
        self._recent: deque[float] = deque(maxlen=_KEPT)

    @property
    def last_s(self) -> float:
        """The lag that was measured last."""
        return self._recent[-1] if self._recent else 0.0

    def usual_worst_s(self) -> float:
        """Return the lag that nine tenths of the latest do not exceed, about a second's."""
        ordered = sorted(self._recent)
        return ordered[len(ordered) * 9 // 10] if ordered else 0.0

    async def run(self) -> None:
        """Measure for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._period_s
            await asyncio.sleep(self._period_s)
            lag = max(0.0, loop.time() - due)
            self._recent.append(lag)
            self._on_lag(lag)
