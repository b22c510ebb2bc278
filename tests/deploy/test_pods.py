"""Every pod is confined, bounded, found by its label, and stopped without losing an answer."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from scripts.manifests import Rendered, Workload, everything, render

from info_assistant.api.addresses import ADDRESSES

UID = 10001
ALONE = {"incident", "prometheus", "alertmanager"}
"""What runs once, as it writes on one volume."""

WITH_TOKEN = {"prometheus"}
"""What asks Kubernetes: which pods there are."""

OURS = {"backend": 8000, "frontend": 8080, "worker": 8001, "incident": 8002}
"""What runs our own image for ever, by its component, with the port of its probes."""

_PINNED = re.compile(r"[\w./-]+(:v?\d+\.\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})")
_EVERY = [(name, each) for name in everything() for each in render(name).workloads()]


def _distinct() -> list[Any]:
    """Return each workload once: most are the same in all installations."""
    found = {repr((each.whole, each.template)): (name, each) for name, each in reversed(_EVERY)}
    return [pytest.param(*each, id=f"{each[0]}/{each[1].name}") for each in found.values()]


every_workload = pytest.mark.parametrize(("name", "workload"), _distinct())
every_server = pytest.mark.parametrize(
    ("name", "workload"), [each for each in _distinct() if each.values[1].serves]
)


@every_workload
def test_it_is_confined(name: str, workload: Workload) -> None:
    """No root, no capability, nothing of its image can be changed, no way to Kubernetes' API."""
    spec = workload.spec
    of_pod = spec["securityContext"]
    assert of_pod["runAsNonRoot"] is True
    assert of_pod["runAsUser"] == of_pod["runAsGroup"] == of_pod["fsGroup"] == UID
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is (workload.component in WITH_TOKEN)
    assert spec["enableServiceLinks"] is False
    account = render(name).one("ServiceAccount", spec["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False
    assert not any(spec.get(each) for each in ("hostNetwork", "hostPID", "hostIPC"))
    for container in workload.containers:
        confined = container["securityContext"]
        assert confined == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", ()))


@every_workload
def test_it_is_bounded(name: str, workload: Workload) -> None:
    """Processor, memory and disk have requests and limits; folders are bounded by less."""
    del name
    for container in workload.containers:
        resources = container["resources"]
        for kind in ("requests", "limits"):
            assert set(resources[kind]) == {"cpu", "memory", "ephemeral-storage"}
    for volume in workload.spec.get("volumes", ()):
        assert "hostPath" not in volume
        if "emptyDir" in volume:
            assert "sizeLimit" in volume["emptyDir"], volume["name"]


@every_workload
def test_its_image_is_pinned(name: str, workload: Workload) -> None:
    """An image is named by a whole version or a digest, never by what moves."""
    del name
    for container in workload.containers:
        assert _PINNED.fullmatch(container["image"]), container["image"]


def test_each_image_is_named_once() -> None:
    """The same names and versions everywhere, as they come from one file."""
    images = {c["image"].partition(":")[0]: set[str]() for _, w in _EVERY for c in w.containers}
    for _, workload in _EVERY:
        for container in workload.containers:
            images[container["image"].partition(":")[0]].add(container["image"])
    others = {"valkey/valkey", "prom/prometheus", "prom/alertmanager"}
    assert set(images) == {"pubsec-info-assistant", "pubsec-qdrant", *others}
    assert all(len(versions) == 1 for versions in images.values())


@every_workload
def test_it_is_found_by_its_label(name: str, workload: Workload) -> None:
    """Pods carry `component`, which selects no pod of another workload."""
    assert workload.component == ("backup" if workload.kind == "CronJob" else workload.name)
    if workload.serves:
        selector = workload.whole["spec"]["selector"]["matchLabels"]
        assert selector["component"] == workload.component
        others = {w.name for w in render(name).workloads() if w.component == workload.component}
        assert others == {workload.name}
        assert workload.containers[0]["name"] == workload.name
        assert workload.whole["metadata"]["annotations"]["kubernetes.io/change-cause"]


@every_server
def test_no_dependency_can_fail_its_probes(name: str, workload: Workload) -> None:
    """Probes ask for the process itself: never for /health, which tells of dependencies."""
    del name
    container = workload.containers[0]
    probes = {kind: container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}
    if workload.component == "redis":
        asked = {probe["exec"]["command"][-1] for probe in probes.values()}
        assert all(each.startswith("redis-cli -h localhost ping") for each in asked)
    else:
        named = {kind: probe["httpGet"]["path"] for kind, probe in probes.items()}
        lives, ready = "/livez", "/readyz"
        if workload.component in {"prometheus", "alertmanager"}:
            lives, ready = "/-/healthy", "/-/ready"
        assert named == {"startup": lives, "readiness": ready, "liveness": lives}
        if workload.component in OURS:
            assert {each.path for each in ADDRESSES} >= set(named.values())
        assert {probe["httpGet"]["port"] for probe in probes.values()} == {"http"}
    # Who is slow to answer leaves the balancer long before it is killed.
    patience = {k: p["periodSeconds"] * p["failureThreshold"] for k, p in probes.items()}
    assert patience["liveness"] >= 3 * patience["readiness"]
    assert patience["startup"] >= 60


def _stops_within(found: Rendered, workload: Workload) -> float:
    """Return how many seconds a pod may need to stop by its own settings."""
    container = workload.containers[0]
    told = found.environment(container)
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain = float(told.get("DRAIN_DELAY_SECONDS", 0)) + float(told.get("DRAIN_GRACE_SECONDS", 8))
    return float(pause) + drain


@every_server
def test_it_may_finish_what_it_has_begun(name: str, workload: Workload) -> None:
    """The grace of Kubernetes is longer than the pauses and the drain of the process together."""
    found = render(name)
    assert workload.spec["terminationGracePeriodSeconds"] >= _stops_within(found, workload) + 5
    if workload.component in {"backend", "frontend", "worker"}:
        told = found.environment(workload.containers[0])
        assert told["DRAIN_DELAY_SECONDS"] == "5"
        # docs/operations.md: as long as the longest answer, plus 2.
        assert int(told["DRAIN_GRACE_SECONDS"]) >= 35


@every_server
def test_it_survives_a_node_and_a_rollout(name: str, workload: Workload) -> None:
    """Several pods are spread, evicted one by one, and replaced before they go."""
    found, spec = render(name), workload.whole["spec"]
    if workload.kind == "Deployment" and workload.component not in ALONE:
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    if workload.component in ALONE:
        assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
        return
    spread = {each["topologyKey"] for each in workload.spec["topologySpreadConstraints"]}
    assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    budget = found.one("PodDisruptionBudget", workload.name)["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"]["component"] == workload.component


@pytest.mark.parametrize("name", everything())
def test_the_autoscaler_reaches_ten(name: str) -> None:
    """It scales the backend from 3 (on one machine 2) to 10 at least, and alone decides on it."""
    found = render(name)
    scaler = found.one("HorizontalPodAutoscaler", "backend")["spec"]
    assert scaler["scaleTargetRef"]["kind"] == "Deployment"
    assert scaler["scaleTargetRef"]["name"] == "backend"
    assert scaler["minReplicas"] >= (2 if name == "dev" else 3)
    assert scaler["maxReplicas"] >= 10
    assert "replicas" not in found.one("Deployment", "backend")["spec"]


@pytest.mark.parametrize("name", everything())
def test_services_lead_to_pods(name: str) -> None:
    """Each Service selects the pods of one workload and a port that they name."""
    found = render(name)
    pods = {each.component: each for each in found.workloads() if each.serves}
    for service in found.of("Service"):
        spec: Mapping[str, Any] = service["spec"]
        workload = pods[spec["selector"]["component"]]
        named = {port["name"]: port["containerPort"] for port in workload.containers[0]["ports"]}
        for port in spec["ports"]:
            assert named[port["targetPort"]] == port["port"]
    for workload in pods.values():
        if workload.kind == "StatefulSet":
            headless = found.one("Service", workload.whole["spec"]["serviceName"])["spec"]
            assert headless["clusterIP"] == "None"
            # They look for each other before any of them is ready.
            assert headless["publishNotReadyAddresses"] is True
        if workload.component in OURS:
            assert workload.containers[0]["ports"][0]["containerPort"] == OURS[workload.component]


@pytest.mark.parametrize("name", everything())
def test_databases_keep_a_quorum(name: str) -> None:
    """Three peers of Qdrant, each passage on all of them and written to two; three of Redis."""
    found = render(name)
    qdrant, redis = (found.workload("StatefulSet", each) for each in ("qdrant", "redis"))
    told = found.environment(qdrant.containers[0])
    peers = qdrant.replicas
    factor = int(told["QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR"])
    written = int(told["QDRANT__STORAGE__COLLECTION__WRITE_CONSISTENCY_FACTOR"])
    assert (peers, factor, written) == (3, 3, 2)
    assert int(told["QDRANT_PEERS"]) == peers
    assert told["QDRANT__CLUSTER__ENABLED"] == "true"
    assert redis.replicas == int(found.environment(redis.containers[0])["REDIS_SERVERS"]) == 3
    for each in (qdrant, redis):
        assert each.whole["spec"]["podManagementPolicy"] == "Parallel"
        kept = each.whole["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert kept == {"whenDeleted": "Retain", "whenScaled": "Retain"}
        (claim,) = each.whole["spec"]["volumeClaimTemplates"]
        assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_production_puts_no_two_databases_of_a_kind_on_a_node() -> None:
    """One lost machine takes one peer at most."""
    for name in ("production", "secondary-region"):
        for each in ("qdrant", "redis"):
            spec = render(name).workload("StatefulSet", each).spec
            by_node = spec["topologySpreadConstraints"][1]
            assert by_node["topologyKey"] == "kubernetes.io/hostname"
            assert by_node["whenUnsatisfiable"] == "DoNotSchedule"
