"""A drill agrees to everything, so it goes nowhere but into a simulator of this machine."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from benchmarks.harness.plain_server import QuietHandler, served

from info_assistant.drills.cluster.simulator import running_cluster, settled_cluster
from info_assistant.errors import Misconfigured
from info_assistant.rehearsal.stage import check_ours


def _kubeconfig(path: Path, *servers: str) -> Mapping[str, str]:
    clusters = [{"name": each, "cluster": {"server": each}} for each in servers]
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": clusters}))
    return {"KUBECONFIG": str(path)}


@contextmanager
def _cluster_of_somebody() -> Iterator[str]:
    """A Kubernetes API server on loopback that is no simulator, as developers have them."""

    class Handler(QuietHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"gitVersion": "v1.32.1"}'
            self.reply(200, body)

    with served(Handler, waits=False) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_simulator_of_this_machine_is_ours(tmp_path: Path) -> None:
    """The drill's own cluster is let through, alone and never beside another one."""
    with running_cluster(settled_cluster()) as running, _cluster_of_somebody() as other:
        check_ours({"KUBECONFIG": str(running.kubeconfig(tmp_path / "own"))})
        with pytest.raises(Misconfigured, match="Nothing was done"):
            check_ours(_kubeconfig(tmp_path / "both", running.url, other))


@pytest.mark.parametrize(
    "server",
    [
        "https://10.1.2.3:6443",
        "https://127.0.0.1:6443",
        "http://localhost:8001",
        "http://127.0.0.1:1",
        "http://127.0.0.1.example.org",
        "",
    ],
)
def test_other_clusters_are_refused(tmp_path: Path, server: str) -> None:
    """Far clusters, those of a developer, proxies to one, and what does not answer are refused."""
    with pytest.raises(Misconfigured, match="Nothing was done"):
        check_ours(_kubeconfig(tmp_path / "config", server))


def test_a_near_cluster_that_is_no_simulator_is_refused(tmp_path: Path) -> None:
    """An API server on loopback has to say that it is a simulator."""
    with _cluster_of_somebody() as url, pytest.raises(Misconfigured, match="simulated"):
        check_ours(_kubeconfig(tmp_path / "config", url))


@pytest.mark.parametrize("variables", [{}, {"KUBECONFIG": ""}, {"KUBECONFIG": "/nonexistent"}])
def test_without_a_cluster_of_its_own_a_drill_is_refused(variables: Mapping[str, str]) -> None:
    """Where no file is named, kubectl would find whatever this user's is."""
    with pytest.raises(Misconfigured, match="Nothing was done"):
        check_ours(variables)


def test_a_file_that_is_no_simulators_is_refused(tmp_path: Path) -> None:
    """Kubeconfigs of people are YAML, and such a one is refused unread."""
    (tmp_path / "config").write_text("apiVersion: v1\nclusters:\n- name: prod\n")
    with pytest.raises(Misconfigured, match="Nothing was done"):
        check_ours({"KUBECONFIG": str(tmp_path / "config")})
