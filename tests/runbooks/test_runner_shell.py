"""The shell of a run: bounded in time and output, and nothing survives it."""

import os
import time
from pathlib import Path

import psutil

from info_assistant.runbooks.running.shell import LONGEST_OUTPUT, Bash

PATH = {"PATH": os.environ["PATH"]}  # noqa: TID251  The shell's own programs.


def test_output_and_exit_code() -> None:
    """Both streams are kept in their order, and the exit code is the command's own."""
    result = Bash(PATH).run("echo a; echo b >&2; exit 3", 30)
    assert (result.exit_code, result.output) == (3, "a\nb\n")


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """Children that ignore the request to end are ended too; what was printed is kept."""
    began = time.monotonic()
    script = (
        f"trap '' TERM; echo begun; (trap '' TERM; sleep 300) & echo $! > {tmp_path}/child; "
        "sleep 300"
    )
    result = Bash(PATH).run(script, 1.0)
    assert result.exit_code is None
    assert result.output == "begun\n"
    assert time.monotonic() - began < 60
    child = int((tmp_path / "child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"


def test_a_command_that_closes_its_output_is_ended() -> None:
    """Without output the time still counts."""
    assert Bash(PATH).run("exec >&- 2>&-; sleep 300", 1.0).exit_code is None


def test_endless_output_is_cut_in_the_middle() -> None:
    """The beginning and the end are kept, and how much is missing is told."""
    result = Bash(PATH).run("echo first; head -c 500000 /dev/zero | tr '\\0' x; echo last", 60)
    assert len(result.output) < LONGEST_OUTPUT + 100
    assert result.output.startswith("first")
    assert result.output.endswith("last\n")
    assert "bytes left out" in result.output


def test_it_reads_nothing_and_gets_only_its_variables() -> None:
    """A command that asks gets an end of file; variables of the engine do not reach it."""
    result = Bash({**PATH, "ONE": "1"}).run('read x; echo "$x|$ONE|$HOME"', 30)
    assert result.output == "|1|\n"


def test_nothing_around_it_changes_the_shell(tmp_path: Path) -> None:
    """Start-up files and exported functions would make another command of it."""
    (tmp_path / "start").write_text("echo start\n")
    variables = {**PATH, "BASH_ENV": str(tmp_path / "start"), "BASH_FUNC_ls%%": "() { echo mine; }"}
    assert Bash(variables).run("type -t ls", 30).output == "file\n"


def test_bytes_that_are_no_text_are_kept_readable() -> None:
    """What is no UTF-8 is shown as such."""
    assert "\ufffd" in Bash(PATH).run("printf 'a\\377b'", 30).output
