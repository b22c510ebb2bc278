"""A large file costs our process next to nothing; `make large` takes larger ones the whole way."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.harness.large_files import write_text

ROOT = Path(__file__).parents[2]


def test_a_large_text_is_read_without_being_held(tmp_path: Path) -> None:
    """40 MB of text pass through a process that never holds a quarter of them."""
    path = write_text(tmp_path / "large.txt", 40_000_000)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", "--one", str(path)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    found = json.loads(done.stdout)
    assert found["end"].startswith("read: 3"), found
    assert found["added_to_us_mb"] <= 10
