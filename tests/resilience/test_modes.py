"""Which modes are in force: environment and switches, precedence, contradictions, expiry."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.clocks import HandClock

from info_assistant.errors import (
    ContradictoryModes,
    IngestionPaused,
    Maintenance,
    Misconfigured,
    ModeSetByEnvironment,
    ObjectStorageUnavailable,
)
from info_assistant.model.mode import CHOICES, ORDINARY, ModeName
from info_assistant.model.traffic import Traffic
from info_assistant.ports import SharedState
from info_assistant.resilience.modes import CLOSED, Modes, SwitchOrder
from info_assistant.resilience.process_object import ProcessObject

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CACHE_ONLY, REDIS = ModeName.CACHE_ONLY_MODE, ModeName.REDIS_ENABLED
MAINTENANCE, PAUSED = ModeName.MAINTENANCE_MODE, ModeName.INGESTION_PAUSED
PROVIDER, MESSAGE = ModeName.LLM_PROVIDER, ModeName.MAINTENANCE_MESSAGE


@dataclass
class Bench:
    """Modes over a shared object and a clock that a test holds in its hand."""

    environment: Mapping[ModeName, str] = field(default_factory=dict)
    shared: ProcessObject = field(default_factory=ProcessObject)
    clock: HandClock = field(default_factory=lambda: HandClock(START))

    def __post_init__(self) -> None:
        """Put the modes together."""
        self.modes = Modes(self.environment, self.shared, self.clock)

    async def throw(self, expires_s: float | None = None, **values: str | None) -> None:
        """Throw switches."""
        await self.modes.order(order(values, expires_s))

    @property
    def active(self) -> dict[str, str]:
        """The values in force by name."""
        return {each.name.value: each.value for each in self.modes.in_force()}


def order(values: Mapping[str, str | None], expires_s: float | None = None) -> SwitchOrder:
    """Return the wish to set these."""
    return SwitchOrder(
        {ModeName(name): value for name, value in values.items()},
        actor="ada",
        reason="a drill",
        on_behalf_of="the incident service",
        expires_in=timedelta(seconds=expires_s) if expires_s else None,
    )


def at_once(step: Coroutine[Any, Any, object]) -> None:
    """Do a step that waits for nothing; an event loop for each would cost far more."""
    with pytest.raises(StopIteration):
        step.send(None)


async def test_a_switch_says_who_why_and_until_when() -> None:
    """What is in force carries its source, actor, reason and times."""
    bench = Bench({PAUSED: "true"})
    await bench.throw(60, MAINTENANCE_MODE="true")
    closed, paused = bench.modes.in_force()
    assert (closed.name, closed.source, closed.actor) == (MAINTENANCE, "switch", "ada")
    assert (closed.on_behalf_of, closed.reason) == ("the incident service", "a drill")
    assert (closed.since, closed.expires_at) == (START, START + timedelta(seconds=60))
    assert (paused.name, paused.source, paused.actor) == (PAUSED, "environment", "")


async def test_expired_switches_vanish_on_every_replica_and_from_the_object() -> None:
    """At its moment a switch ends everywhere without anybody writing; the next write drops it."""
    one = Bench()
    other = Bench(shared=one.shared, clock=one.clock)
    await one.throw(60, MAINTENANCE_MODE="true")
    await one.throw(None, INGESTION_PAUSED="true")
    one.clock.at += timedelta(seconds=59.9)
    assert other.active == {"MAINTENANCE_MODE": "true", "INGESTION_PAUSED": "true"}
    one.clock.at += timedelta(seconds=0.1)
    assert one.active == other.active == {"INGESTION_PAUSED": "true"}
    await other.throw(None, LLM_PROVIDER="extractive")
    assert set(one.shared.current.fields) == {"INGESTION_PAUSED", "LLM_PROVIDER"}


@pytest.mark.parametrize(
    ("environment", "values"),
    [
        ({MAINTENANCE: "true"}, {"MAINTENANCE_MODE": None}),
        ({MAINTENANCE: "true"}, {"MAINTENANCE_MODE": "false"}),
        ({REDIS: "false"}, {"REDIS_ENABLED": "true"}),
        ({PROVIDER: "openai"}, {"LLM_PROVIDER": "anthropic"}),
        ({MESSAGE: "Soon."}, {"MAINTENANCE_MESSAGE": "Later."}),
        ({PAUSED: "true"}, {"MAINTENANCE_MODE": "true", "INGESTION_PAUSED": None}),
    ],
)
async def test_no_switch_lifts_what_the_environment_set(
    environment: Mapping[ModeName, str], values: dict[str, str | None]
) -> None:
    """It is refused with the command that can, and nothing of the order is done."""
    bench = Bench(environment)
    name = next(iter(environment))
    with pytest.raises(ModeSetByEnvironment, match=rf"kubectl set env \S+ {name.value}-"):
        await bench.throw(None, **values)
    assert bench.shared.current.version == 0
    assert bench.active == {name.value: environment[name]}


async def test_a_switch_to_the_same_effect_outlives_the_variable() -> None:
    """Environment and switch may agree; the switch is still there when the variable goes."""
    bench = Bench({MAINTENANCE: "true"})
    await bench.throw(None, MAINTENANCE_MODE="true")
    assert bench.modes.in_force()[0].source == "environment"
    after = Bench(shared=bench.shared, clock=bench.clock)
    assert after.modes.in_force()[0].source == "switch"


@pytest.mark.parametrize(
    ("environment", "first", "second"),
    [
        ({}, {"CACHE_ONLY_MODE": "true"}, {"REDIS_ENABLED": "false"}),
        ({}, {"REDIS_ENABLED": "false"}, {"CACHE_ONLY_MODE": "true"}),
        ({}, {}, {"CACHE_ONLY_MODE": "true", "REDIS_ENABLED": "false"}),
        ({REDIS: "false"}, {}, {"CACHE_ONLY_MODE": "true"}),
        ({CACHE_ONLY: "true"}, {}, {"REDIS_ENABLED": "false"}),
    ],
)
async def test_contradictory_switches_are_refused(
    environment: Mapping[ModeName, str],
    first: dict[str, str | None],
    second: dict[str, str | None],
) -> None:
    """Only known answers and no cache exclude each other, whoever set the first of them."""
    bench = Bench(environment)
    await bench.throw(None, **first)
    before = bench.active
    with pytest.raises(ContradictoryModes):
        await bench.throw(None, **second)
    assert bench.active == before


async def test_one_of_two_contradictory_modes_may_replace_the_other_in_one_order() -> None:
    """Lifting one and setting the other at once is no contradiction."""
    bench = Bench()
    await bench.throw(None, CACHE_ONLY_MODE="true")
    await bench.throw(None, CACHE_ONLY_MODE=None, REDIS_ENABLED="false")
    assert bench.active == {"REDIS_ENABLED": "false"}


def test_contradictory_environment_does_not_start() -> None:
    """Whoever set both reads so before anything is served."""
    with pytest.raises(Misconfigured, match=r"CACHE_ONLY_MODE.*REDIS_ENABLED"):
        Modes({CACHE_ONLY: "true", REDIS: "false"})


async def test_a_switch_waits_for_an_environment_that_came_to_contradict_it() -> None:
    """The new variable is in force, the older switch is not, and other switches can be thrown."""
    old = Bench()
    await old.throw(None, CACHE_ONLY_MODE="true")
    new = Bench({REDIS: "false"}, shared=old.shared, clock=old.clock)
    assert new.active == {"REDIS_ENABLED": "false"}
    assert old.active == {"CACHE_ONLY_MODE": "true"}
    await new.throw(None, INGESTION_PAUSED="true")
    assert new.active == {"REDIS_ENABLED": "false", "INGESTION_PAUSED": "true"}


async def test_maintenance_closes_all_but_probes_and_administration() -> None:
    """Everything else is refused with the operators' words and the time that is left."""
    bench = Bench()
    for traffic in Traffic:
        bench.modes.require_open(traffic)
    await bench.throw(90, MAINTENANCE_MODE="true")
    for traffic in set(Traffic) - {Traffic.PROBE, Traffic.ADMIN}:
        with pytest.raises(Maintenance) as caught:
            bench.modes.require_open(traffic)
        assert (caught.value.message, caught.value.retry_after_s) == (CLOSED, 90)
    bench.modes.require_open(Traffic.PROBE)
    bench.modes.require_open(Traffic.ADMIN)
    await bench.throw(None, MAINTENANCE_MESSAGE="Back at noon.")
    with pytest.raises(Maintenance, match="Back at noon"):
        bench.modes.require_open(Traffic.QUESTION)


