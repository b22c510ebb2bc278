"""`incident diagnose` and `incident open --diagnose`, as people call them."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.conftest import allowed

from info_assistant.runbooks.commands.incident import incident

Call = Callable[..., Result]
PODS = {
    "items": [
        {
            "metadata": {"labels": {"component": component}},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }
        for component, ready in (
            *(("backend", "True"),) * 3,
            *(("qdrant", "False"),) * 2,
            ("qdrant", "True"),
        )
    ]
}


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> Call:
    """A function that calls the command where no part of the service runs, with a kubectl."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("QDRANT_URL", "BACKEND_URL", "FRONTEND_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BACKEND_PORT", str(free_port()))
    monkeypatch.setenv("FRONTEND_PORT", str(free_port()))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("INCIDENT_DIR", str(tmp_path / "incidents"))
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "pods.json").write_text('{"items": []}')
    kubectl = programs / "kubectl"
    kubectl.write_text(f'#!/bin/sh\n[ "$1" = get ] && cat {tmp_path / "pods.json"}\nexit 0\n')
    kubectl.chmod(kubectl.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")  # noqa: TID251  Of the tests.

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(incident, arguments)

    return run


def test_nothing_to_see_is_unknown(call: Call) -> None:
    """With no service and no pods the answer is that it is not known, and what was not seen."""
    result = call("diagnose")
    assert result.exit_code == 4, result.output
    assert "Diagnosis: unknown" in result.output
    assert "which was only assumed" in result.output


def test_a_scenario_is_named_with_evidence_and_recorded(call: Call, tmp_path: Path) -> None:
    """What the cluster tells is enough to open the incident with its scenario and its reasons."""
    (tmp_path / "pods.json").write_text(json.dumps(PODS))
    result = call("diagnose", "--json")
    assert result.exit_code == 3, result.output
    said = json.loads(result.output)
    assert [each["code"] for each in said["scenarios"]] == ["P0-2"]
    assert "1 of 3 pods of qdrant are ready" in said["scenarios"][0]["evidence"][0]["words"]
    assert said["seconds"] <= allowed(15)

    opened = call("open", "--diagnose")
    assert opened.exit_code == 0, opened.output
    assert "P0-2 (Qdrant is unavailable)" in opened.output
    assert "diagnosed: P0-2 (Qdrant is unavailable)" in call("timeline").output
    assert json.loads(call("status", "--json").output)["scenario"] == "P0-2"

    (tmp_path / "seen.json").write_text(result.output)
    again = call("diagnose", "--seen", str(tmp_path / "seen.json"), "--record")
    assert again.exit_code == 3, again.output
    assert json.loads(call("status", "--json").output)["events"] == 3


def test_what_is_no_diagnosis_is_refused(call: Call, tmp_path: Path) -> None:
    """Another file is told as such, with code 1."""
    for text in ("nothing", "[]", '{"seen": {"reached": {"qdrant": 1}}}'):
        (tmp_path / "other.json").write_text(text)
        result = call("diagnose", "--seen", str(tmp_path / "other.json"))
        assert result.exit_code == 1, text
        assert "Traceback" not in result.output
