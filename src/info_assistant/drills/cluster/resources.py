"""What can be done with stored objects: the verbs of the API, and most subresources."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from info_assistant.drills.cluster.calls import Call
from info_assistant.drills.cluster.defaults import check, fill_in
from info_assistant.drills.cluster.documents import Document, at, copied, name_of, stamp
from info_assistant.drills.cluster.kinds import Kind
from info_assistant.drills.cluster.patches import patched
from info_assistant.drills.cluster.problems import (
    Refused,
    bad_request,
    conflict,
    invalid,
)
from info_assistant.drills.cluster.selectors import (
    Matches,
    field_matcher,
    label_matcher,
    selector_matcher,
    selector_text,
)
from info_assistant.drills.cluster.store import Store

Strict = Callable[[Document], list[str]]
"""Returns what is wrong with the fields of an object, in words; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """Carries verbs out on a store. `strict` finds fields that do not exist."""

    store: Store
    strict: Strict = field(default=lambda _item: [])

    def listed(self, target: Target, call: Call) -> Document:
        """Return a list."""
        with self.store.lock:
            items = self.store.all(target.kind.name, target.namespace, chosen(call))
            return {
                "kind": f"{target.kind.name}List",
                "apiVersion": target.kind.api_version,
                "metadata": {"resourceVersion": str(self.store.version)},
                "items": items,
            }

    def created(self, target: Target, call: Call) -> Document:
        """Keep a new object."""
        item = call.document()
        meta = item.setdefault("metadata", {})
        if target.kind.namespaced:
            self._namespace_of(item, target)
        else:
            meta.pop("namespace", None)
        for given in ("resourceVersion", "uid", "creationTimestamp"):
            meta.pop(given, None)
        if not meta.get("name") and not meta.get("generateName"):
            raise invalid(
                target.kind, "", "metadata.name", "Required value: name or generateName is required"
            )
        self._prepare(target.kind, item, None, call)
        with self.store.lock:
            if call.dry:
                if self.store.find(target.kind.name, target.namespace, meta.get("name", "")):
                    self.store.create(item)
                return {**item, "metadata": {**meta, "uid": "", "resourceVersion": ""}}
            return self.store.create(item)

    def _namespace_of(self, item: Document, target: Target) -> None:
        meta = item["metadata"]
        given = meta.setdefault("namespace", target.namespace)
        if given != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        if self.store.find("Namespace", "", given) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "NotFound", f'namespaces "{given}" not found')

    def _prepare(self, kind: Kind, item: Document, before: Document | None, call: Call) -> None:
        item["kind"], item["apiVersion"] = kind.name, kind.api_version
        item["metadata"].pop("managedFields", None)
        wrong = self.strict(item) if call.one("fieldValidation") == "Strict" else []
        if wrong:
            raise bad_request(
                f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: '
                f"strict decoding error: {', '.join(wrong)}"
            )
        try:
            fill_in(item)
            check(kind, item, before)
        except (KeyError, TypeError, AttributeError) as error:
            name = str(item["metadata"].get("name", ""))
            raise invalid(kind, name, "spec", f"Invalid value: {error}") from error

    def replaced(self, target: Target, call: Call) -> Document:
        """Keep another version, given whole."""
        item = call.document()
        with self.store.lock:
            before = self.store.get(target.kind, target.namespace, target.name)
            return self._kept(target, before, item, call)

    def patched(self, target: Target, call: Call) -> Document:
        """Keep another version, given as a patch."""
        content_type = call.headers.get("content-type", "").split(";")[0]
        with self.store.lock:
            if target.sub == "scale":
                scale = self.scale(target)
                changed = patched(content_type, scale, _json_of(call), "Scale")
                return self._scaled(target, changed, call)
            before = self.store.get(target.kind, target.namespace, target.name)
            item = patched(content_type, before, _json_of(call), target.kind.name)
            return self._kept(target, before, item, call)

    def _kept(self, target: Target, before: Document, item: Document, call: Call) -> Document:
        if target.sub == "status":
            item = {**copied(before), "status": item.get("status", {})}
        elif "status" in target.kind.sub:
            # The status is its own resource: who writes the object does not write it.
            item.pop("status", None)
            if "status" in before:
                item["status"] = before["status"]
        item["metadata"] = {**item["metadata"], "name": target.name}
        if target.kind.namespaced:
            item["metadata"]["namespace"] = target.namespace
        self._prepare(target.kind, item, before, call)
        return item if call.dry else self.store.update(item)

    def scale(self, target: Target) -> Document:
        """Return the number of replicas, as `/scale` has it."""
        item = self.store.get(target.kind, target.namespace, target.name)
        meta = item["metadata"]
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {
                key: meta[key]
                for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            },
            "spec": {"replicas": at(item, "spec", "replicas", default=0)},
            "status": {
                "replicas": at(item, "status", "replicas", default=0),
                "selector": selector_text(at(item, "spec", "selector")),
            },
        }

    def scaled(self, target: Target, call: Call) -> Document:
        """Keep another number of replicas."""
        with self.store.lock:
            return self._scaled(target, call.document(), call)

    def _scaled(self, target: Target, wanted: Document, call: Call) -> Document:
        item = self.store.get(target.kind, target.namespace, target.name)
        version = at(wanted, "metadata", "resourceVersion")
        if version and version != item["metadata"]["resourceVersion"]:
            raise conflict(target.kind, target.name)
        item["spec"]["replicas"] = int(at(wanted, "spec", "replicas", default=0))
        check(target.kind, item, item)
        if not call.dry:
            self.store.update(item)
        return self.scale(target)

    def deleted(self, target: Target, call: Call) -> Document:
        """Delete an object, with what belongs to it, or begin to: a pod takes its time."""
        options = _options(call)
        with self.store.lock:
            item = self.store.get(target.kind, target.namespace, target.name)
            wanted = at(options, "preconditions", "uid")
            if wanted and wanted != item["metadata"]["uid"]:
                raise conflict(
                    target.kind,
                    target.name,
                    f"Precondition failed: UID in precondition: {wanted}, UID in object meta: "
                    f"{item['metadata']['uid']}",
                )
            if call.dry:
                return item
            if target.kind.name == "Pod":
                return self._ending_pod(item, options, call)
            if options.get("propagationPolicy") == "Orphan":
                self._orphan(item)
            if item["metadata"].get("finalizers"):
                item["metadata"]["deletionTimestamp"] = stamp(self.store.clock.now())
                return self.store.update(item)
            self.store.remove(item)
            return _success(target, item)

    def _ending_pod(self, pod: Document, options: Document, call: Call) -> Document:
        grace = options.get("gracePeriodSeconds")
        if grace is None:
            grace = call.one("gracePeriodSeconds") or None
        if grace is None:
            grace = at(pod, "spec", "terminationGracePeriodSeconds", default=30)
        if int(grace) == 0:
            self.store.remove(pod)
            return pod
        if "deletionTimestamp" not in pod["metadata"]:
            pod["metadata"]["deletionTimestamp"] = stamp(self.store.clock.now() + int(grace))
            pod["metadata"]["deletionGracePeriodSeconds"] = int(grace)
        return self.store.update(pod)

    def _orphan(self, owner: Document) -> None:
        for kind in ("ReplicaSet", "Pod", "ControllerRevision", "Job"):
            for item in self.store.all(kind):
                refs = item["metadata"].get("ownerReferences", [])
                if any(each["uid"] == owner["metadata"]["uid"] for each in refs):
                    item["metadata"].pop("ownerReferences")
                    self.store.update(item)

    def deleted_all(self, target: Target, call: Call) -> Document:
        """Delete all that a selector chooses."""
        with self.store.lock:
            for item in self.store.all(target.kind.name, target.namespace, chosen(call)):
                namespace = at(item, "metadata", "namespace", default="")
                self.deleted(Target(target.kind, namespace, name_of(item)), call)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def evicted(self, target: Target, call: Call) -> Document:
        """Delete a pod if its PodDisruptionBudgets allow it."""
        with self.store.lock:
            pod = self.store.get(target.kind, target.namespace, target.name)
            for budget in self.store.all("PodDisruptionBudget", target.namespace):
                covers = selector_matcher(at(budget, "spec", "selector"))(pod)
                if covers and at(budget, "status", "disruptionsAllowed", default=0) < 1:
                    raise Refused(
                        HTTPStatus.TOO_MANY_REQUESTS,
                        "TooManyRequests",
                        "Cannot evict pod as it would violate the pod's disruption budget.",
                        (target.kind, target.name),
                    )
            if call.dry:
                return pod
            self._ending_pod(pod, at(call.document(), "deleteOptions", default={}), call)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def chosen(call: Call) -> Matches:
    """Return what the selectors of a request mean."""
    labels = label_matcher(call.one("labelSelector"))
    fields = field_matcher(call.one("fieldSelector"))
    return lambda item: labels(item) and fields(item)


def _options(call: Call) -> Document:
    given = call.document() if call.body else {}
    if policy := call.one("propagationPolicy"):
        given["propagationPolicy"] = policy
    return given


def _json_of(call: Call) -> object:
    try:
        read: object = json.loads(call.body)
    except ValueError as error:
        raise bad_request(f"the patch is no JSON: {error}") from error
    return read


def _success(target: Target, item: Document) -> Document:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {
            "name": target.name,
            "group": target.kind.group,
            "kind": target.kind.plural,
            "uid": item["metadata"]["uid"],
        },
    }
