"""`doctor`: says what is wrong and how to mend it, and changes nothing."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from info_assistant.drills.issuer import running_issuer

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.conftest import RunningStack


@pytest.fixture
def addresses(free_port: Callable[[], int]) -> dict[str, str]:
    """Return settings of a stack that does not run, on ports that are free."""
    backend = str(free_port())
    return {
        "QDRANT_URL": f"http://127.0.0.1:{free_port()}",
        "BACKEND_PORT": backend,
        "BACKEND_URL": f"http://127.0.0.1:{backend}",
        "FRONTEND_PORT": str(free_port()),
    }


@pytest.mark.model
def test_a_healthy_machine_without_a_stack_is_in_order(
    run_cli: "Callable[..., Run]", addresses: dict[str, str], data_dir: Path
) -> None:
    """Nothing is wrong, the model's hashes hold, and the way to start is shown; no file is made."""
    run = run_cli("doctor", **addresses)
    assert run.code == 0, run.out
    assert "hashes as built" in run.out
    assert "info-assistant up" in run.out
    assert "WRONG" not in run.out
    assert list(data_dir.iterdir()) == []


@pytest.mark.model
def test_findings_are_told_to_programs_too(
    run_cli: "Callable[..., Run]", addresses: dict[str, str]
) -> None:
    """`--json` is one object with each finding; what could not be compared says why."""
    told = json.loads(run_cli("doctor", "--json", **addresses).out)
    assert told["ok"] is True
    stored = next(each for each in told["findings"] if each["subject"] == "Stored documents")
    assert stored["health"] == "warning"
    assert "could not be compared" in stored["words"]


def test_a_taken_port_is_wrong_and_names_the_setting(
    run_cli: "Callable[..., Run]", addresses: dict[str, str]
) -> None:
    """A foreign program on a port is found, with the variable to set, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        run = run_cli("doctor", **(addresses | {"FRONTEND_PORT": str(port)}))
    assert run.code == 1
    assert f"127.0.0.1:{port} is taken" in run.out
    assert "set FRONTEND_PORT" in run.out


def test_a_data_folder_that_cannot_be_written_is_wrong(
    run_cli: "Callable[..., Run]", addresses: dict[str, str]
) -> None:
    """A folder that nobody can write to leads to DATA_DIR."""
    run = run_cli("doctor", **(addresses | {"DATA_DIR": "/proc/nowhere"}))
    assert run.code == 1
    assert "Set DATA_DIR" in run.out


def test_sign_in_is_looked_at(run_cli: "Callable[..., Run]", addresses: dict[str, str]) -> None:
    """An issuer that answers is in order; another's address, or a missing secret, is found."""
    with running_issuer() as issuer:
        settings = {"AUTH": "oidc", "OIDC_ISSUER": issuer.url, "OIDC_AUDIENCE": "api"}
        good = run_cli("doctor", **(addresses | settings))
        assert f"Identity provider: {issuer.url}, 3 keys" in good.out
        assert "SESSION_SECRET is not set" in good.out
        wrong = run_cli("doctor", **(addresses | settings | {"OIDC_ISSUER": f"{issuer.url}/"}))
    assert wrong.code == 1
    assert "the discovery document is of another issuer" in wrong.out
    assert "Check OIDC_ISSUER" in wrong.out
    default = run_cli("doctor", **(addresses | {"SESSION_SECRET": "changeme"}))
    assert default.code == 1
    assert "SESSION_SECRET is set to a well-known default" in default.err


@pytest.mark.stack
def test_a_running_stack_is_in_order(run_cli: "Callable[..., Run]", stack: "RunningStack") -> None:
    """Each part answers; the number of passages stands beside the measured limit."""
    settings = {
        name: value
        for name, value in stack.environment.items()
        if name.endswith(("_URL", "_PORT", "_DIR"))
    }
    run = run_cli("doctor", **settings)
    assert run.code == 0, run.out
    assert run.out.count(" answers\n") == 3
    assert "exact search is measured up to 100,000" in run.out
    assert "Backend's qdrant: ok" in run.out
