"""Deployments: a ReplicaSet for each template, rolled out step by step, with their revisions."""

from info_assistant.drills.cluster.documents import (
    Document,
    annotations_of,
    at,
    condition,
    copied,
    counted,
    hash_of,
    is_leaving,
    name_of,
    namespace_of,
    owned_by,
    owner_of,
    seconds_of,
    set_condition,
    soonest,
    stamp,
)
from info_assistant.drills.cluster.journal import record
from info_assistant.drills.cluster.replica_sets import is_over, pods_of
from info_assistant.drills.cluster.store import Store

REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_NOT_COPIED = {
    REVISION,
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
}


def resolved(value: object, total: int, *, up: bool) -> int:
    """Return a number that may be a percentage of `total`, rounded up or down."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    share = int(text[:-1]) * total
    return -(-share // 100) if up else share // 100


def revision_of(item: Document) -> int:
    """Return which revision a ReplicaSet is."""
    return int(at(item, "metadata", "annotations", REVISION, default="0"))


class Deployments:
    """The controller of Deployments."""

    def __init__(self, store: Store) -> None:
        """Look after those of a store."""
        self._store = store

    def look(self) -> float | None:
        """Take each rollout a step further."""
        return soonest(self._one(item) for item in self._store.all("Deployment"))

    def _one(self, item: Document) -> float | None:
        sets = self._sets(item)
        paused = at(item, "spec", "paused", default=False)
        new = self._new_set(item, sets, create=not paused)
        old = [each for each in sets if new is None or name_of(each) != name_of(new)]
        if paused:
            self._scale_paused(item, [*old, *([new] if new else [])])
        elif new is not None:
            if at(item, "spec", "strategy", "type") == "Recreate":
                self._recreate(item, new, old)
            else:
                self._roll(item, new, old)
            self._forget(item, old)
        return self._status(item, new)

    def _sets(self, item: Document) -> list[Document]:
        uid = item["metadata"]["uid"]
        sets = self._store.all("ReplicaSet", namespace_of(item))
        return sorted((each for each in sets if owner_of(each) == uid), key=revision_of)

    def _new_set(self, item: Document, sets: list[Document], *, create: bool) -> Document | None:
        wanted = item["spec"]["template"]
        found = next((each for each in sets if _template(each) == _bare(wanted)), None)
        latest = max((revision_of(each) for each in sets), default=0)
        if found is None:
            if not create:
                return None
            found = self._created(item, latest + 1)
        elif revision_of(found) < latest and create:
            annotations_of(found)[REVISION] = str(latest + 1)
        if not create:
            return found
        notes = annotations_of(item)
        annotations_of(found).update({k: v for k, v in notes.items() if k not in _NOT_COPIED})
        notes[REVISION] = annotations_of(found)[REVISION]
        item.update(self._store.update(item))
        return self._store.update(found)

    def _created(self, item: Document, revision: int) -> Document:
        template = copied(item["spec"]["template"])
        mark = hash_of(_bare(template))
        template["metadata"].setdefault("labels", {})[_HASH] = mark
        selector = copied(item["spec"]["selector"])
        selector.setdefault("matchLabels", {})[_HASH] = mark
        return self._store.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": f"{name_of(item)}-{mark}",
                    "namespace": namespace_of(item),
                    "labels": template["metadata"]["labels"],
                    "annotations": {REVISION: str(revision)},
                    "ownerReferences": owned_by(item),
                },
                "spec": {"replicas": 0, "selector": selector, "template": template},
                "status": {"replicas": 0},
            }
        )

    def _scale(self, item: Document, target: Document, count: int) -> None:
        before = at(target, "spec", "replicas", default=0)
        count = max(0, count)
        if count == before:
            return
        target["spec"]["replicas"] = count
        target.update(self._store.update(target))
        way = "up" if count > before else "down"
        words = f"Scaled {way} replica set {name_of(target)} from {before} to {count}"
        record(self._store, item, "ScalingReplicaSet", words, "deployment-controller")

    def _scale_paused(self, item: Document, sets: list[Document]) -> None:
        """While a rollout is paused only the newest set takes what is scaled."""
        active = [each for each in sets if at(each, "spec", "replicas", default=0)]
        if active:
            others = sum(each["spec"]["replicas"] for each in active[:-1])
            self._scale(item, active[-1], item["spec"]["replicas"] - others)

    def _recreate(self, item: Document, new: Document, old: list[Document]) -> None:
        for each in old:
            self._scale(item, each, 0)
        if not any(pods_of(self._store, each) for each in old):
            self._scale(item, new, item["spec"]["replicas"])

    def _roll(self, item: Document, new: Document, old: list[Document]) -> None:
        wanted = item["spec"]["replicas"]
        rolling = at(item, "spec", "strategy", "rollingUpdate", default={})
        surge = resolved(rolling.get("maxSurge", "25%"), wanted, up=True)
        missing = resolved(rolling.get("maxUnavailable", "25%"), wanted, up=False)
        if not surge and not missing:
            missing = 1
        count = new["spec"]["replicas"]
        total = count + sum(each["spec"]["replicas"] for each in old)
        if count > wanted:
            self._scale(item, new, wanted)
        elif count < wanted and (not old or total < wanted + surge or total == count):
            room = wanted - count if total == count else min(wanted + surge - total, wanted - count)
            self._scale(item, new, count + room)
        self._shrink_old(item, new, old, wanted - missing)

    def _shrink_old(self, item: Document, new: Document, old: list[Document], least: int) -> None:
        """Take old pods away: those that do not work at once, others as new ones work."""
        total = sum(each["spec"]["replicas"] for each in [new, *old])
        broken_new = new["spec"]["replicas"] - _available(new)
        most = total - least - broken_new
        for each in old:
            broken = max(0, each["spec"]["replicas"] - _available(each))
            taken = min(most, broken)
            if taken > 0:
                self._scale(item, each, each["spec"]["replicas"] - taken)
                most -= taken
        spare = sum(_available(each) for each in [new, *old]) - least
        for each in old:
            taken = min(spare, each["spec"]["replicas"])
            if taken > 0:
                self._scale(item, each, each["spec"]["replicas"] - taken)
                spare -= taken

    def _forget(self, item: Document, old: list[Document]) -> None:
        empty = [
            each
            for each in old
            if not each["spec"]["replicas"] and not at(each, "status", "replicas", default=0)
        ]
        limit = at(item, "spec", "revisionHistoryLimit", default=10)
        for each in empty[: max(0, len(empty) - limit)]:
            self._store.remove(each)

    def _status(self, item: Document, new: Document | None) -> float | None:
        sets = self._sets(item)
        pods = [pod for each in sets for pod in pods_of(self._store, each)]
        held = [pod for pod in pods if not is_leaving(pod) and not is_over(pod)]
        available = sum(_available(each) for each in sets)
        wanted = item["spec"]["replicas"]
        updated = at(new, "status", "replicas", default=0) if new else 0
        status = item.setdefault("status", {})
        numbers = {
            "observedGeneration": item["metadata"]["generation"],
            **counted(
                replicas=len(held),
                updatedReplicas=updated,
                readyReplicas=available,
                availableReplicas=available,
                unavailableReplicas=max(0, len(held) - available),
            ),
        }
        moved = numbers != {key: value for key, value in status.items() if key != "conditions"}
        item["status"] = {**numbers, "conditions": status.get("conditions", [])}
        due = self._conditions(item, new, moved=moved)
        self._available_condition(item, available, wanted)
        self._store.update(item)
        return due

    def _available_condition(self, item: Document, available: int, wanted: int) -> None:
        rolling = at(item, "spec", "strategy", "rollingUpdate", default={})
        missing = resolved(rolling.get("maxUnavailable", 0), wanted, up=False)
        enough = available >= wanted - missing
        wanted_condition = {
            "type": "Available",
            "status": "True" if enough else "False",
            "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            "message": "Deployment has minimum availability."
            if enough
            else "Deployment does not have minimum availability.",
            "lastUpdateTime": "",
        }
        set_condition(item, wanted_condition, self._store.clock.now())

    def _conditions(self, item: Document, new: Document | None, *, moved: bool) -> float | None:
        """Say whether it gets on; return when its time for that is up."""
        now, status = self._store.clock.now(), item["status"]
        name = name_of(new) if new else ""
        old = condition(item, "Progressing")
        due = None
        held, updated = status.get("replicas", 0), status.get("updatedReplicas", 0)
        done = updated == held == item["spec"]["replicas"]
        wanted = {"type": "Progressing", "status": "True", "lastUpdateTime": ""}
        if at(item, "spec", "paused", default=False):
            wanted |= {
                "status": "Unknown",
                "reason": "DeploymentPaused",
                "message": "Deployment is paused",
            }
        elif done and status.get("availableReplicas", 0) == held:
            wanted |= {
                "reason": "NewReplicaSetAvailable",
                "message": f'ReplicaSet "{name}" has successfully progressed.',
            }
        else:
            same = old.get("reason") in {"ReplicaSetUpdated", "ProgressDeadlineExceeded"}
            since = seconds_of(old["lastUpdateTime"]) if same and not moved else now
            due = since + float(at(item, "spec", "progressDeadlineSeconds", default=600))
            late = now >= due or (old.get("reason") == "ProgressDeadlineExceeded" and not moved)
            wanted |= {
                "status": "False" if late else "True",
                "reason": "ProgressDeadlineExceeded" if late else "ReplicaSetUpdated",
                "message": f'ReplicaSet "{name}" has timed out progressing.'
                if late
                else f'ReplicaSet "{name}" is progressing.',
            }
            due = None if late else due
        set_condition(item, wanted, now)
        if due is not None and moved:
            condition(item, "Progressing")["lastUpdateTime"] = stamp(now)
        return due


def _available(item: Document) -> int:
    return int(at(item, "status", "availableReplicas", default=0))


def _bare(template: Document) -> Document:
    """Return a template without the mark of its ReplicaSet."""
    bare: Document = copied(template)
    at(bare, "metadata", "labels", default={}).pop(_HASH, None)
    bare.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    return bare


def _template(item: Document) -> Document:
    return _bare(item["spec"]["template"])
