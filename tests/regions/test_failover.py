"""Plans lead everybody to the second region, are taken back exactly, and never overrule others."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.regions.conftest import NAME, Zone, record, ship

from info_assistant.errors import (
    Conflict,
    InvalidRequest,
    Misconfigured,
    NotFound,
    StoredDataInvalid,
    Unavailable,
)
from info_assistant.regions.failover import Failover, Plan, PlanFiles
from info_assistant.regions.loss import newest_backup
from info_assistant.regions.records import RecordSet, batch_of, records_of, same, shifted
from info_assistant.settings import Settings
from info_assistant.stores.blobs import ObjectBlobs


@pytest.fixture
def leading(zone: Zone) -> Failover:
    """Lead the readers of the zone to its second region."""
    return Failover(zone.dns(), [NAME.upper()], "second")


@pytest.fixture
def files(tmp_path: Path) -> PlanFiles:
    """Keep a plan in a folder of its own."""
    return PlanFiles(tmp_path / "failover.json")


def test_everybody_is_led_over_and_every_record_comes_back(
    zone: Zone, leading: Failover, files: PlanFiles
) -> None:
    """All weight goes to the second region, for each type; back is word for word what there was."""
    before = zone.records()
    files.write(leading.plan())
    assert zone.records() == before, "a plan changes nothing"
    assert leading.apply(files.read())
    assert zone.weights() == {"first": 0, "second": 100}
    led = {
        (each["Type"], each["SetIdentifier"]): each for each in zone.records() if "Weight" in each
    }
    assert led["AAAA", "second"]["Weight"] == 100
    assert led["AAAA", "first"]["Weight"] == 0
    assert not leading.apply(files.read()), "once more changes nothing"
    assert leading.back(files.read())
    assert zone.records() == before
    assert not leading.back(files.read())


def test_a_change_by_somebody_else_stops_both_ways(
    zone: Zone, leading: Failover, files: PlanFiles
) -> None:
    """A record that is not as planned is named, and nothing is changed, there and back."""
    files.write(leading.plan())
    zone.upsert(record("second", 0, ResourceRecords=[{"Value": "198.51.100.7"}]))
    with pytest.raises(Conflict, match="A 'second'"):
        leading.apply(files.read())
    assert zone.weights() == {"first": 100, "second": 0}
    zone.upsert(record("second", 0))
    leading.apply(files.read())
    zone.upsert(record("third", 5))
    with pytest.raises(Conflict, match="'third'"):
        leading.back(files.read())
    assert zone.weights() == {"first": 0, "second": 100, "third": 5}


def test_a_way_back_is_never_replaced_by_another(
    zone: Zone, leading: Failover, files: PlanFiles
) -> None:
    """After failing over no new plan is made; a way back to other records stays in its place."""
    files.write(leading.plan())
    kept = files.back.read_bytes()
    leading.apply(files.read())
    with pytest.raises(Conflict, match="already"):
        leading.plan()
    zone.upsert(record("first", 10))
    with pytest.raises(Conflict, match="not replaced"):
        files.write(leading.plan())
    assert files.back.read_bytes() == kept


def test_what_would_leave_readers_behind_is_refused(zone: Zone) -> None:
    """A name without weighted records, a type without the second region's, a zone that is not."""
    with pytest.raises(NotFound, match="no weighted records"):
        Failover(zone.dns(), ["plain.example.org"], "second").plan()
    with pytest.raises(NotFound, match="'elsewhere'"):
        Failover(zone.dns(), [NAME], "elsewhere").plan()
    elsewhere = Zone("Z0000000MISSING", zone.endpoint, zone.client)
    with pytest.raises(NotFound, match="ROUTE53_ZONE_ID"):
        Failover(elsewhere.dns(), [NAME], "second").plan()


def test_a_route_53_that_does_not_answer_is_said_so(
    zone: Zone, free_port: Callable[[], int]
) -> None:
    """Nothing is known of the records then, which is what the message says."""
    silent = Zone(zone.id, f"http://127.0.0.1:{free_port()}", zone.client)
    with pytest.raises(Unavailable, match="not known"):
        silent.dns().weighted([NAME])


