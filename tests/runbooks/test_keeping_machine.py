"""The keeper of the clock as a machine: real records, two keepers, kills, clocks that lie."""

import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.runbooks.test_truth_of_templates import Everybody

from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.keeping.keeper import Keeper
from info_assistant.runbooks.outbox.messages import Act, outbox_of
from info_assistant.runbooks.record import events
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident, Status
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.shipped import NAME, shipped_runbook
from info_assistant.runbooks.telling.facts import Facts

TIERS_S = (0, 15 * 60, 30 * 60, 60 * 60)
EVERY_S = 15 * 60


class Unseen:
    """Nobody knows anything of the service."""

    def facts(self, incident: Incident) -> Facts:
        """Return it."""
        del incident
        return Facts()


class Watches(RuleBasedStateMachine):
    """Nights of one incident, kept by two services that share a disk and are killed at will."""

    def __init__(self) -> None:
        """Begin with an empty disk and a clock that is under our control."""
        super().__init__()
        memory = Path("/dev/shm")  # noqa: S108  Kills here lose no memory, so no disk has to wait.
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.true_s, self.wall_off_s = 0.0, 0.0
        self.unattended_s, self.attended = 0.0, False
        self.status = Status.OPEN
        self._clock = pytest.MonkeyPatch()
        self._clock.setattr(events, "this_moment", self.now)

    def teardown(self) -> None:
        """Give the clock back."""
        self._clock.undo()
        shutil.rmtree(self.folder)

    def now(self) -> Instant:
        """What the clocks of this machine show."""
        wall = datetime(2026, 11, 26, 3, tzinfo=UTC)
        shown = wall + timedelta(seconds=self.true_s + self.wall_off_s)
        return Instant(shown, "boot-1", 1000 + self.true_s)

    def begun(self) -> Keeper:
        """A service that has just been started: it knows what is on the disk and nothing else."""
        store = Incidents(self.folder / "i", Redaction(), author=("service", "desk"))
        return Keeper(store, lambda _runbook: [Everybody()], Unseen(), self.now)

    @initialize()
    def open(self) -> None:
        """An incident is opened, and paged at once."""
        self.keepers = [self.begun(), self.begun()]
        self.store = self.keepers[0].store
        self.name = self.store.open(Opening("t", "P0-1"), shipped_runbook(), NAME).id
        self.tick()

    def tick(self) -> None:
        """Both services look at the clock, one right behind the other."""
        for keeper in self.keepers:
            keeper.tick()

    @rule(minutes=st.sampled_from([0, 1, 5, 14, 15, 16, 29, 30, 60, 90]))
    def wait(self, minutes: int) -> None:
        """Time passes, or the machine sleeps."""
        self.true_s += minutes * 60
        if not self.attended and self.status is Status.OPEN:
            self.unattended_s += minutes * 60
        self.tick()

    @rule(hours=st.sampled_from([-1, 1]))
    def jump(self, hours: int) -> None:
        """Somebody sets the wall clock."""
        self.wall_off_s += hours * 3600
        self.tick()

    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        """One of them is killed and started again."""
        self.keepers[which] = self.begun()
        self.tick()

    @precondition(lambda self: self.status is Status.OPEN)
    @rule()
    def acknowledge(self) -> None:
        """Somebody cares."""
        self.store.tell(self.name, Kind.ACKNOWLEDGED, {})
        self.attended = True
        self.tick()

    @precondition(lambda self: self.status is Status.OPEN)
    @rule()
    def hand_over(self) -> None:
        """Somebody else is to care."""
        self.store.tell(self.name, Kind.HANDED_OFF, {"to": "ben"})
        self.attended = False
        self.tick()

    @precondition(lambda self: self.status is Status.OPEN)
    @rule()
    def mitigate(self) -> None:
        """Users are served again: nobody is called any more, and words go on."""
        self.store.tell(self.name, Kind.MITIGATED, {"text": "so"})
        self.status = Status.MITIGATED
        self.tick()

    @precondition(lambda self: self.status is Status.MITIGATED)
    @rule()
    def resolve(self) -> None:
        """It is over."""
        self.store.tell(self.name, Kind.RESOLVED, {"text": "so"})
        self.status = Status.RESOLVED
        self.tick()

    def told(self) -> list[events.Event]:
        """The words that were told."""
        return [e for e in self.store.read(self.name).events if e.kind == Kind.TOLD]

    @invariant()
    def the_right_tier_once(self) -> None:
        """Tiers rise to what the time without anybody asks for; none is called twice."""
        if not hasattr(self, "name"):
            return
        found = self.store.read(self.name).events
        tiers = [int(e.data["tier"]) for e in found if e.kind == Kind.ESCALATED]
        assert tiers == sorted(set(tiers))
        assert tiers[-1] == max(n for n, s in enumerate(TIERS_S) if s <= self.unattended_s)

    @invariant()
    def words_in_their_rhythm(self) -> None:
        """Neither early, nor late, nor twice; after the end there is none."""
        if not hasattr(self, "name"):
            return
        told = self.told()
        updates = [e for e in told if e.data["what"] == "update"]
        for each in updates:
            before = told[told.index(each) - 1]
            assert each.moment.uptime_s - before.moment.uptime_s >= EVERY_S
        counted = Counter(str(e.data["what"]) for e in told)
        assert counted["opened"] == 1
        assert counted["mitigated"] == (self.status is not Status.OPEN)
        assert counted["resolved"] == (self.status is Status.RESOLVED)
        if self.status is not Status.RESOLVED:
            assert 1000 + self.true_s - told[-1].moment.uptime_s < EVERY_S
        else:
            assert told[-1].data["what"] == "resolved"

    @invariant()
    def messages_once(self) -> None:
        """Every page is a message of its own, and each event has its message exactly once."""
        if not hasattr(self, "name"):
            return
        incident = self.store.read(self.name)
        made = [m["id"] for e in incident.events for m in e.data.get("messages", ())]
        assert len(made) == len(set(made))
        pages = [
            each for each in outbox_of(incident).messages.values() if each.message.act is Act.PAGE
        ]
        calls = [e for e in incident.events if e.kind == Kind.ESCALATED]
        assert len(pages) == len(calls)
        briefs = [e for e in outbox_of(incident).messages.values() if e.message.act is Act.BRIEF]
        assert len(briefs) == sum(int(e.data["tier"]) == len(TIERS_S) - 1 for e in calls)


TestWatches = pytest.mark.timeout(240)(Watches.TestCase)
TestWatches.settings = settings(
    max_examples=5,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
