"""What is looked at in a cluster that runs the manifests: questions that change nothing."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.manifests import NAMESPACE, Object, Rendered

Run = Callable[[Sequence[str], float], tuple[int, str]]
"""Runs kubectl with these words within seconds; returns its exit code and all it printed."""

COMPARED = {
    "Deployment": "deployments", "StatefulSet": "statefulsets", "Service": "services",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers", "CronJob": "cronjobs",
    "PodDisruptionBudget": "poddisruptionbudgets", "NetworkPolicy": "networkpolicies",
    "Ingress": "ingresses",
}  # fmt: skip
"""Kinds that keep something running, with the words that kubectl knows them by."""

_ENOUGH = 10


class Failed(Exception):
    """A look at the cluster found something else than it should."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as kubectl reaches it, and what should be in it."""

    run: Run
    expected: Rendered
    seconds: float = field(default=30.0)

    def ask(self, *words: str) -> str:
        """Return what kubectl prints. Raises Failed."""
        code, said = self.run([*words, "-n", NAMESPACE], self.seconds)
        if code != 0:
            raise Failed(said.strip()[:300] or f"kubectl ended with {code}")
        return said

    def items(self, kind: str, *words: str) -> Sequence[Object]:
        """Return objects of a kind. Raises Failed."""
        found: Mapping[str, Any] = json.loads(self.ask("get", kind, *words, "-o", "json"))
        return list(found["items"])

    def inside(self, where: str, container: str, script: str) -> tuple[int, str]:
        """Run a line of shell in a container; return its exit code and what it printed."""
        words = ["exec", where, "-c", container, "-n", NAMESPACE, "--", "sh", "-c", script]
        return self.run(words, self.seconds)

    def told(self, where: str, container: str, script: str) -> str:
        """Return what a line of shell in a container prints. Raises Failed."""
        code, said = self.inside(where, container, script)
        if code != 0:
            raise Failed(said.strip()[:300] or f"{script} ended with {code}")
        return said.strip()


def objects_are_there(cluster: Cluster) -> str:
    """Every object of the overlay that keeps something running is in the cluster."""
    missing, compared = [], 0
    for kind, plural in COMPARED.items():
        wanted = {each["metadata"]["name"] for each in cluster.expected.of(kind)}
        if wanted:
            there = {each["metadata"]["name"] for each in cluster.items(plural)}
            compared += len(wanted)
            missing += [f"{kind} {name}" for name in sorted(wanted - there)]
    if missing:
        raise Failed("not there: " + ", ".join(missing))
    return f"{compared} objects by kind and name"


def pods_are_ready(cluster: Cluster) -> str:
    """Each component has pods, and all of them are ready."""
    counted = []
    for workload in cluster.expected.workloads():
        if workload.serves:
            pods = cluster.items("pods", "-l", f"component={workload.component}")
            waiting = [each["metadata"]["name"] for each in pods if not is_ready(each)]
            if not pods or waiting:
                raise Failed(f"component={workload.component}: {waiting or 'no pod'} not ready")
            counted.append(f"{workload.component} {len(pods)}")
    return ", ".join(counted)


def is_ready(pod: Object) -> bool:
    """Whether a pod is ready and is not being taken away."""
    conditions = pod.get("status", {}).get("conditions", ())
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def volumes_are_bound(cluster: Cluster) -> str:
    """The claims of Qdrant's peers have the runbook's names and are bound."""
    phases = {
        each["metadata"]["name"]: each["status"]["phase"]
        for each in cluster.items("persistentvolumeclaims")
    }
    wanted = [f"qdrant-storage-qdrant-{number}" for number in range(3)]
    bad = [f"{name}: {phases.get(name, 'not there')}" for name in wanted]
    if any(phases.get(name) != "Bound" for name in wanted):
        raise Failed(", ".join(bad))
    return ", ".join(wanted)


def autoscaler_sees(cluster: Cluster) -> str:
    """The autoscaler of the backend gets figures and may go to 10."""
    (scaler,) = [
        each for each in cluster.items("hpa") if each["metadata"]["name"] == "backend"
    ] or [{}]
    if not scaler:
        raise Failed("there is no HPA backend")
    state = {each["type"]: each["status"] for each in scaler["status"].get("conditions", ())}
    if scaler["spec"]["maxReplicas"] < _ENOUGH or state.get("ScalingActive") != "True":
        raise Failed(f"up to {scaler['spec']['maxReplicas']}; conditions {state}")
    return f"{scaler['spec']['minReplicas']} to {scaler['spec']['maxReplicas']}"


