"""How many questions are answered at once: as many as leave the event loop quick for everybody.

What a place costs differs from one installation to the next, and from hour to hour: where answers
wait for other machines, many go side by side; where they compute here, each more only makes all
slower. Both show in the lag of the event loop: while places run short and the loop is quick, an
eighth is added, and a quarter is taken away when the loop is late.
"""

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from info_assistant.model.traffic import Traffic
from info_assistant.resilience.admission import Admission
from info_assistant.resilience.loop_lag import LoopLag

FULL_S = 0.02
"""How long answering one question takes when all places are taken that a machine starts with."""

_EMBEDDINGS_IN_A_QUESTION = 5
"""What a question costs a machine that does everything itself, in embeddings of a question."""

_TIMED = 8


async def places_to_start_with(embed: Callable[[], Awaitable[object]]) -> int:
    """Return how many questions this machine answers at once, from a few timed embeddings.

    The quickest counts: whatever else starts at the same time slows the others.
    """
    times = []
    for _ in range(_TIMED):
        began = time.perf_counter()
        await embed()
        times.append(time.perf_counter() - began)
    question_s = min(times) * _EMBEDDINGS_IN_A_QUESTION
    return len(os.sched_getaffinity(0)) * max(1, round(FULL_S / question_s))


@dataclass(frozen=True, slots=True)
class Band:
    """Below `quick_s` of lag places are added, above `late_s` taken away, within the bounds."""

    quick_s: float = 0.003
    late_s: float = 0.006
    least: int = 1
    most: int = 256
    pause_s: float = 0.5


class ElasticPlaces:
    """Fits the places for questions to what the process can bear."""

    def __init__(self, admission: Admission, lag: LoopLag, band: Band | None = None) -> None:
        """Change the places of `admission` by what `lag` says."""
        self._admission = admission
        self._lag = lag
        self._band = band or Band()

    async def run(self) -> None:
        """Adjust for ever."""
        while True:
            await asyncio.sleep(self._band.pause_s)
            self.adjust()

    def adjust(self) -> None:
        """Look at the lag and change the places by one step, or not at all."""
        band, places = self._band, self._admission.places(Traffic.QUESTION)
        lag_s = self._lag.usual_worst_s()
        quick = lag_s < band.quick_s
        # Who was refused wanted a place too: where everybody is, nobody waits.
        ran_short = self._admission.take_shortage(Traffic.QUESTION)
        if lag_s > band.late_s:
            self._resize(places * 3 // 4)
        elif quick and ran_short:
            self._resize(places + _step(places))
        self._expect_growth(quick=quick)

    def _resize(self, places: int) -> None:
        fitting = min(max(places, self._band.least), self._band.most)
        if fitting != self._admission.places(Traffic.QUESTION):
            self._admission.resize(Traffic.QUESTION, fitting)

    def _expect_growth(self, *, quick: bool) -> None:
        """Let those who come now know how soon places are added for them."""
        band, places = self._band, self._admission.places(Traffic.QUESTION)
        each_s = band.pause_s / _step(places) if quick and places < band.most else math.inf
        self._admission.expect_growth(Traffic.QUESTION, each_s)


def _step(places: int) -> int:
    """Return how many places are added at once."""
    return max(1, places // 8)
