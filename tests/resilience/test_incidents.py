"""Incidents: what readers are told, for how long, and who may overwrite whom."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.clocks import HandClock
from tests.resilience.test_modes import START

from info_assistant.errors import Conflict, InvalidRequest
from info_assistant.model.incident import IncidentStatus
from info_assistant.resilience.incidents import MOST_INCIDENTS, Incidents, Report
from info_assistant.resilience.process_object import ProcessObject

OUTAGE = Report("p0-1", "Answers are slow", IncidentStatus.INVESTIGATING, "We look into it.", "ada")
RESOLVED = IncidentStatus.RESOLVED


async def test_a_report_replaces_the_one_before_and_keeps_its_beginning() -> None:
    """One incident is told of once, in its latest words, on every replica."""
    shared, clock = ProcessObject(), HandClock(START)
    one, other = Incidents(shared, clock), Incidents(shared, clock)
    await one.report(OUTAGE)
    clock.at += timedelta(minutes=5)
    await other.report(replace(OUTAGE, status=IncidentStatus.IDENTIFIED, message="The disk."))
    (told,) = one.shown()
    assert (told.status, told.message) == (IncidentStatus.IDENTIFIED, "The disk.")
    assert (told.started_at, told.updated_at) == (START, clock.at)
    assert one.open_count() == 1


async def test_resolved_incidents_are_told_of_for_a_day() -> None:
    """They are not open any more; after 24 hours they are gone, also from the object."""
    shared, clock = ProcessObject(), HandClock(START)
    incidents = Incidents(shared, clock)
    await incidents.report(replace(OUTAGE, status=RESOLVED))
    assert incidents.open_count() == 0
    clock.at += timedelta(hours=24)
    assert [each.id for each in incidents.shown()] == ["p0-1"]
    clock.at += timedelta(seconds=1)
    assert incidents.shown() == []
    await incidents.report(replace(OUTAGE, id="p0-2"))
    assert [each["id"] for each in shared.current.fields["incidents"]] == ["p0-2"]


async def test_an_open_incident_never_vanishes_by_itself() -> None:
    """However old it is, somebody has to resolve it."""
    clock = HandClock(START)
    incidents = Incidents(ProcessObject(), clock)
    await incidents.report(OUTAGE)
    clock.at += timedelta(days=400)
    assert incidents.open_count() == 1


async def test_who_read_an_older_version_overwrites_nothing() -> None:
    """A version that is not the present one is refused, and nothing is changed."""
    incidents = Incidents()
    await incidents.report(OUTAGE, version=0)
    with pytest.raises(Conflict, match="version 1 is the present one"):
        await incidents.report(replace(OUTAGE, message="Old news."), version=0)
    assert [each.message for each in incidents.shown()] == ["We look into it."]


async def test_there_is_room_for_as_many_as_anybody_reads() -> None:
    """One more is refused; those that are there can still be changed."""
    incidents = Incidents()
    for n in range(MOST_INCIDENTS):
        await incidents.report(replace(OUTAGE, id=f"i{n}"))
    with pytest.raises(InvalidRequest):
        await incidents.report(replace(OUTAGE, id="one-more"))
    await incidents.report(replace(OUTAGE, id="i0", status=RESOLVED))
    assert incidents.open_count() == MOST_INCIDENTS - 1


async def test_what_another_version_stored_stays_and_stops_nothing() -> None:
    """Unknown fields and states are kept as they are when another incident is reported."""
    shared = ProcessObject()
    await Incidents(shared).report(OUTAGE)
    (known,) = shared.current.fields["incidents"]
    later = [{**known, "later": 1}, {**known, "id": "x", "status": "haunted"}]
    await shared.change(lambda _fields: {"incidents": later, "later": True})
    incidents = Incidents(shared)
    assert [each.id for each in incidents.shown()] == ["p0-1"]
    await incidents.report(replace(OUTAGE, id="p0-2"))
    assert shared.current.fields["incidents"][1:] == later
    assert shared.current.fields["later"] is True
