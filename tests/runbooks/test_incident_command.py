"""`info-assistant incident`: the record from opening to closing, with nothing else running."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from info_assistant.runbooks.commands.incident import incident

Call = Callable[..., Result]
TEXT = """# Slow answers

## P1-1: Answers are slow

### Symptoms

- It takes long

### Resolution Steps

**Option 1: Restart**
```bash
kubectl rollout restart deployment/backend -n x
```
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A function that calls the command with a folder of its own, as Ada."""
    (tmp_path / "slow.md").write_text(TEXT)
    monkeypatch.setenv("INCIDENT_DIR", str(tmp_path / "incidents"))
    monkeypatch.setenv("INCIDENT_ACTOR", "ada")
    monkeypatch.setenv("PAGER_TOKEN", "pager-abcdef")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(incident, arguments)

    return run


def test_from_opening_to_closing(call: Call) -> None:
    """Each command does its part, and the timeline tells all of it in order."""
    for arguments in (
        ("open", "p1-1", "--runbook", "slow.md"),
        ("ack",),
        ("note", "restarting"),
        ("mitigate", "answers again"),
        ("resolve", "no data was lost"),
        ("close", "done"),
    ):
        result = call(*arguments)
        assert result.exit_code == 0, result.output
        assert "head" in result.output
    told = call("timeline", "--id", "p1-1").output
    words = [
        "opened P0 P1-1",
        "acknowledged",
        "noted: restarting",
        "mitigated",
        "resolved",
        "closed",
    ]
    places = [told.index(word) for word in words]
    assert places == sorted(places)
    status = json.loads(call("status", "--id", "p1-1", "--json").output)
    assert (status["status"], status["acknowledged_by"], status["events"]) == ("closed", "ada", 6)


def test_secrets_are_masked_before_they_are_written(call: Call, tmp_path: Path) -> None:
    """Neither a known secret nor one that looks like one is anywhere below the folder."""
    call("open", "--runbook", "slow.md", "--title", "with password=tops3cret")
    call("note", "the token is pager-abcdef")
    written = b"".join(f.read_bytes() for f in (tmp_path / "incidents").rglob("*") if f.is_file())
    assert b"pager-abcdef" not in written
    assert b"tops3cret" not in written
    assert b"[redacted]" in written


def test_a_second_person_joins(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an export another machine goes on, and its note comes back."""
    call("open", "P1-1", "--runbook", "slow.md")
    call("export", "--out", "here.json")
    monkeypatch.setenv("INCIDENT_DIR", str(tmp_path / "there"))
    monkeypatch.setenv("INCIDENT_ACTOR", "ben")
    assert "1 new events" in call("join", "here.json").output
    call("note", "from there")
    call("export", "--out", "there.json")
    monkeypatch.setenv("INCIDENT_DIR", str(tmp_path / "incidents"))
    assert "1 new events" in call("join", "there.json").output
    assert "ben          noted: from there" in call("timeline").output


def test_verify_log_finds_a_cut_end_by_a_head_noted_elsewhere(call: Call, tmp_path: Path) -> None:
    """Who cuts the record and its head alike is found by a hash that was kept elsewhere."""
    call("open", "P1-1", "--runbook", "slow.md")
    (file,) = (tmp_path / "incidents").glob("*/record.jsonl")
    folder = file.parent
    before = {name: (folder / name).read_bytes() for name in ("record.jsonl", "head.json")}
    noted = call("note", "the only trace").output.split()[-1]
    assert call("verify-log", "--head", noted).exit_code == 0
    for name, data in before.items():
        (folder / name).write_bytes(data)
    assert call("verify-log").exit_code == 0
    cut = call("verify-log", "--head", noted)
    assert cut.exit_code == 1
    assert "cut off" in cut.output


def test_tampering_ends_with_code_1(call: Call, tmp_path: Path) -> None:
    """A changed record is refused by every command, and listed as broken."""
    call("open", "P1-1", "--runbook", "slow.md")
    (file,) = (tmp_path / "incidents").glob("*/record.jsonl")
    folder = file.parent
    file = folder / "record.jsonl"
    file.write_text(file.read_text().replace("ada", "eve"))
    for arguments in (("verify-log",), ("status",), ("note", "x"), ("export",)):
        result = call(*arguments, "--id", folder.name)
        assert result.exit_code == 1
        assert "Traceback" not in result.output
    assert "BROKEN" in call("list").output


def test_changes_are_kept_on_purpose(call: Call) -> None:
    """Without changes `--keep` closes like any other; a resolved incident is needed."""
    call("open", "P1-1", "--runbook", "slow.md")
    refused = call("close")
    assert refused.exit_code == 1
    assert "Resolve it first" in refused.output
    call("resolve", "so")
    assert call("close", "--keep", "none").exit_code == 0


def test_unknown_scenarios_and_times_are_told(call: Call) -> None:
    """What cannot be is answered with what can."""
    assert "It has: P1-1" in call("open", "P9", "--runbook", "slow.md").output
    assert "no time" in call("open", "--runbook", "slow.md", "--started", "soon").output
    future = call("open", "--runbook", "slow.md", "--started", "2999-01-01T00:00Z")
    assert "future" in future.output
    assert "incident open" in call("status").output


def test_export_as_a_page(call: Call) -> None:
    """The page is Markdown with the timeline."""
    call("open", "P1-1", "--runbook", "slow.md")
    assert "## Timeline (UTC)" in call("export", "--md").output


def test_every_command_shows_an_example() -> None:
    """Each subcommand's help says how it is called."""
    for name, command in incident.commands.items():
        with click.Context(command, info_name=name) as context:
            assert f"info-assistant incident {name}" in command.get_help(context), name


def test_help_is_quick() -> None:
    """`incident --help` takes at most 0.4 s of processor time, the interpreter's start included."""
    command = [sys.executable, "-m", "info_assistant", "incident", "--help"]
    times = []
    for _ in range(3):
        began = _children_s()
        subprocess.run(command, check=True, capture_output=True)
        times.append(_children_s() - began)
    assert min(times) <= 0.4


def _children_s() -> float:
    """Return the processor time of ended children, in seconds."""
    import resource  # noqa: PLC0415  Only this test looks at it.

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_nothing_of_it_needs_a_network_or_a_home(tmp_path: Path) -> None:
    """With no home folder, no network and no settings the record is kept where it is told to be."""
    (tmp_path / "slow.md").write_text(TEXT)
    program = (
        "import socket; socket.socket = None; socket.create_connection = None;"
        "from info_assistant.runbooks.commands.incident import incident;"
        "incident(['open', 'P1-1', '--runbook', 'slow.md'])"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"INCIDENT_DIR": str(tmp_path / "i"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Opened" in done.stdout
    assert time.monotonic() - began < 50