async def test_paused_intake_refuses_uploads_only() -> None:
    """Questions, reading and changes go on."""
    bench = Bench()
    await bench.throw(None, INGESTION_PAUSED="true")
    with pytest.raises(IngestionPaused):
        bench.modes.require_open(Traffic.INGESTION)
    for traffic in set(Traffic) - {Traffic.INGESTION}:
        bench.modes.require_open(traffic)


async def test_served_mode_names_what_is_in_force_in_characters_that_a_header_may_have() -> None:
    """`normal`, or each mode; a message is no part of it, whatever it says."""
    bench = Bench()
    assert bench.modes.served_mode == "normal"
    await bench.throw(None, MAINTENANCE_MESSAGE="Bis später\r\n…")
    assert bench.modes.served_mode == "normal"
    await bench.throw(None, CACHE_ONLY_MODE="true", LLM_PROVIDER="extractive")
    assert bench.modes.served_mode == "LLM_PROVIDER=extractive, CACHE_ONLY_MODE"


async def test_without_object_storage_the_way_by_the_environment_is_named() -> None:
    """No switch can be thrown then; the error says what can be done instead."""

    class Gone(ProcessObject):
        async def change(
            self, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]
        ) -> SharedState:
            raise ObjectStorageUnavailable(f"It does not answer, so {edit} is not made.")

    modes = Modes({}, Gone())
    expected = r"kubectl set env deployment/backend 'MAINTENANCE_MESSAGE=Back soon' REDIS_ENABLED-"
    with pytest.raises(ObjectStorageUnavailable, match=expected):
        await modes.order(order({"MAINTENANCE_MESSAGE": "Back soon", "REDIS_ENABLED": None}))


SOMETHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*ModeName, "LATER_MODE"]), SOMETHING))
async def test_what_another_version_stored_stops_nothing(stored: dict[str, Any]) -> None:
    """Whatever lies in the object, modes can be read and set, and unknown names stay."""
    shared = ProcessObject()
    await shared.change(lambda _fields: {str(name): value for name, value in stored.items()})
    modes = Modes({}, shared)
    assert modes.in_force() == ()
    await modes.order(order({"MAINTENANCE_MODE": "true"}))
    assert [each.name for each in modes.in_force()] == [MAINTENANCE]
    if "LATER_MODE" in stored:
        assert shared.current.fields["LATER_MODE"] == stored["LATER_MODE"]


async def test_unknown_fields_of_a_switch_are_no_hindrance() -> None:
    """A later version may say more of a switch."""
    shared = ProcessObject()
    await Bench(shared=shared).throw(None, CACHE_ONLY_MODE="true")
    switch = shared.current.fields["CACHE_ONLY_MODE"]
    await shared.change(lambda fields: {**fields, "CACHE_ONLY_MODE": {**switch, "later": [1]}})
    assert Bench(shared=shared).active == {"CACHE_ONLY_MODE": "true"}


def _values(name: ModeName) -> st.SearchStrategy[str]:
    return st.sampled_from(CHOICES.get(name, ("Soon.", "Later.")))


ENVIRONMENTS = st.fixed_dictionaries(
    {}, optional={name: _values(name) for name in ModeName}
).filter(lambda given: not (given.get(CACHE_ONLY) == "true" and given.get(REDIS) == "false"))
ORDERS = st.fixed_dictionaries(
    {}, optional={name: st.none() | _values(name) for name in ModeName}
).filter(bool)


class TwoReplicas(RuleBasedStateMachine):
    """Two replicas with environments of their own under orders and passing time."""

    @initialize(one=ENVIRONMENTS, other=ENVIRONMENTS)
    def start(self, one: Mapping[ModeName, str], other: Mapping[ModeName, str]) -> None:
        """Start both on one object."""
        shared, self.clock = ProcessObject(), HandClock(START)
        self.replicas = [Bench(each, shared, self.clock) for each in (one, other)]
        self.switches: dict[ModeName, tuple[str, datetime | None]] = {}

    @rule(replica=st.integers(0, 1), values=ORDERS, expires_s=st.none() | st.integers(1, 100))
    def throw(
        self, replica: int, values: Mapping[ModeName, str | None], expires_s: int | None
    ) -> None:
        """Throw switches at one replica; the model says whether it must be refused."""
        bench = self.replicas[replica]
        wanted = {name: None if v == ORDINARY[name] else v for name, v in values.items()}
        fixed = self._special(bench)
        until = self.clock.at + timedelta(seconds=expires_s) if expires_s else None
        after = {name: kept for name, kept in self._living().items() if name not in wanted}
        after |= {name: (value, until) for name, value in wanted.items() if value is not None}
        refusal: type[Exception] | None = None
        both = {CACHE_ONLY, REDIS}
        if any(name in fixed and wanted[name] != fixed[name] for name in wanted):
            refusal = ModeSetByEnvironment
        elif both <= fixed.keys() | after.keys() and any(wanted.get(name) for name in both):
            refusal = ContradictoryModes
        given = order({name.value: value for name, value in values.items()}, expires_s)
        if refusal is None:
            at_once(bench.modes.order(given))
            self.switches = after
            return
        with pytest.raises(refusal):
            at_once(bench.modes.order(given))

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.clock.at += timedelta(seconds=seconds)

    @invariant()
    def each_replica_is_as_the_rules_say(self) -> None:
        """The environment is in force, then the switches that neither expired nor contradict."""
        for bench in self.replicas:
            fixed = self._special(bench)
            expected = {name: value for name, (value, _) in self._living().items()} | fixed
            if {CACHE_ONLY, REDIS} <= expected.keys():
                expected = {
                    name: value
                    for name, value in expected.items()
                    if name in fixed or name not in {CACHE_ONLY, REDIS}
                }
            assert bench.active == expected
            assert not {CACHE_ONLY, REDIS} <= bench.active.keys()
            assert fixed.items() <= bench.active.items()

    @staticmethod
    def _special(bench: Bench) -> dict[ModeName, str]:
        return {name: v for name, v in bench.environment.items() if v != ORDINARY[name]}

    def _living(self) -> dict[ModeName, tuple[str, datetime | None]]:
        return {
            name: (value, until)
            for name, (value, until) in self.switches.items()
            if until is None or until > self.clock.at
        }


test_two_replicas = TwoReplicas.TestCase
test_two_replicas.settings = settings(deadline=None)
