"""The smaller controllers: autoscaler, volumes, jobs, budgets, endpoints, and who cleans up."""

import math
from collections.abc import Callable, MutableMapping

from info_assistant.drills.cluster.deployments import resolved
from info_assistant.drills.cluster.documents import (
    Document,
    at,
    counted,
    is_leaving,
    is_ready,
    name_of,
    namespace_of,
    owned_by,
    set_condition,
    soonest,
    stamp,
)
from info_assistant.drills.cluster.journal import record
from info_assistant.drills.cluster.replica_sets import is_over, pod_from, pods_of
from info_assistant.drills.cluster.selectors import selector_matcher
from info_assistant.drills.cluster.store import Store

_SYNC_S, _WINDOW_S = 15.0, 300.0


class Autoscalers:
    """HorizontalPodAutoscalers: they set the number of replicas, whoever else has set it.

    `demand` is the load of a target in full replicas, by namespace and name; 1 where nobody says.
    """

    def __init__(self, store: Store, demand: MutableMapping[str, float]) -> None:
        """Look after those of a store."""
        self._store = store
        self._demand = demand
        self._next = store.clock.now() + _SYNC_S
        self._recommended: dict[str, list[tuple[float, int]]] = {}

    def look(self) -> float | None:
        """Judge every 15 seconds."""
        if not (scalers := self._store.all("HorizontalPodAutoscaler")):
            return None
        now = self._store.clock.now()
        if now >= self._next:
            self._next = now + _SYNC_S
            for item in scalers:
                self._one(item, now)
        return self._next

    def _one(self, item: Document, now: float) -> None:
        reference = item["spec"]["scaleTargetRef"]
        target = self._store.find(reference["kind"], namespace_of(item), reference["name"])
        if target is None:
            problem = {"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}
            set_condition(item, problem, now)
            self._store.update(item)
            return
        current = at(target, "spec", "replicas", default=0)
        if not current:
            return
        low, high = at(item, "spec", "minReplicas", default=1), item["spec"]["maxReplicas"]
        demand = self._demand.get(f"{namespace_of(item)}/{reference['name']}", 1.0)
        wanted = self._stabilised(item, min(high, max(low, math.ceil(demand))), current, now)
        self._status(item, current, wanted, demand)
        if wanted != current:
            target["spec"]["replicas"] = wanted
            self._store.update(target)
            words = f"New size: {wanted}; reason: All metrics below target"
            if wanted > current:
                words = f"New size: {wanted}; reason: cpu resource utilization above target"
            record(self._store, item, "SuccessfulRescale", words, "horizontal-pod-autoscaler")

    def _stabilised(self, item: Document, wanted: int, current: int, now: float) -> int:
        """Go down no further than the highest recommendation of the last five minutes.

        Only recommendations count. What somebody set by hand is none, so it does not last.
        """
        past = self._recommended.setdefault(item["metadata"]["uid"], [])
        past[:] = [(when, count) for when, count in past if when > now - _WINDOW_S]
        past.append((now, wanted))
        highest = max(count for _, count in past)
        low, high = at(item, "spec", "minReplicas", default=1), item["spec"]["maxReplicas"]
        return int(min(high, max(low, wanted if wanted > current else highest)))

    def _status(self, item: Document, current: int, wanted: int, demand: float) -> None:
        resource = at(item, "spec", "metrics", 0, "resource", default={})
        goal = at(resource, "target", "averageUtilization", default=80)
        used = round(demand * goal / current)
        measured = {"averageUtilization": used, "averageValue": f"{used}m"}
        shown = {"name": resource.get("name", "cpu"), "current": measured}
        item["status"] = {
            **item.get("status", {}),
            "observedGeneration": item["metadata"]["generation"],
            "currentReplicas": current,
            "desiredReplicas": wanted,
            "currentMetrics": [{"type": "Resource", "resource": shown}],
        }
        now = self._store.clock.now()
        ready = {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}
        set_condition(item, ready, now)
        self._store.update(item)


class Volumes:
    """Claims get a volume of their own at once; volumes are kept as long as their claims."""

    def __init__(self, store: Store) -> None:
        """Look after those of a store."""
        self._store = store

    def look(self) -> float | None:
        """Bind what is not bound."""
        for claim in self._store.all("PersistentVolumeClaim"):
            if at(claim, "status", "phase") != "Bound":
                self._bind(claim)
        return None

    def _bind(self, claim: Document) -> None:
        size = at(claim, "spec", "resources", "requests", "storage", default="1Gi")
        modes = at(claim, "spec", "accessModes", default=["ReadWriteOnce"])
        name = f"pvc-{claim['metadata']['uid']}"
        storage = at(claim, "spec", "storageClassName", default="standard")
        about = {"namespace": namespace_of(claim), "name": name_of(claim)}
        self._store.create(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": name},
                "spec": {
                    "capacity": {"storage": size},
                    "accessModes": modes,
                    "persistentVolumeReclaimPolicy": "Delete",
                    "storageClassName": storage,
                    "claimRef": {**about, "uid": claim["metadata"]["uid"]},
                },
                "status": {"phase": "Bound"},
            }
        )
        claim["spec"] |= {"volumeName": name, "storageClassName": storage}
        claim["status"] = {
            "phase": "Bound",
            "accessModes": modes,
            "capacity": {"storage": size},
        }
        self._store.update(claim)
        words = f"Successfully provisioned volume {name}"
        record(self._store, claim, "ProvisioningSucceeded", words, "simulator")


