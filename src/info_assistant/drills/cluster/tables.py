"""The rows that `kubectl get` prints: the server makes them, column by column."""

from collections.abc import Callable, Sequence
from typing import Any

from info_assistant.drills.cluster.documents import (
    Document,
    at,
    condition,
    copied,
    is_leaving,
    labels_of,
    name_of,
    seconds_of,
)
from info_assistant.drills.cluster.kinds import Kind
from info_assistant.drills.cluster.selectors import selector_text

Cell = Callable[[Document, float], Any]
"""What a column shows of an object at a moment."""

Column = tuple[str, Cell, bool]
"""A column's name, its cells, and whether it is only in the wide table."""

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400


def age(seconds: float) -> str:
    """Return a duration as Kubernetes shortens it."""
    whole = max(0, int(seconds))
    steps: tuple[tuple[int, Callable[[], str]], ...] = (
        (120, lambda: f"{whole}s"),
        (600, lambda: f"{whole // 60}m" + (f"{whole % 60}s" if whole % 60 else "")),
        (3 * _HOUR, lambda: f"{whole // 60}m"),
        (8 * _HOUR, lambda: f"{whole // _HOUR}h{whole % _HOUR // 60}m"),
        (48 * _HOUR, lambda: f"{whole // _HOUR}h"),
        (8 * _DAY, lambda: f"{whole // _DAY}d{whole % _DAY // _HOUR}h"),
        (2 * _YEAR, lambda: f"{whole // _DAY}d"),
    )
    return next((words() for limit, words in steps if whole < limit), f"{whole // _YEAR}y")


def _age(item: Document, now: float) -> str:
    created = at(item, "metadata", "creationTimestamp")
    return age(now - seconds_of(created)) if created else "<unknown>"


def _field(*path: str | int, default: Any = "<none>") -> Cell:  # noqa: ANN401
    return lambda item, _now: at(item, *path, default=default)


def _restarts(pod: Document, now: float) -> str:
    containers = at(pod, "status", "containerStatuses", default=[])
    count = sum(each.get("restartCount", 0) for each in containers)
    ended = [at(each, "lastState", "terminated", "finishedAt") for each in containers]
    last = max((seconds_of(each) for each in ended if each), default=None)
    return f"{count} ({age(now - last)} ago)" if count and last else str(count)


def pod_state(pod: Document, _now: float = 0.0) -> str:
    """Return the STATUS of a pod: what keeps it from running, else its phase."""
    phase = str(at(pod, "status", "reason") or at(pod, "status", "phase", default="Unknown"))
    inits = at(pod, "status", "initContainerStatuses", default=[])
    for number, each in enumerate(inits):
        ended = at(each, "state", "terminated")
        if ended and ended.get("exitCode") == 0:
            continue
        reason = at(ended or at(each, "state", "waiting"), "reason", default="")
        phase = f"Init:{reason}" if reason not in {"", "PodInitializing"} else ""
        phase = phase or f"Init:{number}/{len(inits)}"
        break
    else:
        for each in reversed(at(pod, "status", "containerStatuses", default=[])):
            waiting, ended = at(each, "state", "waiting"), at(each, "state", "terminated")
            phase = at(waiting or ended, "reason", default=phase)
    if is_leaving(pod):
        return "Terminating"
    return phase


def _ready_containers(pod: Document, _now: float) -> str:
    ready = sum(
        bool(each.get("ready")) for each in at(pod, "status", "containerStatuses", default=[])
    )
    return f"{ready}/{len(at(pod, 'spec', 'containers', default=[]))}"


def _of(*path: str, total: str = "spec.replicas") -> Cell:
    whole = total.split(".")
    return lambda item, _now: f"{at(item, *path, default=0)}/{at(item, *whole, default=0)}"


def _template(what: str) -> Cell:
    def cell(item: Document, _now: float) -> str:
        containers = at(item, "spec", "template", "spec", "containers", default=[])
        return ",".join(str(each.get(what, "")) for each in containers)

    return cell


def _selector(item: Document, _now: float) -> str:
    return selector_text(at(item, "spec", "selector")) or "<none>"


def _node_state(node: Document, _now: float) -> str:
    state = {"True": "Ready", "False": "NotReady"}.get(condition(node, "Ready").get("status", ""))
    closed = ",SchedulingDisabled" if at(node, "spec", "unschedulable") else ""
    return f"{state or 'NotReady'}{closed}"


