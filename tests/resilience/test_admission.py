"""Admission: never more at once than there are places, none lost, and fair between tenants."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from info_assistant.errors import Overloaded
from info_assistant.model.traffic import Refusal, Traffic
from info_assistant.resilience.admission import PATIENCE, Admission, Share
from info_assistant.resilience.fair_queue import FairQueue

ASK = Traffic.QUESTION
LATER = 1000.0
T = TypeVar("T")


def narrow(places: int, waiting: int = 50, service_s: float = 0.001) -> Admission:
    """Return an admission of questions only."""
    return Admission({ASK: Share(places, waiting, service_s)})


def deadline(seconds: float = LATER) -> float:
    """Return a moment on the loop's clock."""
    return asyncio.get_running_loop().time() + seconds


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class Visitor:
    """A request: it waits for its place, keeps it until told to go, and leaves."""

    def __init__(self, admission: Admission, tenant: str) -> None:
        """Come."""
        self.tenant = tenant
        self.inside = False
        self.refused = False
        self._go = asyncio.Event()
        self._admission = admission
        self.task = asyncio.ensure_future(self._visit())

    async def _visit(self) -> None:
        try:
            with self._admission.claim(ASK, self.tenant, deadline()) as place:
                await place.granted()
                self.inside = True
                try:
                    await self._go.wait()
                finally:
                    self.inside = False
        except Overloaded:
            self.refused = True

    def leave(self) -> None:
        """Give the place back."""
        self._go.set()


class Crowd(RuleBasedStateMachine):
    """Requests of three tenants come, wait, are served, are cancelled, in any order."""

    PLACES, WAITING = 3, 6

    def __init__(self) -> None:
        """Open."""
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.admission = narrow(self.PLACES, self.WAITING)
        self.places = self.PLACES
        self.inside_before = 0
        self.visitors: list[Visitor] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a piece of work on the machine's loop."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Let all go: every place is free again, nobody waits."""

        async def empty() -> None:
            for each in self.visitors:
                each.leave()
            for _ in self.visitors:
                await settle()

        self.run(empty())
        assert all(each.task.done() for each in self.visitors)
        assert (self.admission.in_use(ASK), self.admission.waiting(ASK)) == (0, 0)
        self.loop.close()

    def _inside(self) -> list[Visitor]:
        return [each for each in self.visitors if each.inside]

    def _outside(self) -> list[Visitor]:
        return [each for each in self.visitors if not each.inside and not each.task.done()]

    @rule(tenant=st.sampled_from("abc"), settled=st.booleans())
    def come(self, tenant: str, settled: bool) -> None:  # noqa: FBT001  As hypothesis calls it.
        """One more request comes; the next may come before it has had its turn to run."""

        async def arrive() -> None:
            self.visitors.append(Visitor(self.admission, tenant))
            if settled:
                await settle()

        self.run(arrive())

    @precondition(lambda self: self._inside())
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """One that is served is finished; the place goes to whoever holds fewest."""
        leaving = data.draw(st.sampled_from(self._inside()))
        waiting_before = self._outside()
        held = [each.tenant for each in self._inside() if each is not leaving]
        full = len(held) + 1 >= self.places

        async def go() -> None:
            leaving.leave()
            await settle()

        self.run(go())
        let_in = [each for each in waiting_before if each.inside]
        if len(let_in) == 1 and full:
            fewest = min(held.count(each.tenant) for each in waiting_before)
            assert held.count(let_in[0].tenant) == fewest

    @precondition(lambda self: self._outside() or self._inside())
    @rule(data=st.data(), steps=st.integers(-1, 2))
    def cancel(self, data: st.DataObject, steps: int) -> None:
        """One is cancelled, wherever it stands; perhaps when a place has just come free."""
        whom = data.draw(st.sampled_from(self._outside() + self._inside()))

        async def go() -> None:
            inside = self._inside()
            if steps >= 0 and inside:
                inside[0].leave()
            for _ in range(steps):
                await asyncio.sleep(0)
            whom.task.cancel()
            await settle()

        self.run(go())

    @rule(places=st.integers(1, 5))
    def resize(self, places: int) -> None:
        """The number of places changes."""

        async def go() -> None:
            self.admission.resize(ASK, places)
            await settle()

        self.places = places
        self.run(go())

    @invariant()
    def nothing_is_lost(self) -> None:
        """Places and waiters add up, and nobody waits beside a free place."""
        self.run(settle())
        inside = len(self._inside())
        assert self.admission.in_use(ASK) == inside
        # Fewer places send nobody away, but let nobody in either.
        assert inside <= max(self.places, self.inside_before)
        self.inside_before = inside
        assert self.admission.waiting(ASK) == len(self._outside()) <= self.WAITING
        if self._outside():
            assert inside >= self.places


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.integers(1, 4))
def test_turns_never_differ_by_more_than_one(order: list[str], places: int) -> None:
    """Of tenants that wait all the time none is served twice while another is passed over."""
    queue: FairQueue[int] = FairQueue()
    for number, tenant in enumerate(order):
        queue.put(tenant, number)
    tenants = sorted(set(order))
    served = dict.fromkeys(tenants, 0)
    inside: list[str] = []
    while queue and all(queue.waiting(tenant) for tenant in tenants):
        if len(inside) == places:
            queue.give_back(inside.pop(0))
        found = queue.take()
        assert found is not None
        queue.hold(found[0])
        inside.append(found[0])
        served[found[0]] += 1
        # A tenant may be ahead by what it is served right now, never by more.
        assert max(served.values()) - min(served.values()) <= 1


