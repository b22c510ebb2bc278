"""Who is called when, and when the next word is due: through kills, clock jumps and long pauses."""

import itertools
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.runbooks.test_truth_of_templates import Everybody

from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.keeping.cadence import due_word, interval_s
from info_assistant.runbooks.keeping.composing import Composer, is_last
from info_assistant.runbooks.keeping.escalation import contacts_for, due_call, reached, tiers_of
from info_assistant.runbooks.keeping.keeper import Keeper
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.outbox.messages import Act
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.record import events
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident, incident_of
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.shipped import NAME, shipped_runbook
from info_assistant.runbooks.telling.facts import Facts

RUNBOOK = parse_runbook(shipped_runbook(), NAME)
MINUTES = (0, 15, 30, 60)


@dataclass
class World:
    """A record, a wall clock that lies and a true clock since boot; `tick` does what is due."""

    events: list[Event]
    true_s: float = 0.0
    wall_off_s: float = 0.0

    @property
    def now(self) -> Instant:
        """This moment as a process sees it."""
        wall = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
        return Instant(
            wall + timedelta(seconds=self.true_s + self.wall_off_s), "boot-1", 1000 + self.true_s
        )

    def tell(self, kind: Kind, **data: object) -> None:
        """Append an event at this moment."""
        number = len(self.events) + 1
        moment = self.now
        event = Event(number, moment.wall, "ada", "desk", kind, data, "", f"{number}", "", moment)
        self.events.append(event)

    @property
    def incident(self) -> Incident:
        """What the record says, read anew as after a kill."""
        return incident_of(self.events)

    def tick(self) -> None:
        """Do what is due, as the keeper does."""
        call = due_call(self.incident, RUNBOOK, self.now)
        if call is not None:
            self.tell(Kind.ESCALATED, tier=call.tier, roles=[each.role for each in call.contacts])
        word = due_word(self.incident, RUNBOOK, self.now)
        if word is not None:
            self.tell(Kind.TOLD, what=word)

    def tiers(self) -> list[int]:
        """The tiers that were called, in their order."""
        return [int(e.data["tier"]) for e in self.events if e.kind == Kind.ESCALATED]

    def words(self) -> list[str]:
        """What was told."""
        return [str(e.data["what"]) for e in self.events if e.kind == Kind.TOLD]


def opened(scenario: str = "P0-1") -> World:
    """An incident that has just been opened."""
    world = World([])
    world.tell(Kind.OPENED, id="i", title="t", scenario=scenario)
    return world


@pytest.mark.parametrize(
    ("seconds", "tier"),
    [(0, 0), (899, 0), (900, 1), (1799, 1), (1800, 2), (3599, 2), (3600, 3), (86_400, 3)],
)
def test_the_boundary_belongs_to_the_next_tier(seconds: int, tier: int) -> None:
    """At 15:00 the second tier is called, at 30:00 the third, at 60:00 the last."""
    world = opened()
    world.tick()
    world.true_s = seconds
    world.tick()
    world.tick()
    assert world.tiers() == ([0, tier] if tier else [0])


def test_after_a_pause_everybody_passed_over_is_called_once() -> None:
    """90 minutes asleep: one call of the last tier, with those of the tiers between; one word."""
    world = opened()
    world.tick()
    world.true_s = 90 * 60
    for _ in range(3):
        world.tick()
    assert world.tiers() == [0, 3]
    assert set(world.events[-2].data["roles"]) >= {"Engineering Manager", "CTO"}
    assert world.words() == ["opened", "update"]


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_a_wrong_clock_calls_nobody(jump_s: int) -> None:
    """A wall clock set an hour forward or back changes neither tier nor cadence."""
    world = opened()
    world.tick()
    world.true_s, world.wall_off_s = 60, jump_s
    world.tick()
    assert world.tiers() == [0]
    assert world.words() == ["opened"]
    world.true_s = 15 * 60
    world.tick()
    assert world.tiers() == [0, 1]
    assert world.words() == ["opened", "update"]


def test_on_another_machine_the_wall_clock_counts() -> None:
    """Moments of different boots are compared by the wall clock, never below zero."""
    world = opened()
    later = replace(world.now, boot="boot-2", uptime_s=1, wall=world.now.wall + timedelta(hours=1))
    call = due_call(world.incident, RUNBOOK, later)
    assert call is not None
    assert call.tier == 3


def test_an_acknowledgement_stops_it_and_a_handing_over_goes_on() -> None:
    """The clock stands while somebody cares, and goes on from there for who has to acknowledge."""
    world = opened()
    world.tick()
    world.true_s = 10 * 60
    world.tell(Kind.ACKNOWLEDGED)
    world.true_s = 120 * 60
    world.tick()
    assert world.tiers() == [0]
    world.tell(Kind.HANDED_OFF, to="ben")
    world.true_s += 4 * 60
    world.tick()
    assert world.tiers() == [0]
    world.true_s += 60
    world.tick()
    assert world.tiers() == [0, 1]


