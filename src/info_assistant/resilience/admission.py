"""Bounded work: so many at once of each kind, so many waiting, and a quick refusal for the rest.

Each kind of traffic has places of its own, so that uploads never take those of questions; probes
and administration need none. Who finds no place may wait if its turn should come well within its
deadline, and is refused at once otherwise: a late answer helps nobody, and work on it would make
all others late too. Tenants share the places of a kind evenly, see `fair_queue`.
"""

import asyncio
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from info_assistant.errors import Overloaded
from info_assistant.model.traffic import Refusal, Traffic
from info_assistant.resilience.fair_queue import FairQueue

PATIENCE = 0.25
"""The share of the time left until its deadline that a request waits for its place, at most."""

EXPECTED = 0.125
"""The share of that time which a request may expect to wait when it comes: expectations err."""

_SMOOTHING = 0.1
"""The weight of the newest service time in the mean that expectations are made from."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of traffic gets: places at once, and how many may wait for one.

    `service_s` is how long one place is taken, in seconds, as long as nothing has been measured.
    """

    places: int
    waiting: int
    service_s: float = 0.05


SHARES: Mapping[Traffic, Share] = {
    Traffic.QUESTION: Share(places=4, waiting=64),
    Traffic.READ: Share(places=16, waiting=64),
    Traffic.CHANGE: Share(places=8, waiting=32),
    # Uploads hold their place while they arrive, so that slow ones must not take all there are.
    Traffic.INGESTION: Share(places=32, waiting=16, service_s=0.2),
}
"""What each kind gets unless told otherwise; docs/admission.md says why. Others never wait."""


Refused = Callable[[Traffic, Refusal], None]


class Place:
    """A place for one request, held or waited for, until the `with` block is left."""

    def __init__(self, lane: "_Lane", tenant: str) -> None:
        """Belong to a lane; the lane decides."""
        self.tenant = tenant
        self.held_since: float | None = None
        self.turn: asyncio.Future[None] | None = None
        self._lane = lane
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether the turn of this request has not come yet."""
        return self.turn is not None and not self.turn.done()

    async def granted(self) -> None:
        """Return when the place is held. Raises Overloaded if it cannot be had in time."""
        if self.turn is not None:
            await self.turn

    def wait_until(self, at: float) -> None:
        """Begin to wait, until the moment `at` of the event loop's clock."""
        loop = asyncio.get_running_loop()
        self.turn = loop.create_future()
        self._timer = loop.call_at(at, self.refuse, Refusal.WAITED_TOO_LONG)

    def refuse(self, reason: Refusal) -> None:
        """End the waiting with a refusal."""
        if self.turn is not None and not self.turn.done():
            self._lane.withdraw(self)
            self.turn.set_exception(self._lane.overloaded(reason))
            # Whoever left meanwhile asks for it no more; that is no fault.
            self.turn.exception()

    def __enter__(self) -> Self:
        """Begin to use the place, or to wait for it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back, or stop waiting for it."""
        if self._timer is not None:
            self._timer.cancel()
        if self.held_since is None:
            self._lane.withdraw(self)
        else:
            self._lane.give_back(self, self.held_since)


