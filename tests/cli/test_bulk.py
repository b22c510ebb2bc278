"""`ingest` of many files: stopped and gone on with, watched, pruned."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import allowed

if TYPE_CHECKING:
    from tests.cli.conftest import Run, ScriptedBackend

FILES = 200


def eventually(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    deadline = time.monotonic() + allowed(30)
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # noqa: TID251 - between two looks.


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a folder with many documents."""
    folder = tmp_path / "library"
    (folder / "hr").mkdir(parents=True)
    for number in range(FILES):
        (folder / "hr" / f"{number:04d}.md").write_text(f"# Rule {number}\n\nIt applies.")
    return folder


@contextmanager
def running(data_dir: Path, url: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `info-assistant ingest` until the block is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "info_assistant", "ingest", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DATA_DIR": str(data_dir), "BACKEND_URL": url},  # noqa: TID251  Handed on.
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_is_gone_on_with(
    run_cli: "Callable[..., Run]",
    backend: "ScriptedBackend",
    library: Path,
    data_dir: Path,
    how: signal.Signals,
) -> None:
    """After Ctrl-C or a crash the same command sends what is missing and nothing twice."""
    with running(data_dir, backend.url, str(library)) as process:
        eventually(lambda: len(backend.uploads) > 20)
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if how is signal.SIGINT else -how)
    assert how is signal.SIGKILL or "the same command does the rest" in said
    sent, held = len(backend.uploads), len(backend.held)
    assert held < FILES
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert len(backend.uploads) == sent + FILES - held
    assert len(backend.held) == FILES
    assert f"{FILES - held} ready, {held} unchanged" in run.err


def test_failures_are_told_and_tried_again(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """What failed makes the command fail; the next run sends that, and what changed, only."""
    backend.broken["hr/0003.md"] = "The file holds no text."
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 1
    assert f"1 failed, {FILES - 1} ready" in run.err
    del backend.broken["hr/0003.md"]
    (library / "hr" / "0007.md").write_text("# Rule 7\n\nIt applies no more.")
    backend.uploads.clear()
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 0
    assert sorted(backend.uploads) == ["hr/0003.md", "hr/0007.md"]


def test_a_server_that_asks_to_wait_is_left_alone_by_all_uploads(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """One `Retry-After` holds every upload back, not only the one that was refused."""
    for _ in range(6):
        backend.refuse(503, Retry_After="1")
    began = time.monotonic()
    run = run_cli("ingest", str(library), BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert time.monotonic() - began >= 1
    assert len(backend.uploads) == FILES + 6


def test_only_what_came_from_the_folder_is_pruned(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """A document goes if its file is gone and it was taken in from here; it is asked first."""
    backend.hold("hr/of-somebody-else.md", "0" * 64)
    run_cli("ingest", str(library), BACKEND_URL=backend.url)
    (library / "hr" / "0001.md").unlink()
    (library / "hr" / "0002.md").rename(library / "hr" / ".hidden.md")
    arguments = ("ingest", str(library), "--prune")
    refused = run_cli(*arguments, BACKEND_URL=backend.url, stdin="n\n")
    assert "Gone: hr/0001.md" in refused.err
    assert len(backend.held) == FILES + 1
    run = run_cli(*arguments, "--yes", BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert "2 removed" in run.err
    assert len(backend.held) == FILES - 1
    assert "hr/of-somebody-else.md" in backend.held
    again = run_cli(*arguments, "--yes", BACKEND_URL=backend.url)
    assert "removed" not in again.err


def test_a_folder_that_lost_everything_is_not_pruned(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend", library: Path
) -> None:
    """An empty folder is more likely a disk that is not there than a wish to delete all."""
    run_cli("ingest", str(library), BACKEND_URL=backend.url)
    for each in (library / "hr").iterdir():
        each.unlink()
    (library / "hr").rmdir()
    run = run_cli("ingest", str(library), "--prune", "--yes", BACKEND_URL=backend.url)
    assert "perhaps because a disk is not there" in run.err
    assert len(backend.held) == FILES


def test_changes_are_taken_in_while_watching(
    backend: "ScriptedBackend", library: Path, data_dir: Path
) -> None:
    """New and changed files go in, gone ones go, until Ctrl-C, which is no failure."""
    arguments = (str(library), "--watch", "--prune", "--yes")
    with running(data_dir, backend.url, *arguments) as process:
        assert process.stderr is not None
        while "Watching" not in process.stderr.readline():
            assert process.poll() is None
        backend.uploads.clear()
        (library / "new.md").write_text("# New")
        (library / "hr" / "0005.md").write_text("# Rule 5\n\nIt is different now.")
        (library / "hr" / "0006.md").unlink()
        eventually(lambda: sorted(backend.uploads) == ["hr/0005.md", "new.md"])
        eventually(lambda: "hr/0006.md" not in backend.held)
        assert "new.md" in backend.held
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_change_during_the_first_sending_is_seen(
    backend: "ScriptedBackend", library: Path, data_dir: Path
) -> None:
    """What changes after it was sent, but before the watch begins, is sent again."""
    with running(data_dir, backend.url, str(library), "--watch") as process:
        eventually(lambda: "hr/0000.md" in backend.held)
        (library / "hr" / "0000.md").write_text("# Rule 0\n\nIt is different by now.")
        eventually(lambda: backend.uploads.count("hr/0000.md") == 2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
