"""The drills from their first line to their end."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_issuer_prints_settings_answers_and_ends(free_port: Callable[[], int]) -> None:
    """It says with which settings to use it, answers at that address, and ends on SIGINT with 0."""
    command = [sys.executable, "-m", "info_assistant", "drill", "issuer", "--port"]
    process = subprocess.Popen(
        [*command, str(free_port())], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        said: dict[str, str] = {}
        while "SESSION_SECRET" not in said:
            line = process.stdout.readline()
            assert line, "it ended before it had said everything"
            if found := re.fullmatch(r"export (\w+)=(.+)\n", line):
                said[found[1]] = found[2]
        address = f"{said['OIDC_ISSUER']}/.well-known/openid-configuration"
        with urllib.request.urlopen(address, timeout=60) as reply:  # noqa: S310  Loopback.
            assert json.load(reply)["issuer"] == said["OIDC_ISSUER"]
        assert len(said["SESSION_SECRET"]) >= 32
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def test_providers_print_settings_answer_and_tell_what_they_counted(
    free_port: Callable[[], int],
) -> None:
    """They say with which settings to use them, misbehave as told, and end with their count."""
    port = free_port()
    command = [sys.executable, "-m", "info_assistant", "drill", "providers", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--misbehave", "anthropic=wrong_key"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "info-assistant up\n"))
        assert f"export OPENAI_BASE_URL=http://127.0.0.1:{port}/v1" in said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=60) as reply:
            assert json.load(reply)["object"] == "list"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port + 1}/v1/models", timeout=60)
        with caught.value:
            assert caught.value.code == 401
        os.kill(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert "openai counted 0 calls, 0 tokens read" in rest
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_a_way_to_misbehave_that_is_none_is_told_with_those_that_are(
    run_cli: "Callable[..., Run]",
) -> None:
    """Whoever guesses wrong reads which ways there are."""
    run = run_cli("drill", "providers", "--misbehave", "openai=badly")
    assert run.code == 1
    assert "openai=badly" in run.err
    assert "reset_stream" in run.err


def test_cluster_prints_the_way_for_kubectl_answers_and_ends(
    free_port: Callable[[], int],
) -> None:
    """It says where kubectl finds it, answers there with the runbook's pods, and ends with 0."""
    command = [sys.executable, "-m", "info_assistant", "drill", "cluster", "--port"]
    process = subprocess.Popen(
        [*command, str(free_port()), "--fault", "crashing=example/frontend:1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "kubectl get pods -n pubsec-info-assistant\n"))
        config = re.search(r"^export KUBECONFIG=(.+)$", said, re.MULTILINE)
        assert config is not None
        server = json.loads(Path(config[1]).read_text())["clusters"][0]["cluster"]["server"]
        pods = f"{server}/api/v1/namespaces/pubsec-info-assistant/pods"
        with urllib.request.urlopen(pods, timeout=60) as reply:  # noqa: S310  Loopback.
            names = {item["metadata"]["name"] for item in json.load(reply)["items"]}
        assert {"qdrant-0", "redis-0", "redis-1"} <= names
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(60) == 0
        assert not Path(config[1]).exists()
    finally:
        process.kill()
        process.communicate()


def test_a_fault_that_is_none_is_told_with_those_that_are(run_cli: "Callable[..., Run]") -> None:
    """A way to fail that does not exist is refused with those that do."""
    refused = run_cli("drill", "cluster", "--fault", "burning=*")
    assert refused.code == 1
    assert "unpullable, crashing, unready" in refused.err
