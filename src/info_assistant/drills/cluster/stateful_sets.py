"""StatefulSets: pods with numbers, one after the other or all at once, each with its own volumes.

The order of steps follows Kubernetes's controller, with what surprises in it: with `OrderedReady` a
pod that is not ready keeps all others from being created, updated or removed.
"""

from dataclasses import dataclass

from info_assistant.drills.cluster.documents import (
    Document,
    at,
    copied,
    counted,
    hash_of,
    is_leaving,
    is_ready,
    name_of,
    namespace_of,
    owned_by,
    owner_of,
    soonest,
)
from info_assistant.drills.cluster.faults import Pace
from info_assistant.drills.cluster.journal import record
from info_assistant.drills.cluster.replica_sets import begin_to_end, is_over, pod_from, pods_of
from info_assistant.drills.cluster.store import Store

_REVISION = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a StatefulSet is to be brought to."""

    item: Document
    current: str
    update: str
    ordered: bool
    replicas: int


def ordinal(pod: Document) -> int:
    """Return a pod's number."""
    return int(name_of(pod).rpartition("-")[2])


class StatefulSets:
    """The controller of StatefulSets."""

    def __init__(self, store: Store, pace: Pace) -> None:
        """Look after those of a store."""
        self._store = store
        self._pace = pace

    def look(self) -> float | None:
        """Take each a step further."""
        return soonest(self._one(item) for item in self._store.all("StatefulSet"))

    def _one(self, item: Document) -> float | None:
        update = self._revision(item)
        current = at(item, "status", "currentRevision", default=update)
        plan = _Plan(
            item,
            current,
            update,
            at(item, "spec", "podManagementPolicy") != "Parallel",
            item["spec"]["replicas"],
        )
        due = self._step(plan)
        self._status(plan)
        return due

    def _step(self, plan: _Plan) -> float | None:
        pods = {ordinal(pod): pod for pod in pods_of(self._store, plan.item)}
        due: list[float | None] = []
        for number in range(plan.replicas):
            pod = pods.get(number)
            if pod is None:
                again = self._create(plan, number)
                due.append(again)
                if plan.ordered:
                    return soonest(due)
            elif is_over(pod) and not is_leaving(pod):
                begin_to_end(self._store, pod)
                return None
            elif plan.ordered and (is_leaving(pod) or not is_ready(pod)):
                return None
        if self._condemn(plan, pods):
            return soonest(due)
        self._update(plan, pods)
        return soonest(due)

    def _condemn(self, plan: _Plan, pods: dict[int, Document]) -> bool:
        """Remove pods that are too many, the highest first; return whether to wait for them."""
        condemned = sorted((each for each in pods if each >= plan.replicas), reverse=True)
        unhealthy = [each for each in sorted(pods) if not is_ready(pods[each])]
        for number in condemned:
            pod = pods[number]
            if is_leaving(pod):
                if plan.ordered:
                    return True
                continue
            if plan.ordered and not is_ready(pod) and number != unhealthy[0]:
                return True
            self._end(plan, pod)
            if plan.ordered:
                return True
        return False

    def _update(self, plan: _Plan, pods: dict[int, Document]) -> None:
        """Replace pods of another revision, the highest first, one at a time."""
        strategy = at(plan.item, "spec", "updateStrategy", default={})
        if strategy.get("type") == "OnDelete":
            return
        partition = at(strategy, "rollingUpdate", "partition", default=0)
        for number in range(plan.replicas - 1, partition - 1, -1):
            pod = pods.get(number)
            if pod is None:
                return
            if at(pod, "metadata", "labels", _REVISION) != plan.update and not is_leaving(pod):
                self._end(plan, pod)
                return
            if is_leaving(pod) or not is_ready(pod):
                return

    def _end(self, plan: _Plan, pod: Document) -> None:
        begin_to_end(self._store, pod)
        words = f"delete Pod {name_of(pod)} in StatefulSet {name_of(plan.item)} successful"
        record(self._store, plan.item, "SuccessfulDelete", words, "statefulset-controller")

    def _create(self, plan: _Plan, number: int) -> float | None:
        item = plan.item
        lost = self._store.deleted_at.get(item["metadata"]["uid"], 0.0) + self._pace.recreate_s
        if self._store.clock.now() < lost:
            return lost
        partition = at(item, "spec", "updateStrategy", "rollingUpdate", "partition", default=0)
        revision = plan.update if number >= partition else plan.current
        pod = pod_from(self._template(item, revision), item)
        pod["metadata"]["name"] = f"{name_of(item)}-{number}"
        pod["metadata"]["labels"] |= {
            _REVISION: revision,
            "statefulset.kubernetes.io/pod-name": f"{name_of(item)}-{number}",
            "apps.kubernetes.io/pod-index": str(number),
        }
        pod["spec"]["hostname"] = f"{name_of(item)}-{number}"
        pod["spec"]["subdomain"] = at(item, "spec", "serviceName", default="")
        volumes = pod["spec"].setdefault("volumes", [])
        for claim in at(item, "spec", "volumeClaimTemplates", default=[]):
            name = f"{name_of(claim)}-{name_of(item)}-{number}"
            self._claim(item, claim, name)
            volume = {"name": name_of(claim), "persistentVolumeClaim": {"claimName": name}}
            volumes[:] = [each for each in volumes if each["name"] != name_of(claim)] + [volume]
        self._store.create(pod)
        words = f"create Pod {name_of(pod)} in StatefulSet {name_of(item)} successful"
        record(self._store, item, "SuccessfulCreate", words, "statefulset-controller")
        return None

    def _claim(self, item: Document, claim: Document, name: str) -> None:
        if self._store.find("PersistentVolumeClaim", namespace_of(item), name):
            return
        labels = at(item, "spec", "selector", "matchLabels", default={})
        self._store.create(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": name,
                    "namespace": namespace_of(item),
                    "labels": dict(labels),
                },
                "spec": {"storageClassName": "standard", **copied(claim["spec"])},
                "status": {"phase": "Pending"},
            }
        )

    def _revisions(self, item: Document) -> list[Document]:
        uid = item["metadata"]["uid"]
        found = self._store.all("ControllerRevision", namespace_of(item))
        return sorted(
            (each for each in found if owner_of(each) == uid), key=lambda each: each["revision"]
        )

    def _revision(self, item: Document) -> str:
        """Return the name of the present template's revision; make it where there is none."""
        template = {**copied(item["spec"]["template"]), "$patch": "replace"}
        data = {"spec": {"template": template}}
        known = self._revisions(item)
        latest = known[-1]["revision"] if known else 0
        for each in known:
            if each["data"] == data:
                if each["revision"] != latest:
                    each["revision"] = latest + 1
                    self._store.update(each)
                return name_of(each)
        name = f"{name_of(item)}-{hash_of(data)}"
        self._store.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": name,
                    "namespace": namespace_of(item),
                    "labels": at(item, "spec", "selector", "matchLabels", default={}),
                    "annotations": dict(at(item, "metadata", "annotations", default={})),
                    "ownerReferences": owned_by(item),
                },
                "data": data,
                "revision": latest + 1,
            }
        )
        return name

    def _template(self, item: Document, revision: str) -> Document:
        for each in self._revisions(item):
            if name_of(each) == revision:
                found: Document = copied(each["data"]["spec"]["template"])
                found.pop("$patch", None)
                return found
        template: Document = copied(item["spec"]["template"])
        return template

    def _status(self, plan: _Plan) -> None:
        pods = pods_of(self._store, plan.item)
        staying = [pod for pod in pods if not is_leaving(pod)]
        updated = [
            pod for pod in staying if at(pod, "metadata", "labels", _REVISION) == plan.update
        ]
        ready = sum(is_ready(pod) for pod in pods)
        done = len(updated) == plan.replicas == len(pods) and all(map(is_ready, updated))
        current = plan.update if done else plan.current
        status = {
            **counted(
                ("replicas", "availableReplicas"),
                replicas=len(pods),
                readyReplicas=ready,
                availableReplicas=ready,
                currentReplicas=sum(
                    at(pod, "metadata", "labels", _REVISION) == current for pod in staying
                ),
                updatedReplicas=len(updated),
            ),
            "observedGeneration": plan.item["metadata"]["generation"],
            "currentRevision": current,
            "updateRevision": plan.update,
            "collisionCount": 0,
        }
        self._store.update({**plan.item, "status": status})
