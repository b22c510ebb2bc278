"""`info-assistant incident run` and `resume`, without a terminal and at a real one."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.runbooks.cluster import Cluster

TEXT = """## P1-1: Slow

### Investigation Steps

1. **Look**
   ```bash
   kubectl get pods -n x
   ```

### Resolution Steps

**Option 1: Fewer** (if nobody asks)
```bash
kubectl scale deployment/backend --replicas=5 -n x
```

**Option 2: None**
```bash
kubectl scale deployment/backend --replicas=0 -n x
```
"""
WAIT_S = 40.0


class Desk:
    """A person's machine with a cluster at hand."""

    def __init__(self, folder: Path, scenario: str = "P1-1", **variables: str) -> None:
        """Open an incident."""
        self.cluster = Cluster(folder / "cluster")
        (folder / "slow.md").write_text(TEXT.replace("P1-1", scenario))
        self.folder = folder
        self._own = variables
        self.call("open", scenario, "--runbook", "slow.md")

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of every command."""
        own = {"INCIDENT_DIR": str(self.folder / "i"), "TERM": "dumb", **self._own}
        return {**self.cluster.variables, **own}

    def command(self, *arguments: str) -> list[str]:
        """Return the words of a command."""
        return [sys.executable, "-m", "info_assistant", "incident", *arguments]

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Call without a terminal."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    def at_a_terminal(self, *arguments: str, answers: Mapping[str, str]) -> str:
        """Call at a real terminal, and answer each question when it is seen."""
        mine, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            close_fds=True,
        )
        os.close(theirs)
        seen, open_questions = "", dict(answers)
        deadline = time.monotonic() + WAIT_S
        try:
            while time.monotonic() < deadline:
                if not select.select([mine], [], [], 0.2)[0]:
                    continue
                try:
                    seen += os.read(mine, 65536).decode(errors="replace")
                except OSError:
                    break  # The other side is gone.
                for question in [q for q in open_questions if q in seen]:
                    os.write(mine, f"{open_questions.pop(question)}\n".encode())
        finally:
            process.kill() if process.poll() is None and time.monotonic() >= deadline else None
            process.wait(WAIT_S)
            os.close(mine)
        return seen


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An incident, its runbook and a cluster."""
    return Desk(tmp_path)


def test_looking_needs_no_terminal(desk: Desk) -> None:
    """Without --option the investigation runs at once."""
    done = desk.call("run")
    assert done.returncode == 0, done.stderr
    assert "backend-bbb" in done.stdout
    assert desk.cluster.calls == ["get pods -n x"]


def test_without_a_terminal_nothing_is_changed(desk: Desk) -> None:
    """Nobody is there to agree, so the answer is no, also to a destructive step."""
    for number in ("1", "2"):
        done = desk.call("run", "--option", number)
        assert done.returncode == 1
    assert desk.cluster.changes == []
    assert "no terminal" in done.stdout


def test_a_dry_run_runs_and_records_nothing(desk: Desk) -> None:
    """It shows class, way back and verification; the record's head stays what it was."""
    before = desk.call("verify-log").stdout
    shown = desk.call("run", "--option", "2", "--dry-run").stdout
    assert "[destructive] kubectl scale deployment/backend --replicas=0" in shown
    assert "way back" in shown
    assert "verifies with" in shown
    assert desk.call("verify-log").stdout == before
    assert desk.cluster.calls == []


def test_at_a_terminal_it_asks_and_runs(desk: Desk) -> None:
    """The condition is asked, then the command, then it is verified and the way back is noted."""
    answers = {"Only if nobody asks": "y", "Run it?": "y"}
    seen = desk.at_a_terminal("run", "--option", "1", answers=answers)
    assert "it took effect" in seen
    assert desk.cluster["replicas"] == "5"
    status = desk.call("status").stdout
    assert "to take back: kubectl scale deployment/backend --replicas=3 -n x" in status
    desk.at_a_terminal("run", "--reverts", answers={"Run it?": "yes"})
    assert desk.cluster["replicas"] == "3"


def test_at_a_terminal_a_name_is_typed(desk: Desk) -> None:
    """A plain Enter and a yes do not take everything down; the name does, on `resume`."""
    desk.at_a_terminal("run", "--option", "2", answers={"Type backend to run it": "y"})
    assert desk.cluster["replicas"] == "3"
    desk.at_a_terminal("resume", answers={"Type backend to run it": "backend"})
    assert desk.cluster["replicas"] == "0"


def test_resume_without_a_run_is_told(desk: Desk) -> None:
    """There is nothing to go on with, and the message says how to begin."""
    done = desk.call("resume")
    assert done.returncode == 1
    assert "incident run" in done.stderr


def test_an_option_that_is_not_there_is_told(desk: Desk) -> None:
    """The message lists those that are."""
    done = desk.call("run", "--option", "7")
    assert "1: Fewer" in done.stderr


def test_after_an_option_it_is_looked_whether_it_helped(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """A step that took effect is no proof: the service is looked at, and the record says so."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    places = {f"{part}_URL": nowhere for part in ("BACKEND", "FRONTEND", "QDRANT")}
    desk = Desk(tmp_path, "P0-1", **places)
    answers = {"Only if nobody asks": "y", "Run it?": "y"}
    seen = desk.at_a_terminal("run", "--option", "1", answers=answers)
    assert "it took effect" in seen
    assert "It did not help, or not yet: the service still shows P0-1, because" in seen
    assert "diagnosed" in desk.call("timeline").stdout
