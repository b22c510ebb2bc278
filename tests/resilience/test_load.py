"""The lag of the event loop, and the number of places that follows it."""

import asyncio
import gc
import os
import time
from contextlib import ExitStack, suppress

import pytest

from info_assistant.errors import Overloaded
from info_assistant.model.traffic import Traffic
from info_assistant.observability.metrics import Metrics
from info_assistant.resilience.admission import Admission, Share
from info_assistant.resilience.elastic import Band, ElasticPlaces, places_to_start_with
from info_assistant.resilience.garbage import set_aside_what_stays
from info_assistant.resilience.load import LoadControl
from info_assistant.resilience.loop_lag import LoopLag

ASK = Traffic.QUESTION
QUICK, BETWEEN, LATE = 0.001, 0.004, 0.02


def hold_the_loop(seconds: float) -> None:
    """Compute, as a blocker would."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def test_a_held_loop_shows() -> None:
    """Whatever holds the loop for a tenth of a second is seen, nearly in full."""
    seen: list[float] = []
    lag = LoopLag(on_lag=seen.append, period_s=0.01)
    measuring = asyncio.ensure_future(lag.run())
    async with asyncio.timeout(60):
        while not seen:  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.005)
        before = len(seen)
        hold_the_loop(0.1)
        while len(seen) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    measuring.cancel()
    with suppress(asyncio.CancelledError):
        await measuring
    assert max(seen[before:]) >= 0.08
    assert lag.last_s == seen[-1]


def test_the_usual_worst_leaves_single_moments_out() -> None:
    """One bad moment in a second says nothing about the load, many do."""
    lag = LoopLag()
    assert lag.usual_worst_s() == 0.0
    lag._recent.extend([QUICK] * 49 + [LATE])
    assert lag.usual_worst_s() == QUICK
    lag._recent.extend([LATE] * 10)
    assert lag.usual_worst_s() == LATE


@pytest.mark.parametrize(
    ("lag_s", "waiting", "places"),
    [
        (QUICK, True, 9),
        (QUICK, False, 8),
        (BETWEEN, True, 8),
        (LATE, True, 6),
        (LATE, False, 6),
    ],
)
async def test_places_follow_the_lag(
    lag_s: float,
    waiting: bool,  # noqa: FBT001
    places: int,
) -> None:
    """More places only while they run short and the loop is quick; fewer whenever it is late."""
    admission = Admission({ASK: Share(8, 50)})
    lag = LoopLag()
    lag._recent.append(lag_s)
    later = asyncio.get_running_loop().time() + 1000
    with ExitStack() as inside:
        for number in range(8 + waiting):
            inside.enter_context(admission.claim(ASK, str(number), later))
        assert admission.waiting(ASK) == waiting
        ElasticPlaces(admission, lag).adjust()
        assert admission.places(ASK) == places


async def test_places_grow_for_those_who_were_refused() -> None:
    """Where answers take so long that nobody may wait, refusals alone make more places."""
    admission = Admission({ASK: Share(1, 50, service_s=10.0)})
    lag = LoopLag()
    lag._recent.append(QUICK)
    later = asyncio.get_running_loop().time() + 30
    with admission.claim(ASK, "a", later):
        with pytest.raises(Overloaded):
            admission.require_room(ASK, "b", later)
        assert admission.waiting(ASK) == 0
        ElasticPlaces(admission, lag).adjust()
        assert admission.places(ASK) == 2
        ElasticPlaces(admission, lag).adjust()
        assert admission.places(ASK) == 2, "Nobody has wanted another one since."


@pytest.mark.parametrize(
    ("lag_s", "most", "may_wait"), [(QUICK, 99, 7), (LATE, 99, 0), (QUICK, 1, 0)]
)
async def test_who_gets_a_place_by_growth_may_wait_for_it(
    lag_s: float, most: int, may_wait: int
) -> None:
    """After slow answers a crowd waits for places that are being added, and for no others."""
    admission = Admission({ASK: Share(1, 50, service_s=10.0)})
    lag = LoopLag()
    lag._recent.append(lag_s)
    elastic = ElasticPlaces(admission, lag, Band(most=most))
    later = asyncio.get_running_loop().time() + 30
    with ExitStack() as inside:
        inside.enter_context(admission.claim(ASK, "a", later))
        elastic.adjust()
        with suppress(Overloaded):
            for _ in range(20):
                inside.enter_context(admission.claim(ASK, "a", later))
        assert admission.waiting(ASK) == may_wait
        for _ in range(may_wait):
            elastic.adjust()
        assert admission.waiting(ASK) == 0


async def test_places_stay_within_their_bounds() -> None:
    """However late the loop is, one place is left; however quick, there is an end."""
    admission = Admission({ASK: Share(8, 50)})
    lag, band = LoopLag(), Band(least=1, most=10)
    lag._recent.append(LATE)
    elastic = ElasticPlaces(admission, lag, band)
    for _ in range(20):
        elastic.adjust()
    assert admission.places(ASK) == 1
    lag._recent.clear()
    later = asyncio.get_running_loop().time() + 1000
    with ExitStack() as inside:
        for number in range(30):
            inside.enter_context(admission.claim(ASK, str(number), later))
        for _ in range(30):
            elastic.adjust()
        assert (admission.places(ASK), admission.in_use(ASK)) == (10, 10)


async def test_slow_machines_start_with_fewer_places() -> None:
    """One for each core where an embedding takes long, more where it is quick."""
    cores = len(os.sched_getaffinity(0))

    async def slow() -> None:
        hold_the_loop(0.02)

    async def quick() -> None:
        hold_the_loop(0.0002)

    assert await places_to_start_with(slow) == cores
    assert await places_to_start_with(quick) > 3 * cores


def test_what_stays_is_out_of_collections() -> None:
    """After the start, a full collection looks at next to nothing of what was loaded before."""
    try:
        gc.collect()
        loaded = len(gc.get_objects())
        set_aside_what_stays()
        assert gc.get_freeze_count() > loaded / 2
        assert len(gc.get_objects()) < loaded / 2
    finally:
        gc.unfreeze()


async def test_the_metrics_show_how_full_it_is() -> None:
    """Places, those in use, those waiting and those refused are exported from the start."""
    metrics = Metrics()
    load = LoadControl(metrics, lambda: asyncio.sleep(0))

    def shown(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, {"traffic": "question", **labels})

    assert shown("requests_refused_total", reason="no_time") == 0
    later = asyncio.get_running_loop().time() + 1000
    load.admission.resize(ASK, 1)
    with load.admission.claim(ASK, "a", later), load.admission.claim(ASK, "b", later):
        with pytest.raises(Overloaded):
            load.admission.claim(ASK, "c", later - 999.9)
        assert (shown("places"), shown("places_in_use")) == (1, 1)
        assert shown("requests_waiting") == 1
    assert shown("requests_refused_total", reason="no_time") == 1
    assert shown("places_in_use") == 0