def _roles(node: Document, _now: float) -> str:
    prefix = "node-role.kubernetes.io/"
    return ",".join(key[len(prefix) :] for key in labels_of(node) if key.startswith(prefix)) or (
        "<none>"
    )


def _modes(item: Document, _now: float) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX"}
    modes = at(item, "status", "accessModes") or at(item, "spec", "accessModes", default=[])
    return ",".join(short.get(each, "RWOP") for each in modes)


def _ports(service: Document, _now: float) -> str:
    ports = at(service, "spec", "ports", default=[])
    return ",".join(f"{each['port']}/{each.get('protocol', 'TCP')}" for each in ports) or "<none>"


def _target(hpa: Document, _now: float) -> str:
    target = at(hpa, "spec", "scaleTargetRef", default={})
    return f"{target.get('kind')}/{target.get('name')}"


def _metrics(hpa: Document, _now: float) -> str:
    wanted = at(hpa, "spec", "metrics", 0, "resource", "target", "averageUtilization")
    name = at(hpa, "spec", "metrics", 0, "resource", "name", default="cpu")
    now = at(hpa, "status", "currentMetrics", 0, "resource", "current", "averageUtilization")
    return f"{name}: {'<unknown>' if now is None else f'{now}%'}/{wanted}%"


def _last_seen(event: Document, now: float) -> str:
    last = event.get("lastTimestamp")
    return age(now - seconds_of(last)) if last else "<unknown>"


def _involved(event: Document, _now: float) -> str:
    about = event.get("involvedObject", {})
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _data(item: Document, _now: float) -> int:
    return len(item.get("data") or {}) + len(item.get("binaryData") or {})


def _duration(job: Document, now: float) -> str:
    began, ended = at(job, "status", "startTime"), at(job, "status", "completionTime")
    return age((seconds_of(ended) if ended else now) - seconds_of(began)) if began else ""