def test_one_that_waits_alone_is_next_after_those_being_served() -> None:
    """A flood of one tenant puts nobody of another further back than its own first."""
    queue: FairQueue[int] = FairQueue()
    for number in range(50):
        queue.put("flood", number)
    assert queue.ahead_of("flood") == 50
    assert queue.ahead_of("quiet") == 1
    queue.hold("flood")
    assert queue.ahead_of("quiet") == 0
    queue.put("quiet", 99)
    assert queue.take() == ("quiet", 99)


async def test_who_cannot_be_served_in_time_is_refused_at_once() -> None:
    """A request that would wait too long for its deadline is refused, one with time is not."""
    admission = narrow(places=1, service_s=1.0)
    with admission.claim(ASK, "a", deadline()):
        with pytest.raises(Overloaded) as refused:
            admission.claim(ASK, "b", deadline(2.0))
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s >= 1
        with admission.claim(ASK, "b", deadline(60.0)) as place:
            assert place.waits
    assert (admission.in_use(ASK), admission.waiting(ASK)) == (0, 0)


async def test_whom_the_expectation_deceived_is_refused_in_time() -> None:
    """Who waits longer than a quarter of the time left is refused, and the place is not lost."""
    told: list[Refusal] = []
    admission = Admission(
        {ASK: Share(1, 5, 0.001)}, on_refused=lambda _traffic, reason: told.append(reason)
    )
    with admission.claim(ASK, "a", deadline()):
        began = asyncio.get_running_loop().time()
        with (
            admission.claim(ASK, "b", deadline(0.2)) as place,
            pytest.raises(Overloaded),
        ):
            await place.granted()
        assert asyncio.get_running_loop().time() - began >= 0.2 * PATIENCE - 0.01
    assert told == [Refusal.WAITED_TOO_LONG]
    with admission.claim(ASK, "c", deadline()) as place:
        assert not place.waits


async def test_a_full_queue_makes_room_for_a_tenant_that_waits_less() -> None:
    """The newest of the flood gives way to another tenant, never the other way round."""
    told: list[Refusal] = []
    admission = Admission(
        {ASK: Share(1, 3, 0.001)}, on_refused=lambda _traffic, reason: told.append(reason)
    )
    first = Visitor(admission, "flood")
    await settle()
    flood = [Visitor(admission, "flood") for _ in range(3)]
    await settle()
    quiet = Visitor(admission, "quiet")
    await settle()
    assert [each.refused for each in flood] == [False, False, True]
    with pytest.raises(Overloaded):
        admission.claim(ASK, "flood", deadline())
    assert told == [Refusal.GAVE_WAY, Refusal.QUEUE_FULL]
    for each in (first, flood[0]):
        each.leave()
        await settle()
    assert quiet.inside
    for each in (quiet, *flood):
        each.leave()
        await settle()
    assert admission.in_use(ASK) == 0


async def test_kinds_do_not_take_each_others_places() -> None:
    """With every place for uploads taken, questions find theirs, and probes need none."""
    admission = Admission({ASK: Share(1, 0), Traffic.INGESTION: Share(1, 0)})
    with admission.claim(Traffic.INGESTION, "a", deadline()):
        with pytest.raises(Overloaded):
            admission.require_room(Traffic.INGESTION, "a", deadline())
        admission.require_room(ASK, "a", deadline())
    assert not admission.limits(Traffic.PROBE)
    assert not Admission().limits(Traffic.ADMIN)


async def test_service_times_are_learnt() -> None:
    """What requests really take decides who is refused, not what was assumed at first."""
    admission = narrow(places=1, service_s=60.0)
    for _ in range(100):
        with admission.claim(ASK, "a", deadline()):
            pass
    with admission.claim(ASK, "a", deadline()), admission.claim(ASK, "a", deadline(1.0)) as place:
        assert place.waits
