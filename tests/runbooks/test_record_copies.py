"""A second person on another machine: joining, going on, and what both did kept on both sides."""

import json
from pathlib import Path

import pytest
from tests.runbooks.test_record import ME, OTHER, RUNBOOK, machine

from info_assistant.runbooks.errors import RecordBroken
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Status
from info_assistant.runbooks.record.store import Incidents, Opening


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Incidents, Incidents, str]:
    """Two machines; the first has an incident with one note, the second has joined it."""
    here, there = machine(tmp_path / "here", ME), machine(tmp_path / "there", OTHER)
    name = here.open(Opening("It is slow", "P1-1"), RUNBOOK, "slow.md").id
    here.tell(name, Kind.NOTED, {"text": "here 1"})
    there.join(json.dumps(here.export(name)))
    return here, there, name


def texts(store: Incidents, name: str) -> list[str]:
    """Return the texts of all notes."""
    return [event.data["text"] for event in store.read(name).events if event.kind == "noted"]


def test_the_copy_is_whole(machines: tuple[Incidents, Incidents, str]) -> None:
    """The copy has the same chain and the same runbook, byte for byte."""
    here, there, name = machines
    assert there.read(name).head == here.read(name).head
    assert there.runbook(name).sha256 == here.runbook(name).sha256
    assert here.export(name) == there.export(name)


def test_a_newer_export_is_taken_over(machines: tuple[Incidents, Incidents, str]) -> None:
    """Joining again brings what is new, and nothing twice."""
    here, there, name = machines
    here.tell(name, Kind.NOTED, {"text": "here 2"})
    assert there.join(json.dumps(here.export(name)))[1] == 1
    assert there.join(json.dumps(here.export(name)))[1] == 0
    assert texts(there, name) == ["here 1", "here 2"]
    assert here.join(json.dumps(there.export(name)))[1] == 0


def test_both_went_on(machines: tuple[Incidents, Incidents, str]) -> None:
    """What both did meanwhile is on both sides after each joined the other, each event once."""
    here, there, name = machines
    here.tell(name, Kind.NOTED, {"text": "here 2"})
    there.tell(name, Kind.NOTED, {"text": "there 1"})
    there.tell(name, Kind.RESOLVED, {"text": "so"})
    assert here.join(json.dumps(there.export(name)))[1] == 2
    assert here.read(name).status is Status.RESOLVED
    there.join(json.dumps(here.export(name)))
    assert (
        sorted(texts(here, name)) == sorted(texts(there, name)) == ["here 1", "here 2", "there 1"]
    )
    there.tell(name, Kind.NOTED, {"text": "there 2"})
    here.tell(name, Kind.NOTED, {"text": "here 3"})
    here.join(json.dumps(there.export(name)))
    there.join(json.dumps(here.export(name)))
    assert sorted(texts(here, name)) == sorted(texts(there, name))
    assert len(texts(here, name)) == 5


def test_a_foreign_part_cannot_be_changed(machines: tuple[Incidents, Incidents, str]) -> None:
    """Events taken over from elsewhere are verified like our own."""
    here, there, name = machines
    here.tell(name, Kind.NOTED, {"text": "here 2"})
    there.tell(name, Kind.NOTED, {"text": "there 1"})
    exported = there.export(name)
    exported["record"][-1] = exported["record"][-1].replace("there 1", "there 9")
    with pytest.raises(RecordBroken):
        here.join(json.dumps(exported))
    assert texts(here, name) == ["here 1", "here 2"]


@pytest.mark.parametrize(
    "change",
    [
        {"record": []},
        {"record": None},
        {"record": ["{}"]},
        {"runbook": "%%%"},
        {"runbook": "YWJj"},
        {"id": "../x"},
        {"id": "2026-01-01-other-0000"},
        {"id": 7},
    ],
)
def test_what_is_no_export_is_refused(
    machines: tuple[Incidents, Incidents, str], tmp_path: Path, change: dict[str, object]
) -> None:
    """A file that is damaged, made up or of something else makes no incident."""
    here, _there, name = machines
    third = machine(tmp_path / "third")
    with pytest.raises(RecordBroken):
        third.join(json.dumps({**here.export(name), **change}))
    with pytest.raises(RecordBroken):
        third.join("no JSON")
    assert third.names() == []


def test_another_incident_of_the_same_name_is_refused(
    machines: tuple[Incidents, Incidents, str], tmp_path: Path
) -> None:
    """Two records that share no event are two incidents, whatever they are called."""
    here, _there, name = machines
    stranger = machine(tmp_path / "stranger")
    other = stranger.open(Opening("x", "P1-1"), RUNBOOK, "slow.md").id
    (tmp_path / "stranger" / other).rename(tmp_path / "stranger" / name)
    exported = stranger.export(name)
    with pytest.raises(RecordBroken):
        here.join(json.dumps(exported))
