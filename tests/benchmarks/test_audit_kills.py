"""The trial of the audit trail, in short: three kills of a busy backend."""

import asyncio
from pathlib import Path

import pytest
from benchmarks.audit_kills import trial


@pytest.mark.stack
@pytest.mark.model
def test_what_a_killed_backend_acknowledged_is_in_the_trail(tmp_path: Path) -> None:
    """After each `kill -9` under load every answered request is in the trail, as it was told."""
    outcome = asyncio.run(trial(tmp_path, 3))
    assert outcome["kills_that_cut_requests_off"] == 3
    assert outcome["acknowledged"] > 20
    assert outcome["acknowledged_but_missing"] == []
    assert outcome["told_otherwise"] == []
    assert outcome["events_twice"] == 0
    assert outcome["answers_without_record"] == []
    assert outcome["holds"]