class _Lane:
    """The places of one kind of traffic."""

    def __init__(self, traffic: Traffic, share: Share, on_refused: Refused) -> None:
        self._traffic = traffic
        self._on_refused = on_refused
        self._waiting_at_most = share.waiting
        self.places = share.places
        self.service_s = share.service_s
        self.growth_s = math.inf
        self.in_use = 0
        self.ran_short = False
        self.queue: FairQueue[Place] = FairQueue()

    def resize(self, places: int) -> None:
        self.places = places
        self._hand_out()

    def require_room(self, tenant: str, until: float) -> None:
        """Return if a request would be served or may wait. Raises Overloaded."""
        if self.in_use < self.places:
            return
        self.ran_short = True
        left = until - asyncio.get_running_loop().time()
        if self._expected_wait_s(tenant) > left * EXPECTED:
            raise self.overloaded(Refusal.NO_TIME)
        if len(self.queue) >= self._waiting_at_most and self._may_displace(tenant) is None:
            raise self.overloaded(Refusal.QUEUE_FULL)

    def claim(self, tenant: str, until: float) -> Place:
        """Return a place that is held, or waited for. Raises Overloaded."""
        self.require_room(tenant, until)
        place = Place(self, tenant)
        if self.in_use < self.places:
            self._give(place)
            return place
        if len(self.queue) >= self._waiting_at_most:
            self._displace(tenant)
        now = asyncio.get_running_loop().time()
        place.wait_until(now + (until - now) * PATIENCE)
        self.queue.put(tenant, place)
        return place

    def give_back(self, place: Place, held_since: float) -> None:
        spent = asyncio.get_running_loop().time() - held_since
        self.service_s += _SMOOTHING * (spent - self.service_s)
        self.in_use -= 1
        self.queue.give_back(place.tenant)
        self._hand_out()

    def withdraw(self, place: Place) -> None:
        self.queue.discard(place.tenant, place)

    def overloaded(self, reason: Refusal) -> Overloaded:
        self._on_refused(self._traffic, reason)
        # Those who are refused together must not all come back together.
        drained_s = max(1.0, (len(self.queue) + 1) * self._next_place_s)
        wait_s = drained_s * random.uniform(1.0, 3.0)  # noqa: S311  Spreads load, keeps no secret.
        return Overloaded(
            "More is asked right now than can be answered in time. Please try again in a few "
            "seconds.",
            retry_after_s=wait_s,
        )

    @property
    def _next_place_s(self) -> float:
        """How soon one more gets in: as one leaves or, where that takes long, as room is added."""
        return min(self.service_s / self.places, self.growth_s)

    def _expected_wait_s(self, tenant: str) -> float:
        return (self.queue.ahead_of(tenant) + 1) * self._next_place_s

    def _give(self, place: Place) -> None:
        place.held_since = asyncio.get_running_loop().time()
        self.in_use += 1
        self.queue.hold(place.tenant)

    def _hand_out(self) -> None:
        while self.in_use < self.places and (found := self.queue.take()) is not None:
            place = found[1]
            # One whose request was cancelled a moment ago has not left the queue by itself yet.
            if place.turn is not None and place.waits:
                self._give(place)
                place.turn.set_result(None)

    def _may_displace(self, tenant: str) -> str | None:
        """Return a tenant that takes up more of the queue than this one would; None if none."""
        longest = self.queue.longest()
        if longest is None or self.queue.waiting(longest) <= self.queue.waiting(tenant) + 1:
            return None
        return longest

    def _displace(self, tenant: str) -> None:
        """Refuse the newest of the tenant that waits most, for one that waits less."""
        longest = self._may_displace(tenant)
        if longest is not None:
            self.queue.take_newest(longest).refuse(Refusal.GAVE_WAY)


class Admission:
    """Hands out the places of each kind of traffic. Belongs to one event loop."""

    def __init__(
        self,
        shares: Mapping[Traffic, Share] = SHARES,
        *,
        on_refused: Refused = lambda _traffic, _reason: None,
    ) -> None:
        """Open with every place free. `on_refused` is told of each refusal."""
        self._lanes = {kind: _Lane(kind, share, on_refused) for kind, share in shares.items()}

    def limits(self, traffic: Traffic) -> bool:
        """Whether requests of this kind need a place."""
        return traffic in self._lanes

    def require_room(self, traffic: Traffic, tenant: str, until: float) -> None:
        """Return if a request would be served, or may wait for its turn. Raises Overloaded.

        `until` is its deadline on the event loop's clock. Cheap, for before its body is read.
        """
        self._lanes[traffic].require_room(tenant, until)

    def claim(self, traffic: Traffic, tenant: str, until: float) -> Place:
        """Return the place of a request, held or waited for, to be entered with `with`.

        Raises Overloaded at once if its turn would not come well before `until`.
        """
        return self._lanes[traffic].claim(tenant, until)

    def resize(self, traffic: Traffic, places: int) -> None:
        """Change how many requests of a kind are served at once; those being served go on."""
        self._lanes[traffic].resize(places)

    def expect_growth(self, traffic: Traffic, each_s: float) -> None:
        """Expect one place more every `each_s` seconds, `math.inf` for none, while they run short.

        What is expected decides who may wait.
        """
        self._lanes[traffic].growth_s = each_s

    def take_shortage(self, traffic: Traffic) -> bool:
        """Return whether a place was wanted and not free since this was asked last."""
        lane = self._lanes[traffic]
        ran_short, lane.ran_short = lane.ran_short or bool(lane.queue), False
        return ran_short

    def places(self, traffic: Traffic) -> int:
        """Return how many requests of a kind are served at once, at most."""
        return self._lanes[traffic].places

    def in_use(self, traffic: Traffic) -> int:
        """Return how many requests of a kind are being served."""
        return self._lanes[traffic].in_use

    def waiting(self, traffic: Traffic) -> int:
        """Return how many requests of a kind wait for their turn."""
        return len(self._lanes[traffic].queue)

    @property
    def kinds(self) -> tuple[Traffic, ...]:
        """The kinds of traffic that need a place."""
        return tuple(self._lanes)
