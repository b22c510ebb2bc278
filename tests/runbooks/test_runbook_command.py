"""`info-assistant runbook`: lint, show and plan, as a person and as a program use them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.runbooks.conftest import SEED, STYLES

from info_assistant.runbooks.commands.runbook import runbook

needs_seed = pytest.mark.skipif(
    not SEED.is_file(), reason="../shared/seed is not there to be read."
)


def call(*arguments: str) -> Result:
    """Return what the command did."""
    return CliRunner().invoke(runbook, arguments)


@needs_seed
def test_lint_as_json_has_the_agreed_shape() -> None:
    """Findings have exactly the fields that others rely on; errors end with code 1."""
    result = call("lint", str(SEED), "--json")
    findings = json.loads(result.stdout)["findings"]
    assert result.exit_code == 1
    assert {tuple(each) for each in findings} == {
        ("line", "rule", "severity", "message", "as_written", "as_run")
    }
    assert len(findings) > 70


@needs_seed
def test_the_file_is_never_written() -> None:
    """After lint, show and plan the file has the bytes it had."""
    before = hashlib.sha256(SEED.read_bytes()).hexdigest()
    for command in ("lint", "show", "plan"):
        call(command, str(SEED))
    assert hashlib.sha256(SEED.read_bytes()).hexdigest() == before


@needs_seed
def test_show_prints_the_signs_and_all_else_as_it_is() -> None:
    """The text is the file's own, with only lines 80 and 277 put right."""
    shown = call("show", str(SEED)).stdout.split("\n")
    written = SEED.read_text(encoding="utf-8").split("\n")
    changed = [
        at for at, (new, old) in enumerate(zip(shown, written, strict=True), 1) if new != old
    ]
    assert changed == [80, 277]
    assert shown[79].startswith("🚨 **P0")
    assert shown[276].startswith("⚠️ **SERVICE")


@needs_seed
def test_show_one_scenario() -> None:
    """One scenario is printed from its heading to the next one."""
    shown = call("show", str(SEED), "p0-4").stdout
    assert shown.startswith("## P0-4: OpenAI API Outage")
    assert "every 30 minutes" in shown
    assert "Emergency Contacts" not in shown


@needs_seed
def test_plan_shows_classes_and_both_forms() -> None:
    """One option's plan has each command's line and class, as run and as written."""
    shown = call("plan", str(SEED), "P0-2", "--option", "2").stdout
    assert "[destructive] kubectl scale statefulset/qdrant --replicas=0" in shown
    assert "as written: kubectl exec -it qdrant-0" in shown
    assert "[mutating] kubectl delete pod" not in shown
    written = call("plan", str(SEED), "P0-2", "--option", "2", "--as-written").stdout
    assert "[destructive] kubectl exec -it qdrant-0" in written


@needs_seed
def test_plan_as_json_has_every_command() -> None:
    """A program finds all 38 commands of the scenarios, with class and placeholders."""
    scenarios = json.loads(call("plan", str(SEED), "--json").stdout)["scenarios"]
    steps = [
        step
        for scenario in scenarios
        for section in scenario["sections"]
        for step in section["steps"] + [s for o in section["options"] for s in o["steps"]]
    ]
    commands = [command for step in steps for command in step["commands"]]
    assert len(commands) == 38
    assert sum(command["typed_at_prompt"] for command in commands) == 3


def test_a_clean_runbook_ends_with_code_0(tmp_path: Path) -> None:
    """Without an error the exit code is 0, so that CI can rely on it."""
    file = tmp_path / "fine.md"
    file.write_text("# Fine\n\n1. Look: `kubectl get pods -n x`\n")
    assert call("lint", str(file)).exit_code == 0


@pytest.mark.parametrize("data", [b"\xff\xfe\x00a", b"caf\xe9", b"x" * 5_000_000])
def test_what_is_no_text_is_refused_in_words(tmp_path: Path, data: bytes) -> None:
    """Binary files, other encodings and huge files end with one sentence and code 1."""
    file = tmp_path / "bad.md"
    file.write_bytes(data)
    result = call("lint", str(file))
    assert result.exit_code == 1
    assert "bad.md" in result.output
    assert "Traceback" not in result.output


def test_a_missing_file_and_scenario_are_told(tmp_path: Path) -> None:
    """What is not there is named, with what there is instead."""
    assert "cannot be read" in call("show", str(tmp_path / "none.md")).output
    assert "S1" in call("plan", str(STYLES / "edge-certificates.md"), "P0-9").output


def test_every_command_shows_an_example() -> None:
    """Each subcommand's help says how it is called."""
    for name, command in runbook.commands.items():
        with click.Context(command, info_name=name) as context:
            assert f"info-assistant runbook {name}" in command.get_help(context)


def test_the_engine_loads_nothing_of_the_product() -> None:
    """`runbook` needs click, markdown-it and the engine; no other module of ours is loaded."""
    program = (
        "import sys; from info_assistant.runbooks.commands import runbook, telling;"
        "print(*(m for m in sys.modules if m.startswith('info_assistant')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    others = {
        each for each in done.stdout.split() if not each.startswith("info_assistant.runbooks")
    }
    assert others == {"info_assistant"}
