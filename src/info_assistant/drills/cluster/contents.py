"""What a simulated cluster holds at first: three nodes, and the objects that it is given."""

from collections.abc import Iterable, Mapping, Sequence

from info_assistant.drills.cluster.defaults import check, fill_in
from info_assistant.drills.cluster.documents import Document, stamp
from info_assistant.drills.cluster.kinds import BY_NAME
from info_assistant.drills.cluster.store import Store

NAMESPACE = "pubsec-info-assistant"
"""Where the runbook looks."""

PORTS: Mapping[str, int] = {"backend": 8000, "frontend": 8080, "qdrant": 6333, "redis": 6379}
"""Where components listen."""

VOLUMES: Mapping[str, str] = {"qdrant": "qdrant-storage", "redis": "redis-data"}
"""What the volumes of StatefulSets are called, as in our manifests."""

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


def container(name: str, image: str, port: int, env: Sequence[Document] = ()) -> Document:
    """Return a container that listens at a port."""
    return {
        "name": name,
        "image": image,
        "ports": [{"containerPort": port}],
        "env": list(env),
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": port}},
    }


def workload(kind: str, name: str, replicas: int, contained: Document) -> Document:
    """Return a Deployment or StatefulSet of pods with one container, labelled as our manifests."""
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
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [contained]}},
        },
    }


def deployment(name: str, replicas: int, contained: Document) -> Document:
    """Return a Deployment that never has fewer pods than it should while it rolls out."""
    item = workload("Deployment", name, replicas, contained)
    rolling = {"maxSurge": 1, "maxUnavailable": 0}
    item["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return item


def stateful_set(name: str, replicas: int, contained: Document, policy: str) -> Document:
    """Return a StatefulSet whose pods have a volume each."""
    item = workload("StatefulSet", name, replicas, contained)
    claim = {
        "metadata": {"name": VOLUMES.get(name, f"{name}-storage")},
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


def service(name: str, port: int) -> Document:
    """Return a Service before the ready pods of a component."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"component": name}, "ports": [{"port": port}]},
    }


def budget(name: str) -> Document:
    """Return how many pods of a component an eviction may take at once: one."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"component": name}}},
    }


def autoscaler(least: int, most: int) -> Document:
    """Return the autoscaler of the backend."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "backend", "namespace": NAMESPACE},
        "spec": {
            "minReplicas": least,
            "maxReplicas": most,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"},
        },
    }


def smallest(redis_policy: str = "Parallel") -> list[Document]:
    """Return the objects that the runbook names, and nothing besides.

    It stands in where no rendered manifests are given.
    """
    env = [{"name": "LOG_LEVEL", "value": "INFO"}]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        deployment("backend", 3, _example("backend", env)),
        deployment("frontend", 2, _example("frontend", env)),
        stateful_set("qdrant", 3, _example("qdrant"), "Parallel"),
        stateful_set("redis", 3, _example("redis"), redis_policy),
        *[service(name, port) for name, port in PORTS.items()],
        *[budget(name) for name in PORTS],
        autoscaler(3, 10),
        *_roles(),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "providers", "namespace": NAMESPACE},
            "stringData": {"ANTHROPIC_API_KEY": "drill"},
        },
    ]


def _example(name: str, env: Sequence[Document] = ()) -> Document:
    return container(name, f"example/{name}:1", PORTS[name], env)


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
