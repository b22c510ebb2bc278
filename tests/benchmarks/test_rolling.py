"""Two versions side by side, and a restart of one backend after the other, under constant use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.rolling import UNUSED

from info_assistant.model.schema import Stored

ROOT = Path(__file__).parents[2]


@pytest.mark.stack
@pytest.mark.model
def test_rolling_to_the_next_version_and_back_fails_nothing(tmp_path: Path) -> None:
    """N to N+1 and back: no failed question or change, no unreadable record, orderly ends."""
    done = subprocess.run(
        [sys.executable, "benchmarks/rolling.py", "--quick", "--results", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "rolling.json").read_text())
    broken = [floor["what"] for floor in result["floors"] if not floor["holds"]]
    assert not broken, done.stdout
    # The fault was there: both versions wrote every kind but those of models' calls and of Redis,
    # and each backend ended twice and more.
    measured = {floor["what"]: floor["measured"] for floor in result["floors"]}
    assert measured["kinds written by N+1"] == len(Stored) - len(UNUSED)
    assert result["setting"]["restarts"] == 4