class Jobs:
    """Jobs: pods that are to end well, tried again until the limit."""

    def __init__(self, store: Store) -> None:
        """Look after those of a store."""
        self._store = store

    def look(self) -> float | None:
        """Start pods and count how they ended."""
        for job in self._store.all("Job"):
            self._one(job)
        return None

    def _one(self, job: Document) -> None:
        pods = pods_of(self._store, job)
        good = sum(at(pod, "status", "phase") == "Succeeded" for pod in pods)
        bad = sum(at(pod, "status", "phase") == "Failed" for pod in pods)
        active = len(pods) - good - bad
        now = self._store.clock.now()
        status = job.setdefault("status", {})
        over = any(each["type"] in {"Complete", "Failed"} for each in status.get("conditions", []))
        if over or at(job, "spec", "suspend", default=False):
            return
        status.setdefault("startTime", stamp(now))
        for count in ("active", "succeeded", "failed"):
            status.pop(count, None)
        status.update(counted(active=active, succeeded=good, failed=bad))
        if good >= job["spec"]["completions"]:
            status["completionTime"] = stamp(now)
            set_condition(job, {"type": "Complete", "status": "True"}, now)
            record(self._store, job, "Completed", "Job completed", "job-controller")
        elif bad > job["spec"]["backoffLimit"]:
            failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
            message = "Job has reached the specified backoff limit"
            set_condition(job, {**failed, "message": message}, now)
        elif not active:
            pod = pod_from(job["spec"]["template"], job)
            pod["metadata"]["name"] = f"{name_of(job)}-{self._store.letters()}"
            self._store.create(pod)
            words = f"Created pod: {name_of(pod)}"
            record(self._store, job, "SuccessfulCreate", words, "job-controller")
        self._store.update(job)


class Budgets:
    """PodDisruptionBudgets: how many pods may be evicted now."""

    def __init__(self, store: Store) -> None:
        """Look after those of a store."""
        self._store = store

    def look(self) -> float | None:
        """Count again."""
        for item in self._store.all("PodDisruptionBudget"):
            matches = selector_matcher(at(item, "spec", "selector"))
            pods = [pod for pod in self._store.all("Pod", namespace_of(item)) if matches(pod)]
            healthy = sum(is_ready(pod) and not is_leaving(pod) for pod in pods)
            spec = item["spec"]
            if "minAvailable" in spec:
                least = resolved(spec["minAvailable"], len(pods), up=True)
            else:
                least = len(pods) - resolved(spec.get("maxUnavailable", 1), len(pods), up=True)
            item["status"] = {
                "observedGeneration": item["metadata"]["generation"],
                "currentHealthy": healthy,
                "desiredHealthy": max(0, least),
                "expectedPods": len(pods),
                "disruptionsAllowed": max(0, healthy - max(0, least)),
            }
            self._store.update(item)
        return None


class Endpoints:
    """EndpointSlices: which pods a Service sends requests to."""

    def __init__(self, store: Store) -> None:
        """Look after those of a store."""
        self._store = store

    def look(self) -> float | None:
        """List the pods of each Service."""
        for service in self._store.all("Service"):
            if at(service, "spec", "selector"):
                self._one(service)
        return None

    def _one(self, service: Document) -> None:
        matches = selector_matcher(service["spec"]["selector"])
        pods = self._store.all("Pod", namespace_of(service), matches)
        name = f"{name_of(service)}-slice"
        found = self._store.find("EndpointSlice", namespace_of(service), name)
        item = found or {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": namespace_of(service),
                "labels": {"kubernetes.io/service-name": name_of(service)},
                "ownerReferences": owned_by(service),
            },
            "addressType": "IPv4",
        }
        item["ports"] = [
            {"name": each.get("name", ""), "port": each["port"], "protocol": "TCP"}
            for each in at(service, "spec", "ports", default=[])
        ]
        item["endpoints"] = [
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": is_ready(pod) and not is_leaving(pod)},
                "targetRef": {
                    "kind": "Pod",
                    "name": name_of(pod),
                    "namespace": namespace_of(pod),
                },
            }
            for pod in pods
            if at(pod, "status", "podIP") and not is_over(pod)
        ]
        if found:
            self._store.update(item)
        else:
            self._store.create(item)


class Cleanup:
    """Removes what belonged to something that is gone: to an owner, or to a namespace."""

    _KINDS = ("ReplicaSet", "Pod", "ControllerRevision", "Job", "EndpointSlice")
    _OWNERS = ("Deployment", "ReplicaSet", "StatefulSet", "Job", "CronJob", "Service")

    def __init__(self, store: Store, end: Callable[[Store, Document], None]) -> None:
        """Look after a store; `end` asks a pod to end."""
        self._store = store
        self._end = end

    def look(self) -> float | None:
        """Remove what nobody owns any more."""
        owners = {
            item["metadata"]["uid"] for kind in self._OWNERS for item in self._store.all(kind)
        }
        spaces = {name_of(each) for each in self._store.all("Namespace")}
        return soonest(
            self._kind(kind, owners, spaces)
            for kind in (
                *self._KINDS,
                "Deployment",
                "StatefulSet",
                "Service",
                "ConfigMap",
                "Secret",
            )
        )

    def _kind(self, kind: str, owners: set[str], spaces: set[str]) -> float | None:
        for item in self._store.all(kind):
            refs = item["metadata"].get("ownerReferences", [])
            lost = bool(refs) and not any(each["uid"] in owners for each in refs)
            if not lost and namespace_of(item) in spaces:
                continue
            if kind != "Pod":
                self._store.remove(item)
            elif not is_leaving(item):
                self._end(self._store, item)
        return None
