"""`ingest` against a backend that refuses, delays and fails as a test tells it to."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run, ScriptedBackend


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a folder with two documents."""
    folder = tmp_path / "library"
    (folder / "hr").mkdir(parents=True)
    (folder / "hr" / "leave.md").write_text("# Leave\n\nTwenty days.")
    (folder / "travel.md").write_text("# Travel\n\nBy train.")
    return folder


def test_all_files_in_is_success(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """When every file is ready the exit code is 0 and each file has its line."""
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert run.out.splitlines() == ["ready\ttravel.md\t3\t", "ready\thr/leave.md\t3\t"]
    assert "2/2" in run.err


def test_repeating_names_unchanged_files(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """A file that the library holds already is reported as unchanged, which is a success."""
    backend.known.add("travel.md")
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 0
    assert run.out.startswith("unchanged\ttravel.md")


def test_one_failed_file_fails_the_command_and_the_others_go_on(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """The exit code is 1, the reason is told, the other file is in."""
    backend.broken["hr/leave.md"] = "The file holds no text."
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 1
    assert "failed\thr/leave.md\t0\tThe file holds no text." in run.out
    assert "ready\ttravel.md" in run.out


def test_a_refused_file_is_told_in_the_backends_words(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """A 4xx is not repeated; its detail is the file's remark."""
    backend.refuse(413, "Over 100 MB.")
    run = run_cli("ingest", str(library / "travel.md"), BACKEND_URL=backend.url)
    assert run.code == 1
    assert "Over 100 MB." in run.out
    assert backend.uploads == ["travel.md"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_repeated(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path, status: int
) -> None:
    """429 and 5xx are repeated until the backend takes the file."""
    backend.refuse(status)
    backend.refuse(status)
    run = run_cli("ingest", str(library / "travel.md"), BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert backend.uploads == ["travel.md"] * 3
    assert "Trying again" in run.err


def test_the_wait_that_the_backend_asks_for_is_kept(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """`Retry-After` is honoured: nothing is sent before its time."""
    backend.refuse(429, Retry_After="2")
    began = time.monotonic()
    run = run_cli("ingest", str(library / "travel.md"), BACKEND_URL=backend.url)
    assert run.code == 0
    assert time.monotonic() - began >= 2
    assert "Trying again in 2 s" in run.err


def test_patience_comes_to_an_end(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """A file that is refused for longer than the patience has failed; the command ends."""
    for _ in range(50):
        backend.refuse(503, "Being repaired.")
    path = str(library / "travel.md")
    run = run_cli("ingest", path, "--patience", "1", BACKEND_URL=backend.url)
    assert run.code == 1
    assert "Being repaired." in run.out


def test_nobody_at_all_is_exit_code_2(run_cli: "Callable[..., Run]", library: Path) -> None:
    """After patience is at an end, the command says how to start the backend."""
    run = run_cli("ingest", str(library), "--patience", "0.5", BACKEND_URL="http://127.0.0.1:9")
    assert run.code == 2
    assert "Trying again" in run.err
    assert "info-assistant up" in run.err


def test_a_backend_that_is_still_starting_is_waited_for(
    free_port: Callable[[], int],
    library: Path,
    start_backend: "Callable[[int], AbstractContextManager[ScriptedBackend]]",
) -> None:
    """Refused connections are repeated; once the backend is there, every file goes in."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "info_assistant", "ingest", str(library)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BACKEND_URL": f"http://127.0.0.1:{port}"},  # noqa: TID251  Handed on.
    ) as command:
        assert command.stderr is not None
        assert "Trying again" in command.stderr.readline()
        with start_backend(port) as backend:
            out, _ = command.communicate(timeout=30)
    assert command.returncode == 0
    assert out.count("ready") == 2
    assert sorted(backend.uploads) == ["hr/leave.md", "travel.md"]


def test_nothing_to_take_in_is_said(run_cli: "Callable[..., Run]", tmp_path: Path) -> None:
    """A folder without readable files is no error, but it is said."""
    (tmp_path / "empty").mkdir()
    run = run_cli("ingest", str(tmp_path / "empty"))
    assert run.code == 0
    assert "Nothing to take in" in run.err
