"""What the API server fills in and refuses when objects are written."""

import base64
import re
from collections.abc import Callable, Mapping

from info_assistant.drills.cluster.documents import Document, at, labels_of
from info_assistant.drills.cluster.kinds import Kind
from info_assistant.drills.cluster.problems import invalid
from info_assistant.drills.cluster.selectors import selector_matcher

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_ANY_NAME = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def fill_in(item: Document) -> None:
    """Write the defaults of Kubernetes into a new or changed object."""
    step = _FILLED_IN.get(item["kind"])
    if step is not None:
        step(item)


def check(kind: Kind, item: Document, before: Document | None) -> None:
    """Raise Refused for an object that Kubernetes would not take."""
    name = str(at(item, "metadata", "name", default=""))
    if kind.name not in _ANY_NAME and name and not _NAME.fullmatch(name):
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')
    if kind.name in {"Deployment", "StatefulSet", "ReplicaSet", "DaemonSet"}:
        _check_workload(kind, name, item, before)
    replicas = at(item, "spec", "replicas", default=0)
    if isinstance(replicas, int) and replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid(kind, name, "spec.replicas", why)
    if kind.name == "HorizontalPodAutoscaler":
        low, high = at(item, "spec", "minReplicas", default=1), at(item, "spec", "maxReplicas")
        if high is None or high < low:
            why = f"Invalid value: {high}: must be greater than or equal to `minReplicas`"
            raise invalid(kind, name, "spec.maxReplicas", why)


def _check_workload(kind: Kind, name: str, item: Document, before: Document | None) -> None:
    template = at(item, "spec", "template", default={})
    if not selector_matcher(at(item, "spec", "selector"))(template):
        labels = dict(labels_of(template)) if "metadata" in template else {}
        why = f"Invalid value: {labels}: `selector` does not match template `labels`"
        raise invalid(kind, name, "spec.template.metadata.labels", why)
    containers = at(template, "spec", "containers", default=[])
    if not containers:
        raise invalid(
            kind, name, "spec.template.spec.containers", "Required value", "FieldValueRequired"
        )
    for number, each in enumerate(containers):
        if not each.get("image"):
            field = f"spec.template.spec.containers[{number}].image"
            raise invalid(kind, name, field, "Required value", "FieldValueRequired")
    if before is None:
        return
    if at(before, "spec", "selector") != at(item, "spec", "selector"):
        why = "Invalid value: field is immutable"
        raise invalid(kind, name, "spec.selector", why)
    fixed = {"serviceName", "podManagementPolicy", "volumeClaimTemplates"}
    old, new = before["spec"], item["spec"]
    if kind.name == "StatefulSet" and any(old.get(each) != new.get(each) for each in fixed):
        why = (
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
            "'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        raise invalid(kind, name, "spec", why, "FieldValueForbidden")


def _deployment(item: Document) -> None:
    spec = item["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    _template(spec["template"])


def _stateful_set(item: Document) -> None:
    spec = item["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    for claim in spec.get("volumeClaimTemplates", []):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim["spec"].setdefault("volumeMode", "Filesystem")
        claim.setdefault("status", {"phase": "Pending"})
    _template(spec["template"])


def _template(template: Document) -> None:
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    _pod_spec(template.setdefault("spec", {}))


def _pod_spec(spec: Document) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    for each in [*spec.get("containers", []), *spec.get("initContainers", [])]:
        tag = str(each.get("image", "")).rpartition("/")[2]
        latest = ":" not in tag or tag.endswith(":latest")
        each.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        each.setdefault("resources", {})
        each.setdefault("terminationMessagePath", "/dev/termination-log")
        each.setdefault("terminationMessagePolicy", "File")
        for port in each.get("ports", []):
            port.setdefault("protocol", "TCP")


def _service(item: Document) -> None:
    spec = item["spec"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if "clusterIP" not in spec:
        spec["clusterIP"] = f"10.96.{sum(map(ord, item['metadata']['name'])) % 250}.10"
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])


def _secret(item: Document) -> None:
    item.setdefault("type", "Opaque")
    for name, value in item.pop("stringData", {}).items():
        item.setdefault("data", {})[name] = base64.b64encode(value.encode()).decode()


def _job(item: Document) -> None:
    spec = item["spec"]
    spec.setdefault("completions", 1)
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    name = item["metadata"].get("name") or "job"
    label = {"batch.kubernetes.io/job-name": name, "job-name": name}
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/job-name": name}})
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels.update(label)
    _template(spec["template"])


def _autoscaler(item: Document) -> None:
    item["spec"].setdefault("minReplicas", 1)
    target = {"type": "Utilization", "averageUtilization": 80}
    resource = {"name": "cpu", "target": target}
    item["spec"].setdefault("metrics", [{"type": "Resource", "resource": resource}])


def _claim(item: Document) -> None:
    item["spec"].setdefault("volumeMode", "Filesystem")
    item["spec"].setdefault("storageClassName", "standard")
    item.setdefault("status", {}).setdefault("phase", "Pending")


def _pod(item: Document) -> None:
    _pod_spec(item["spec"])
    item.setdefault("status", {}).setdefault("phase", "Pending")


def _namespace(item: Document) -> None:
    item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    item.setdefault("status", {}).setdefault("phase", "Active")
    name = item["metadata"]["name"]
    labels = item["metadata"].setdefault("labels", {})
    labels.setdefault("kubernetes.io/metadata.name", name)


def _replica_set(item: Document) -> None:
    item["spec"].setdefault("replicas", 1)
    _template(item["spec"]["template"])


def _cron_job(item: Document) -> None:
    item["spec"].setdefault("suspend", False)
    item["spec"].setdefault("concurrencyPolicy", "Allow")


_FILLED_IN: Mapping[str, Callable[[Document], None]] = {
    "CronJob": _cron_job,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": _job,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
}