def _job_state(job: Document, _now: float) -> str:
    for kind, word in (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended")):
        if condition(job, kind).get("status") == "True":
            return word
    return "Running"


_NAME: Column = ("Name", lambda item, _now: name_of(item), False)
_AGE: Column = ("Age", _age, False)


def _shown(name: str, cell: Cell) -> Column:
    return (name, cell, False)


def _wide(name: str, cell: Cell) -> Column:
    return (name, cell, True)


_WORKLOAD = (
    _wide("Containers", _template("name")),
    _wide("Images", _template("image")),
    _wide("Selector", _selector),
)
_COLUMNS: dict[str, Sequence[Column]] = {
    "Pod": (
        _NAME,
        _shown("Ready", _ready_containers),
        _shown("Status", pod_state),
        _shown("Restarts", _restarts),
        _AGE,
        _wide("IP", _field("status", "podIP")),
        _wide("Node", _field("spec", "nodeName")),
        _wide("Nominated Node", _field("status", "nominatedNodeName")),
        _wide("Readiness Gates", _field("spec", "readinessGates")),
    ),
    "Deployment": (
        _NAME,
        _shown("Ready", _of("status", "readyReplicas")),
        _shown("Up-to-date", _field("status", "updatedReplicas", default=0)),
        _shown("Available", _field("status", "availableReplicas", default=0)),
        _AGE,
        *_WORKLOAD,
    ),
    "ReplicaSet": (
        _NAME,
        _shown("Desired", _field("spec", "replicas", default=0)),
        _shown("Current", _field("status", "replicas", default=0)),
        _shown("Ready", _field("status", "readyReplicas", default=0)),
        _AGE,
        *_WORKLOAD,
    ),
    "StatefulSet": (
        _NAME,
        _shown("Ready", _of("status", "readyReplicas")),
        _AGE,
        *_WORKLOAD[:2],
    ),
    "Node": (
        _NAME,
        _shown("Status", _node_state),
        _shown("Roles", _roles),
        _AGE,
        _shown("Version", _field("status", "nodeInfo", "kubeletVersion")),
        _wide("Internal-IP", _field("status", "addresses", 0, "address")),
        _wide("OS-Image", _field("status", "nodeInfo", "osImage")),
    ),
    "PersistentVolumeClaim": (
        _NAME,
        _shown("Status", _field("status", "phase")),
        _shown("Volume", _field("spec", "volumeName", default="")),
        _shown("Capacity", _field("status", "capacity", "storage", default="")),
        _shown("Access Modes", _modes),
        _shown("StorageClass", _field("spec", "storageClassName", default="")),
        _shown(
            "VolumeAttributesClass", _field("spec", "volumeAttributesClassName", default="<unset>")
        ),
        _AGE,
    ),
    "PersistentVolume": (
        _NAME,
        _shown("Capacity", _field("spec", "capacity", "storage", default="")),
        _shown("Access Modes", _modes),
        _shown("Reclaim Policy", _field("spec", "persistentVolumeReclaimPolicy")),
        _shown("Status", _field("status", "phase")),
        _shown(
            "Claim",
            lambda item, _now: "/".join(
                str(at(item, "spec", "claimRef", each, default=""))
                for each in ("namespace", "name")
            ),
        ),
        _shown("StorageClass", _field("spec", "storageClassName", default="")),
        _AGE,
    ),
    "Service": (
        _NAME,
        _shown("Type", _field("spec", "type", default="ClusterIP")),
        _shown("Cluster-IP", _field("spec", "clusterIP")),
        _shown("External-IP", _field("status", "loadBalancer", "ingress", 0, "ip")),
        _shown("Port(s)", _ports),
        _AGE,
        _wide("Selector", _selector),
    ),
    "HorizontalPodAutoscaler": (
        _NAME,
        _shown("Reference", _target),
        _shown("Targets", _metrics),
        _shown("MinPods", _field("spec", "minReplicas", default="<unset>")),
        _shown("MaxPods", _field("spec", "maxReplicas")),
        _shown("Replicas", _field("status", "currentReplicas", default=0)),
        _AGE,
    ),
    "Event": (
        _shown("Last Seen", _last_seen),
        _shown("Type", _field("type")),
        _shown("Reason", _field("reason")),
        _shown("Object", _involved),
        _shown("Message", _field("message")),
        _wide("Source", _field("source", "component")),
        _wide("Count", _field("count")),
        _wide("Name", lambda item, _now: name_of(item)),
    ),
    "ConfigMap": (_NAME, _shown("Data", _data), _AGE),
    "Secret": (_NAME, _shown("Type", _field("type")), _shown("Data", _data), _AGE),
    "Namespace": (_NAME, _shown("Status", _field("status", "phase")), _AGE),
    "Job": (
        _NAME,
        _shown("Status", _job_state),
        _shown("Completions", _of("status", "succeeded", total="spec.completions")),
        _shown("Duration", _duration),
        _AGE,
    ),
    "CronJob": (
        _NAME,
        _shown("Schedule", _field("spec", "schedule")),
        _shown("Timezone", _field("spec", "timeZone")),
        _shown("Suspend", lambda item, _now: str(at(item, "spec", "suspend", default=False))),
        _shown("Active", lambda item, _now: len(at(item, "status", "active", default=[]))),
        _shown("Last Schedule", _field("status", "lastScheduleTime")),
        _AGE,
    ),
    "PodDisruptionBudget": (
        _NAME,
        _shown("Min Available", _field("spec", "minAvailable", default="N/A")),
        _shown("Max Unavailable", _field("spec", "maxUnavailable", default="N/A")),
        _shown("Allowed Disruptions", _field("status", "disruptionsAllowed", default=0)),
        _AGE,
    ),
    "ControllerRevision": (
        _NAME,
        _shown(
            "Controller",
            lambda item, _now: "{kind}.apps/{name}".format(
                kind=str(at(item, "metadata", "ownerReferences", 0, "kind", default="")).lower(),
                name=at(item, "metadata", "ownerReferences", 0, "name", default="<none>"),
            ),
        ),
        _shown("Revision", _field("revision")),
        _AGE,
    ),
}
_OTHERS: Sequence[Column] = (_NAME, _AGE)


def table_of(
    kind: Kind, items: Sequence[Document], now: float, include: str = "Metadata"
) -> Document:
    """Return objects as a table; `include` says how much of each object comes with its row."""
    columns = _COLUMNS.get(kind.name, _OTHERS)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [
            {
                "name": name,
                "type": "string",
                "format": "name" if name == "Name" else "",
                "description": name,
                "priority": int(wide),
            }
            for name, _, wide in columns
        ],
        "rows": [
            {"cells": [cell(item, now) for _, cell, _ in columns], "object": _part(item, include)}
            for item in items
        ],
    }


def _part(item: Document, include: str) -> Document | None:
    if include == "Object":
        return copied(item)
    if include == "None":
        return None
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": copied(item["metadata"]),
    }