def redis_has_one_master(cluster: Cluster) -> str:
    """`redis-cli ping` prints PONG everywhere, and one server leads by its epoch."""
    epochs = {}
    for number in range(cluster.expected.workload("StatefulSet", "redis").replicas):
        pod = f"redis-{number}"
        if (said := cluster.told(pod, "redis", "redis-cli ping")) != "PONG":
            raise Failed(f"{pod} says {said}")
        if cluster.told(pod, "redis", "redis-cli role").split()[:1] == ["master"]:
            epoch = cluster.told(pod, "redis", "redis-cli hget info-assistant:leader epoch")
            epochs[pod] = int(epoch) if epoch.isdigit() else 0
    if len(epochs) != 1:
        raise Failed(f"masters with their epochs: {epochs}")
    return f"{next(iter(epochs))} leads"


def qdrant_is_one_cluster(cluster: Cluster) -> str:
    """Each peer is ready and sees the others, and the script of the runbook is in the image."""
    peers = cluster.expected.workload("StatefulSet", "qdrant").replicas
    key = '-H "api-key: $QDRANT_API_KEY"'
    for number in range(peers):
        pod = f"qdrant-{number}"
        cluster.told(pod, "qdrant", "curl -fsS --max-time 5 localhost:6333/readyz")
        said = cluster.told(pod, "qdrant", f"curl -fsS --max-time 5 {key} localhost:6333/cluster")
        seen = len(json.loads(said)["result"]["peers"])
        if seen != peers:
            raise Failed(f"{pod} sees {seen} peers")
    cluster.told("qdrant-0", "qdrant", "test -x /restore-backup.sh")
    return f"{peers} peers, each sees all; /restore-backup.sh is there"


def backend_is_well(cluster: Cluster) -> str:
    """The backend reaches Qdrant, and its /health says how its dependencies are."""
    where = "deployment/backend"
    cluster.told(where, "backend", "curl -fsS --max-time 5 http://qdrant:6333/readyz")
    said = cluster.told(where, "backend", "curl -sS --max-time 5 localhost:8000/health")
    health = json.loads(said)
    states = {name: each["state"] for name, each in health["dependencies"].items()}
    if health["status"] != "ok":
        raise Failed(f"{health['status']}: {states}")
    return f"{health['status']}; limiter {health['limiter']}"


def containers_are_confined(cluster: Cluster) -> str:
    """Containers run as uid 10001, and their root cannot be written to."""
    for where, container in (
        ("deployment/backend", "backend"),
        ("deployment/frontend", "frontend"),
        ("qdrant-0", "qdrant"),
        ("redis-0", "redis"),
    ):
        said = cluster.told(where, container, "id -u; test -w / && echo writable || echo closed")
        if said.split() != ["10001", "closed"]:
            raise Failed(f"{container}: {said.split()}")
    return "uid 10001, root closed, in 4 containers"


def network_is_closed(cluster: Cluster) -> str:
    """The network plugin keeps the policies: the page cannot reach Redis or Qdrant."""
    for host, port in (("redis", 6379), ("qdrant", 6333)):
        script = f"curl -sS --connect-timeout 3 --max-time 4 -o /dev/null http://{host}:{port}/"
        code, said = cluster.inside("deployment/frontend", "frontend", script)
        if code == 0 or re.search("Empty reply|HTTP/0.9|Connection reset|Recv failure", said):
            raise Failed(f"the page reaches {host}:{port}; does your network plugin keep policies?")
        if not re.search("timed out|refused|prohibited|unreachable", said, re.IGNORECASE):
            raise Failed(f"it could not be told for {host}:{port}: {said.strip()[:200]}")
    cluster.told(
        "deployment/frontend", "frontend", "curl -fsS --max-time 5 http://backend:8000/livez"
    )
    return "frontend reaches backend, neither redis nor qdrant"


CHECKS: Mapping[str, Callable[[Cluster], str]] = {
    "objects": objects_are_there,
    "pods": pods_are_ready,
    "volumes": volumes_are_bound,
    "autoscaler": autoscaler_sees,
    "redis": redis_has_one_master,
    "qdrant": qdrant_is_one_cluster,
    "backend": backend_is_well,
    "confinement": containers_are_confined,
    "network": network_is_closed,
}
"""Every look, by its name; none of them changes anything."""
