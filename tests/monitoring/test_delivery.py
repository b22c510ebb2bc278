"""An alert on its way: Prometheus, Alertmanager and who is told, as real processes."""

from pathlib import Path

import pytest
from benchmarks.harness.monitoring import missing_programs, monitoring
from tests.conftest import await_true

MISSING = missing_programs()


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_an_outage_reaches_the_incident_service(tmp_path: Path) -> None:
    """Where no backend is, P0-1 is told with the runbook's address, and no symptom beside it."""
    with monitoring(tmp_path / "watch", [], scale=60) as watch:
        await_true(lambda: "BackendGone" in watch.open(), 60, "the outage is told")
        told = {each["labels"]["alertname"]: each for each in watch.incidents.alerts()}
    gone = told["BackendGone"]
    assert gone["status"] == "firing"
    assert gone["labels"]["scenario"] == "P0-1"
    assert "repository" not in gone["labels"]
    address = gone["annotations"]["runbook_url"]
    assert address.startswith("https://wiki.example.org/pubsec-info-assistant/runbooks/")
    assert "Watchdog" not in told
    assert all(each["labels"]["kind"] == "cause" for each in told.values())