def batch(*changes: dict[str, Any]) -> bytes:
    """Return a batch of changes as somebody may have written it."""
    return json.dumps({"Changes": changes}).encode()


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"[]",
        b"{}",
        batch(),
        batch({"Action": "DELETE", "ResourceRecordSet": record("second", 0)}),
        batch({"Action": "UPSERT", "ResourceRecordSet": record("ZXXXXX", 100)}),
        batch({"Action": "UPSERT", "ResourceRecordSet": record("second", -1)}),
        batch(*[{"Action": "UPSERT", "ResourceRecordSet": record("second", 100)}] * 2),
        batch({"Action": "UPSERT", "ResourceRecordSet": {"Name": NAME, "Type": "A"}}),
    ],
)
def test_a_file_that_is_no_plan_is_refused(files: PlanFiles, written: bytes) -> None:
    """Half a file, deletions, placeholders, twice the same record: never sent."""
    files.there.write_bytes(written)
    files.back.write_bytes(batch_of([RecordSet(record("second", 0))], ""))
    with pytest.raises(InvalidRequest):
        files.read()


def test_a_plan_that_changes_more_than_weights_is_refused(files: PlanFiles) -> None:
    """An edited address, or a way back that lacks or adds a record, could not be taken back."""
    first, second = RecordSet(record("first", 100)), RecordSet(record("second", 0))
    with pytest.raises(NotFound, match="failover plan"):
        files.read()
    moved = RecordSet(record("second", 100, TTL=5))
    for before, after in ([second], [moved]), ([first], [second]), ([first, second], [second]):
        files.back.write_bytes(batch_of(before, ""))
        files.there.write_bytes(batch_of(after, ""))
        with pytest.raises(InvalidRequest):
            files.read()


names = st.sampled_from([NAME, "docs.example.org", "*.example.org"])
kinds = st.sampled_from(["A", "AAAA", "CNAME"])
identifiers = st.sampled_from(["first", "second", "third"])
weights = st.integers(0, 255)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.tuples(names, kinds, identifiers), weights, min_size=1))
def test_a_shift_is_whole_and_its_inverse_exact(given_weights: dict[Any, int]) -> None:
    """Each name and type has all weight on the second region; files keep records as they are."""
    before = [
        RecordSet(record(identifier, weight, Name=name, Type=kind))
        for (name, kind, identifier), weight in given_weights.items()
    ]
    groups = {each.key[:2] for each in before}
    if {each.key[:2] for each in before if each.identifier == "second"} != groups:
        with pytest.raises(NotFound):
            shifted(before, "second")
        return
    after = shifted(before, "second")
    assert {each.key[:2] for each in after if each.weight} == groups
    assert all((each.weight > 0) == (each.identifier == "second") for each in after)
    assert same(records_of(batch_of(before, "was"), "file"), before)
    assert all(map(RecordSet.differs_in_weight_only, before, after))


@pytest.mark.parametrize("given_zone", ["ZXXXXX", "XXXXX", "[ZONE]", "a b"])
def test_a_placeholder_for_the_zone_is_refused(given_zone: str) -> None:
    """The runbook's ZXXXXX stands for an id; no zone is asked with it."""
    with pytest.raises(Misconfigured, match="ROUTE53_ZONE_ID"):
        Settings.from_environment({"ROUTE53_ZONE_ID": given_zone})


async def test_only_backups_that_were_called_good_count(tmp_path: Path) -> None:
    """Newer ones that are bad, unverified or on their way change nothing; the loss rounds up."""
    blobs = ObjectBlobs(str(tmp_path))
    assert await newest_backup(blobs) is None
    ship(tmp_path, timedelta(hours=5))
    wanted = ship(tmp_path, timedelta(hours=3, seconds=1))
    ship(tmp_path, timedelta(hours=1), good=False)
    ship(tmp_path, timedelta(minutes=1), good=None)
    (tmp_path / "packs" / "ab").mkdir(parents=True)
    found = await newest_backup(blobs)
    assert found is not None
    assert found.id == wanted
    assert found.loss_minutes(datetime.now(UTC)) == 181
    (tmp_path / wanted / "manifest.json").write_text('{"began_at": "yesterday"}')
    with pytest.raises(StoredDataInvalid, match=wanted):
        await newest_backup(blobs)


def test_a_plan_is_on_disk_before_it_is_told(files: PlanFiles) -> None:
    """Both files are whole, are what `aws` takes, and nothing else is left beside them."""
    before = [RecordSet(record("second", 0))]
    files.write(Plan(before, shifted(before, "second")))
    held = {path.name: json.loads(path.read_bytes()) for path in files.there.parent.iterdir()}
    assert set(held) == {"failover.json", "failover-back.json"}
    (change,) = held["failover.json"]["Changes"]
    assert change == {"Action": "UPSERT", "ResourceRecordSet": record("second", 100)}