def test_the_cadence_is_the_runbooks(seed: Runbook) -> None:
    """Every 15 minutes for P0-1 and every 30 for P0-4 in the seed; ours says 20."""
    assert interval_s(seed, "P0-1") == 15 * 60
    assert interval_s(seed, "P0-4") == 30 * 60
    assert interval_s(RUNBOOK, "P0-4") == 20 * 60
    assert interval_s(RUNBOOK, "P0-2") == 15 * 60


def test_the_seeds_tiers_and_their_people(seed: Runbook) -> None:
    """On-call, manager, CTO; the last tier names nobody and is for those of the tier before."""
    roles = [[each.role for each in contacts_for(tier, seed)] for tier in tiers_of(seed)]
    assert roles == [["On-Call Engineer"], ["Engineering Manager"], ["CTO"], ["CTO"]]


class Nights(RuleBasedStateMachine):
    """Any order of waiting, sleeping, jumping clocks, restarts, acknowledging and handing over."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.unattended_s = 0.0
        self.attended = False
        self.highest = 0

    @initialize()
    def begin(self) -> None:
        """Open an incident."""
        self.world = opened()
        self.world.tick()

    @rule(minutes=st.integers(0, 100))
    def wait(self, minutes: int) -> None:
        """Time passes, awake or not; each look at the clock does what is due."""
        self.world.true_s += minutes * 60
        self.unattended_s += 0 if self.attended else minutes * 60
        self.world.tick()
        if not self.attended:
            due = max(at for at, m in enumerate(MINUTES) if m * 60 <= self.unattended_s)
            self.highest = max(self.highest, due)

    @rule(hours=st.sampled_from([-1, 1]))
    def jump(self, hours: int) -> None:
        """Somebody sets the wall clock."""
        self.world.wall_off_s += hours * 3600
        self.world.tick()

    @rule()
    def kill(self) -> None:
        """The process is killed and starts again: nothing but the record is left."""
        self.world = World(list(self.world.events), self.world.true_s, self.world.wall_off_s)
        self.world.tick()
        self.world.tick()

    @rule()
    def acknowledge(self) -> None:
        """Somebody cares."""
        self.world.tell(Kind.ACKNOWLEDGED)
        self.attended = True

    @rule()
    def hand_over(self) -> None:
        """Somebody else is to care."""
        self.world.tell(Kind.HANDED_OFF, to="ben")
        self.attended = False

    @invariant()
    def each_tier_once_and_the_right_one(self) -> None:
        """Tiers only rise, none twice, and the highest is the one that the time asks for."""
        tiers = self.world.tiers()
        assert tiers == sorted(set(tiers))
        assert reached(self.world.incident) == self.highest

    @invariant()
    def words_keep_their_distance(self) -> None:
        """No two words of the cadence are closer than it, by the true clock."""
        told = [e.moment.uptime_s for e in self.world.events if e.kind == Kind.TOLD]
        assert all(b - a >= 15 * 60 for a, b in itertools.pairwise(told))


TestNights = Nights.TestCase
TestNights.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def test_the_last_tier_briefs_executives_and_names_the_letter_to_customers() -> None:
    """At 60 minutes the brief goes out with the call, and the call says how customers are told."""
    world = opened()
    world.true_s = 3600
    call = due_call(world.incident, RUNBOOK, world.now)
    assert call is not None
    assert is_last(RUNBOOK, call)
    letter = Composer([Everybody()], RUNBOOK).call(world.incident, call, "c", "The brief")
    acts = {each.act: each.content.text for each in letter.messages}
    assert acts[Act.BRIEF] == "The brief"
    assert "incident update --customers" in acts[Act.PAGE]
    world.true_s = 1800
    earlier = due_call(world.incident, RUNBOOK, world.now)
    assert earlier is not None
    assert not is_last(RUNBOOK, earlier)


class Unseen:
    """Nobody knows anything of the service."""

    def facts(self, incident: Incident) -> Facts:
        """Return it."""
        del incident
        return Facts()


def test_a_path_that_begins_late_is_walked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a tier at 0 min whoever is on call is called at once, then every tier, each once."""
    late = re.sub(rb"1\. \*\*0-15 min\*\*.*\n", b"", shipped_runbook())
    assert [tier.begins_min for tier in parse_runbook(late, NAME).tiers] == [15, 30, 60]
    world = World([])
    monkeypatch.setattr(events, "this_moment", lambda: world.now)
    store = Incidents(tmp_path, Redaction(), author=("service", "desk"))
    keeper = Keeper(store, lambda _runbook: [Everybody()], Unseen(), lambda: world.now)
    name = store.open(Opening("t", "P0-1"), late, NAME).id
    for minute in (0, 1, 15, 16, 30, 31, 60, 61):
        world.true_s = minute * 60
        keeper.tick()
    called = [e.data["tier"] for e in store.read(name).events if e.kind == Kind.ESCALATED]
    assert called == [0, 1, 2, 3]
