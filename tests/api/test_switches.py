"""Switches on real backends that share nothing but object storage."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.api.processes import Processes
from tests.conftest import allowed, await_true

pytestmark = [pytest.mark.stack, pytest.mark.model]
IN_FORCE_S = 2.0
MODES = "/v1/admin/modes"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[list[Processes]]:
    """Return two places for backends, each with a disk of its own, and one object storage."""
    found = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        found.append(Processes(folder, BLOB_URL=(tmp_path / "objects").as_uri()))
    yield found
    for each in found:
        each.client.close()


def throw(replica: Processes, **values: object) -> dict[str, Any]:
    """Throw switches at one replica."""
    response = replica.client.put(MODES, json={"reason": "A drill.", **values})
    assert response.is_success, response.text
    reply: dict[str, Any] = response.json()
    return reply


def active(replica: Processes) -> list[str]:
    """Return the names of the modes that /health tells of."""
    return [each["name"] for each in replica.client.get("/health").json()["modes"]]


def seconds_until(replica: Processes, *, on: bool) -> float:
    """Return how long it took from now until any mode, or none, was in force."""
    began = time.monotonic()
    await_true(lambda: bool(active(replica)) is on, 40, "the switch is in force on the other one")
    return time.monotonic() - began


def test_a_switch_is_in_force_on_every_replica_within_two_seconds(
    replicas: list[Processes],
) -> None:
    """Thrown and lifted on either, it takes effect on the other, and at once on the first."""
    seconds = []
    with ExitStack() as running:
        for each in replicas:
            running.enter_context(each.running("serve"))
        for each in replicas:
            each.await_ready()
        for n in range(6):
            here, there = replicas[n % 2], replicas[(n + 1) % 2]
            on = n % 4 < 2
            throw(here, MAINTENANCE_MODE=on or None)
            assert here.ask().json()["code"] == (
                "maintenance" if on else "vector_store_unavailable"
            )
            seconds.append(seconds_until(there, on=on))
            assert there.ask().json()["code"] == here.ask().json()["code"]
    assert max(seconds) <= allowed(IN_FORCE_S), seconds


def test_switches_outlive_a_restart_while_object_storage_is_down(
    replicas: list[Processes], tmp_path: Path
) -> None:
    """The last good copy on the disk counts; none can be thrown then, and the way out is named."""
    replica = replicas[0]
    with replica.running("serve"):
        replica.await_ready()
        throw(replica, INGESTION_PAUSED=True, LLM_PROVIDER="extractive")
    (tmp_path / "objects").rename(tmp_path / "aside")
    (tmp_path / "objects").write_text("not a folder")
    with replica.running("serve"):
        replica.await_ready()
        assert active(replica) == ["LLM_PROVIDER", "INGESTION_PAUSED"]
        refused = replica.upload("a.md", "# A")
        assert (refused.status_code, refused.json()["code"]) == (503, "ingestion_paused")
        lifted = {"INGESTION_PAUSED": None, "reason": "Over."}
        response = replica.client.put(MODES, json=lifted)
        assert (response.status_code, response.json()["code"]) == (
            *(503, "object_storage_unavailable"),
        )
        assert "kubectl set env deployment/backend INGESTION_PAUSED-" in response.json()["detail"]
        (tmp_path / "objects").unlink()
        (tmp_path / "aside").rename(tmp_path / "objects")
        replica.becomes(
            lambda: replica.client.put(MODES, json=lifted).is_success, 10, "a switch is lifted"
        )
        assert active(replica) == ["LLM_PROVIDER"]


def test_command_line_throws_switches_with_and_without_a_backend(
    replicas: list[Processes],
) -> None:
    """Over a backend, and on object storage itself when none answers; the next start knows."""
    replica = replicas[0]
    with replica.running("serve"):
        replica.await_ready()
        switch = ("CACHE_ONLY_MODE=true", "--reason", "Provider is down", "--expires", "30m")
        shown = replica.command("modes", "set", *switch).split("\t")
        assert shown[:3] == ["CACHE_ONLY_MODE", "true", "switch"]
        assert replica.ask().json()["code"] == "cache_only_miss"
        (listed,) = replica.command("modes", "list", "--json").splitlines()
        assert json.loads(listed)["reason"] == "Provider is down"
    replica.command("modes", "clear", "CACHE_ONLY_MODE", "--direct")
    replica.command(
        *("modes", "set", "MAINTENANCE_MODE=true", "--reason", "Move", "--direct"),
    )
    (direct,) = replica.command("modes", "list", "--json", "--direct").splitlines()
    with replica.running("serve"):
        replica.await_ready()
        assert json.loads(replica.command("modes", "list", "--json")) == json.loads(direct)
        events = replica.client.get("/v1/admin/audit").json()["events"]
        changes = [each for each in events if each["action"] == "modes.change"]
        assert [each["target"] for each in changes] == [
            *("MAINTENANCE_MODE", "CACHE_ONLY_MODE", "CACHE_ONLY_MODE"),
        ]
        assert changes[0]["actor"].startswith("cli:")


def test_contradictory_environment_ends_the_start(replicas: list[Processes]) -> None:
    """A backend that could answer nothing does not start; the old ones stay where they are."""
    backend = replicas[0]
    backend.environment |= {"CACHE_ONLY_MODE": "true", "REDIS_ENABLED": "false"}
    with backend.running("serve") as process:
        try:
            assert process.wait(60) != 0
        except subprocess.TimeoutExpired:
            pytest.fail("It did not end.")
    assert "CACHE_ONLY_MODE=true and REDIS_ENABLED=false contradict" in backend.log("serve")
    assert "Traceback" not in backend.log("serve")


def test_the_environment_wins_in_a_real_process(replicas: list[Processes]) -> None:
    """What a variable set, no switch can lift; the refusal names the command that can."""
    backend = replicas[0]
    backend.environment |= {"MAINTENANCE_MODE": "true", "MAINTENANCE_MESSAGE": "Back at noon."}
    with backend.running("serve"):
        backend.await_ready()
        assert backend.ask().json()["detail"] == "Back at noon."
        order = {"MAINTENANCE_MODE": False, "reason": "Open again."}
        refused = backend.client.put(MODES, json=order)
        assert (refused.status_code, refused.json()["code"]) == (409, "mode_set_by_environment")
        assert "kubectl set env deployment/backend MAINTENANCE_MODE-" in refused.json()["detail"]
