"""The seed's runbook, by the incident engine and the real kubectl, against the simulator."""

from pathlib import Path

import pytest
from benchmarks.harness.option_trials import trial
from benchmarks.harness.outage_world import MODEL
from benchmarks.options import OPTIONS, SEED


@pytest.mark.library
@pytest.mark.parametrize(("number", "variant"), [(0, "works"), (10, "crashes midway")])
def test_an_option_ends_with_users_served(number: int, variant: str, tmp_path: Path) -> None:
    """A rollback, and a switch of the provider whose engine is killed: both end verified."""
    if not SEED.is_file():
        pytest.skip("../shared/seed is not there to be read.")
    outcome = trial(OPTIONS[number], variant, tmp_path, SEED, MODEL)
    assert outcome.outage_shown
    assert (outcome.ends, outcome.serves) == ("finished", True), outcome
    assert outcome.changes_run <= 1, "a change was made twice"
