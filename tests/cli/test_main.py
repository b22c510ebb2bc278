"""The overview of commands: quick, complete and true."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
import pytest

from info_assistant.cli.main import ENTRIES, Entry, program

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_help_is_immediate() -> None:
    """`--help` takes at most 0.3 s, the interpreter's own start included (best of five)."""
    command = [sys.executable, "-m", "info_assistant", "--help"]
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.monotonic() - began)
    assert min(times) <= 0.3


def test_the_overview_names_every_command(run_cli: "Callable[..., Run]") -> None:
    """A newcomer sees all commands with a sentence each, and where to begin."""
    run = run_cli("--help")
    assert run.code == 0
    shown = " ".join(run.out.split())
    assert [entry.name for entry in ENTRIES if f"{entry.name} {entry.summary}" not in shown] == []
    assert "Start here" in run.out


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_command_teaches_by_example(entry: Entry) -> None:
    """Each command's help begins as the overview says, and shows how it is called."""
    command = entry.load()
    with click.Context(command, info_name=entry.name, parent=click.Context(program)) as context:
        text = command.get_help(context)
    assert "\\b" not in text, "a raw docstring hides the mark that keeps lines"
    assert command.get_short_help_str(limit=200) == entry.summary
    assert f"info-assistant {entry.name}" in text.split("Usage:")[1].split("\n", 1)[1]


def test_an_unknown_command_is_a_usage_error(run_cli: "Callable[..., Run]") -> None:
    """A mistyped command says so, without a traceback."""
    run = run_cli("aks")
    assert run.code == 2
    assert "No such command 'aks'" in run.err
