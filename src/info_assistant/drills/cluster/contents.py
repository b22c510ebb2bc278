"""What a simulated cluster holds at first: three nodes, and the objects that it is given."""

from collections.abc import Iterable, Sequence

from info_assistant.drills.cluster.defaults import check, fill_in
from info_assistant.drills.cluster.documents import Document, stamp
from info_assistant.drills.cluster.kinds import BY_NAME
from info_assistant.drills.cluster.store import Store

NAMESPACE = "pubsec-info-assistant"
"""Where the runbook looks."""

_FIRST = ("Namespace", "PersistentVolume", "ConfigMap", "Secret", "ServiceAccount")


def nodes(now: float, count: int = 3) -> list[Document]:
    """Return nodes that are ready."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"node-{number}",
                "labels": {
                    "kubernetes.io/hostname": f"node-{number}",
                    "topology.kubernetes.io/zone": f"zone-{number}",
                },
            },
            "spec": {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": f"192.0.2.{number}"}],
                "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"},
                "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "reason": "KubeletReady",
                        "lastTransitionTime": stamp(now),
                        "lastHeartbeatTime": stamp(now),
                    }
                ],
                "nodeInfo": {"kubeletVersion": "v1.37.1-simulator", "osImage": "simulator"},
            },
        }
        for number in range(1, count + 1)
    ]


def load(store: Store, items: Iterable[Document]) -> None:
    """Keep objects, such as those that `kubectl kustomize` prints. Raises Refused for bad ones."""
    ordered = sorted(
        items,
        key=lambda item: _FIRST.index(item["kind"]) if item["kind"] in _FIRST else len(_FIRST),
    )
    for item in ordered:
        kind = BY_NAME[item["kind"]]
        if kind.namespaced:
            item["metadata"].setdefault("namespace", NAMESPACE)
        fill_in(item)
        check(kind, item, None)
        store.create(item)


def _container(name: str, image: str, port: int, env: Sequence[Document] = ()) -> Document:
    return {
        "name": name,
        "image": image,
        "ports": [{"containerPort": port}],
        "env": list(env),
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": port}},
    }


def _workload(kind: str, name: str, replicas: int, container: Document) -> Document:
    labels = {"component": name}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": labels,
            "annotations": {"kubernetes.io/change-cause": "first release"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _deployment(name: str, replicas: int, port: int) -> Document:
    env = [{"name": "LOG_LEVEL", "value": "INFO"}]
    image = f"example/{name}:1"
    item = _workload("Deployment", name, replicas, _container(name, image, port, env))
    rolling = {"maxSurge": 1, "maxUnavailable": 0}
    item["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return item


def _stateful_set(name: str, port: int, policy: str) -> Document:
    item = _workload("StatefulSet", name, 3, _container(name, f"example/{name}:1", port))
    claim = {
        "metadata": {"name": f"{name}-storage"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    item["spec"] |= {
        "serviceName": f"{name}-headless",
        "podManagementPolicy": policy,
        "volumeClaimTemplates": [claim],
    }
    return item


def _service(name: str, port: int) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"component": name}, "ports": [{"port": port}]},
    }


def _budget(name: str) -> Document:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"component": name}}},
    }


def smallest(redis_policy: str = "Parallel") -> list[Document]:
    """Return the objects that the runbook names, and nothing besides.

    It stands in where no rendered manifests are given.
    """
    ports = {"backend": 8000, "frontend": 8080, "qdrant": 6333, "redis": 6379}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "backend", "namespace": NAMESPACE},
        "spec": {
            "minReplicas": 3,
            "maxReplicas": 10,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"},
        },
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _deployment("backend", 3, ports["backend"]),
        _deployment("frontend", 2, ports["frontend"]),
        _stateful_set("qdrant", ports["qdrant"], "Parallel"),
        _stateful_set("redis", ports["redis"], redis_policy),
        *[_service(name, port) for name, port in ports.items()],
        *[_budget(name) for name in ports],
        autoscaler,
        *_roles(),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "providers", "namespace": NAMESPACE},
            "stringData": {"ANTHROPIC_API_KEY": "drill"},
        },
    ]


def _roles() -> list[Document]:
    """Return a role for looking that ends at its namespace, as a careless setup has it."""
    looks = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    group = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": {"name": "onlooker", "namespace": NAMESPACE},
            "rules": [looks],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "onlooker", "namespace": NAMESPACE},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "onlooker"},
            "subjects": [{"kind": "User", "name": "onlooker", "apiGroup": group}],
        },
    ]
