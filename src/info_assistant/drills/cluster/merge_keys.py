"""Which lists of Kubernetes objects are merged, and by which field: the rest is replaced whole.

Taken from Kubernetes's own schemas; a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is patched: `within` is the shape inside, `key` merges a list's items by it."""

    within: str = ""
    key: str = ""
    merged: bool = False
    """Lists of plain values: new ones are added."""
    replaced: bool = False
    """Objects: the patch takes the place of what was there."""


_CONDITIONS = {"conditions": Field(key="type")}
_CONTAINER = Field("Container", key="name")

SHAPES: Mapping[str, Mapping[str, Field]] = {
    "ObjectMeta": {
        "finalizers": Field(merged=True),
        "ownerReferences": Field(key="uid"),
    },
    "PodTemplate": {"metadata": Field("ObjectMeta"), "spec": Field("PodSpec")},
    "PodSpec": {
        "containers": _CONTAINER,
        "ephemeralContainers": _CONTAINER,
        "evictionResponders": Field(key="name"),
        "hostAliases": Field(key="ip"),
        "imagePullSecrets": Field(key="name"),
        "initContainers": _CONTAINER,
        "resourceClaims": Field(key="name"),
        "schedulingGates": Field(key="name"),
        "topologySpreadConstraints": Field(key="topologyKey"),
        "volumes": Field(key="name"),
    },
    "Container": {
        "env": Field(key="name"),
        "ports": Field(key="containerPort"),
        "volumeDevices": Field(key="devicePath"),
        "volumeMounts": Field(key="mountPath"),
    },
    "Pod": {"spec": Field("PodSpec"), "status": Field("PodStatus")},
    "PodStatus": {**_CONDITIONS, "hostIPs": Field(key="ip"), "podIPs": Field(key="ip")},
    "WorkloadSpec": {"template": Field("PodTemplate")},
    "Workload": {"spec": Field("WorkloadSpec"), "status": Field("Conditions")},
    "Conditions": _CONDITIONS,
    "CronJob": {"spec": Field("CronJobSpec")},
    "CronJobSpec": {"jobTemplate": Field("Job")},
    "Job": {
        "metadata": Field("ObjectMeta"),
        "spec": Field("WorkloadSpec"),
        "status": Field("Conditions"),
    },
    "Service": {"spec": Field("ServiceSpec"), "status": Field("Conditions")},
    "ServiceSpec": {"ports": Field(key="port")},
    "ServiceAccount": {"secrets": Field(key="name")},
    "Node": {"spec": Field("NodeSpec"), "status": Field("NodeStatus")},
    "NodeSpec": {"podCIDRs": Field(merged=True)},
    "NodeStatus": {**_CONDITIONS, "addresses": Field(key="type")},
    "PodDisruptionBudget": {"spec": Field("BudgetSpec"), "status": Field("Conditions")},
    "BudgetSpec": {"selector": Field(replaced=True)},
}
"""Fields with something special, by shape. What is not here is merged as plain JSON is."""

_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"}
_WITH_CONDITIONS = {"Namespace", "PersistentVolumeClaim", "HorizontalPodAutoscaler"}
_META = {"metadata": Field("ObjectMeta")}


def fields_of_kind(kind: str) -> Mapping[str, Field]:
    """Return the special fields at the top of an object of a kind."""
    if kind in _WORKLOADS:
        return {**_META, **SHAPES["Workload"]}
    if kind in _WITH_CONDITIONS:
        return {**_META, "status": Field("Conditions")}
    return {**_META, **SHAPES.get(kind, {})}
