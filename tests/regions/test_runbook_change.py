"""A change in DNS that a runbook makes has a way back, which Route 53 takes and which restores."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.regions.conftest import Zone, record

from info_assistant.runbooks.linting.cases import Case, Facts
from info_assistant.runbooks.running.dns import dns_back, dns_probe
from info_assistant.runbooks.running.plan import case_as_run

_FACTS = Facts(None, scaled_by_itself=False, label=None, controllers=frozenset())
_LINE = "aws route53 change-resource-record-sets --hosted-zone-id {} --change-batch {}"


def case(zone: str, batch: str) -> Case:
    """The command of a runbook, taken apart."""
    return case_as_run(_LINE.format(zone, batch), 1, _FACTS)


def printed(zone: str, batch: Mapping[str, Any], records: object) -> str:
    """What the probe prints: zone, batch and records, one JSON document behind the other."""
    listed = json.dumps({"ResourceRecordSets": records}, indent=4)
    return f'"{zone}"\n{json.dumps(batch, indent=2)}{listed}\n'


def test_route53_takes_the_way_back_and_has_the_old_records_again(zone: Zone) -> None:
    """Weights swapped, a record added and one deleted: afterwards each is what it was."""
    before = zone.records()
    new = record("third", 5)
    gone = next(each for each in before if each["Name"].startswith("plain"))
    swapped = [
        {**each, "Weight": 100 - each["Weight"]}
        for each in before
        if each["Type"] == "A" and "Weight" in each
    ]
    changes = [{"Action": "UPSERT", "ResourceRecordSet": each} for each in [*swapped, new]]
    changes.append({"Action": "DELETE", "ResourceRecordSet": gone})
    batch = {"Changes": changes}
    back = dns_back(printed(zone.id, batch, before))
    zone.client.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch=batch)
    assert zone.records() != before
    assert back is not None
    words = shlex.split(back)
    assert words[:5] == [*_LINE.split()[:3], "--hosted-zone-id", zone.id]
    zone.client.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch=json.loads(words[-1]))
    assert zone.records() == before


def test_the_probe_reads_the_batch_where_the_command_does() -> None:
    """A file or the text itself; with a variable for the zone it is the shell that knows it."""
    probe = dns_probe(case('"$HOSTED_ZONE_ID"', "file://failover.json"))
    assert probe is not None
    assert "cat failover.json" in probe
    assert 'list-resource-record-sets --hosted-zone-id "$HOSTED_ZONE_ID"' in probe
    inline = dns_probe(case("Z1", "'{\"Changes\": []}'"))
    assert inline is not None
    assert "printf '%s' '{\"Changes\": []}'" in inline
    assert dns_probe(case('"$(rm x)"', "file://failover.json")) is None
    assert dns_probe(case_as_run("aws route53 list-hosted-zones", 1, _FACTS)) is None


@given(st.text(max_size=40), st.booleans())
def test_what_cannot_be_read_has_no_way_back(noise: str, cut: bool) -> None:  # noqa: FBT001
    """Cut off, mixed up or made up: then nothing is noted rather than something wrong."""
    whole = printed("Z1", {"Changes": []}, [])
    text = whole[: len(whole) // 2] if cut else noise
    assert dns_back(text) is None
    missing = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record("first", 1)}]}
    assert dns_back(printed("Z1", missing, [])) is None
    assert dns_back(printed("Z1; rm x", {"Changes": missing["Changes"]}, [])) is None
