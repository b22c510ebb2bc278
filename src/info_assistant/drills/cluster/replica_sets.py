"""ReplicaSets: as many pods of a template as are asked for."""

from info_assistant.drills.cluster.documents import (
    Document,
    at,
    copied,
    counted,
    is_leaving,
    is_ready,
    name_of,
    namespace_of,
    owned_by,
    owner_of,
    stamp,
)
from info_assistant.drills.cluster.faults import Pace
from info_assistant.drills.cluster.journal import record
from info_assistant.drills.cluster.store import Store


def pods_of(store: Store, owner: Document) -> list[Document]:
    """Return the pods that an object controls."""
    uid = owner["metadata"]["uid"]
    return [pod for pod in store.all("Pod", namespace_of(owner)) if owner_of(pod) == uid]


def is_over(pod: Document) -> bool:
    """Return whether a pod's containers have ended for good."""
    return at(pod, "status", "phase") in {"Succeeded", "Failed"}


def pod_from(template: Document, owner: Document) -> Document:
    """Return a pod of a template, without a name."""
    meta = copied(template.get("metadata") or {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace_of(owner),
            "labels": meta.get("labels", {}),
            "annotations": meta.get("annotations", {}),
            "ownerReferences": owned_by(owner),
        },
        "spec": copied(template["spec"]),
        "status": {"phase": "Pending"},
    }


class ReplicaSets:
    """The controller of ReplicaSets."""

    def __init__(self, store: Store, pace: Pace) -> None:
        """Look after those of a store."""
        self._store = store
        self._pace = pace

    def look(self) -> float | None:
        """Create and delete pods."""
        due = None
        for item in self._store.all("ReplicaSet"):
            again = self._one(item)
            due = again if due is None or (again is not None and again < due) else due
        return due

    def _one(self, item: Document) -> float | None:
        wanted = at(item, "spec", "replicas", default=0)
        pods = [
            pod for pod in pods_of(self._store, item) if not is_leaving(pod) and not is_over(pod)
        ]
        due = None
        if len(pods) < wanted:
            lost = self._store.deleted_at.get(item["metadata"]["uid"], 0.0)
            due = lost + self._pace.recreate_s
            if self._store.clock.now() >= due:
                due = None
                self._create(item, wanted - len(pods))
        elif len(pods) > wanted:
            pods.sort(key=lambda pod: (is_ready(pod), -_age(pod)))
            for pod in pods[: len(pods) - wanted]:
                begin_to_end(self._store, pod)
                words = f"Deleted pod: {name_of(pod)}"
                record(self._store, item, "SuccessfulDelete", words, "replicaset-controller")
        self._status(item)
        return due

    def _create(self, item: Document, count: int) -> None:
        for _ in range(count):
            pod = pod_from(item["spec"]["template"], item)
            pod["metadata"]["name"] = f"{name_of(item)}-{self._store.letters()}"
            created = self._store.create(pod)
            words = f"Created pod: {name_of(created)}"
            record(self._store, item, "SuccessfulCreate", words, "replicaset-controller")

    def _status(self, item: Document) -> None:
        pods = [pod for pod in pods_of(self._store, item) if not is_leaving(pod)]
        ready = sum(map(is_ready, pods))
        item["status"] = {
            **counted(
                ("replicas",),
                replicas=len(pods),
                fullyLabeledReplicas=len(pods),
                readyReplicas=ready,
                availableReplicas=ready,
            ),
            "observedGeneration": item["metadata"]["generation"],
        }
        self._store.update(item)


def _age(pod: Document) -> int:
    return int(pod["metadata"]["resourceVersion"])


def begin_to_end(store: Store, pod: Document) -> None:
    """Ask a pod to end, as a controller does."""
    grace = at(pod, "spec", "terminationGracePeriodSeconds", default=30)
    pod["metadata"]["deletionTimestamp"] = stamp(store.clock.now() + grace)
    pod["metadata"]["deletionGracePeriodSeconds"] = grace
    store.update(pod)
