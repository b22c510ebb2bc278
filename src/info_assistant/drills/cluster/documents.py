"""JSON documents as Kubernetes keeps them: copies, walks along paths, times, hashes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

Document = dict[str, Any]
"""An object of the API, as JSON has it."""

_Json = TypeVar("_Json")

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: none of them spell words (as in Kubernetes)."""


def copied(value: _Json) -> _Json:
    """Return a deep copy of JSON."""
    return cast("_Json", _copied(value))


def _copied(value: Any) -> Any:  # noqa: ANN401  JSON of any shape.
    kind = type(value)
    if kind is dict:
        return {key: _copied(each) for key, each in value.items()}
    if kind is list:
        return [_copied(each) for each in value]
    return value


def at(value: Any, *path: str | int, default: Any = None) -> Any:  # noqa: ANN401
    """Return what lies at a path, or `default` where something on the way is missing."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return default
    return default if value is None else value


def name_of(item: Document) -> str:
    """Return the object's name."""
    return str(item["metadata"]["name"])


def namespace_of(item: Document) -> str:
    """Return the object's namespace, empty for what belongs to the whole cluster."""
    return str(at(item, "metadata", "namespace", default=""))


def labels_of(item: Document) -> Mapping[str, str]:
    """Return the object's labels."""
    found: Mapping[str, str] = at(item, "metadata", "labels", default={})
    return found


def annotations_of(item: Document) -> dict[str, str]:
    """Return the object's annotations, such that they can be changed."""
    found: dict[str, str] = item["metadata"].setdefault("annotations", {})
    return found


def owner_of(item: Document) -> str:
    """Return the unique id of the controller that made it, empty where none did."""
    for owner in at(item, "metadata", "ownerReferences", default=[]):
        if owner.get("controller"):
            return str(owner["uid"])
    return ""


def owned_by(owner: Document) -> list[Document]:
    """Return the references of an object that `owner` makes."""
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": name_of(owner),
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def stamp(seconds: float) -> str:
    """Return a time as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> float:
    """Return the time that the API wrote."""
    return datetime.fromisoformat(text).timestamp()


def hash_of(value: Any, length: int = 10) -> str:  # noqa: ANN401  JSON of any shape.
    """Return a short name for a content."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:length])


def condition(item: Document, kind: str) -> Document:
    """Return the condition of a type, empty where there is none."""
    for each in at(item, "status", "conditions", default=[]):
        if each["type"] == kind:
            found: Document = each
            return found
    return {}


def set_condition(item: Document, wanted: Document, now: float) -> None:
    """Write a condition; its time of transition changes only with its status."""
    conditions = item.setdefault("status", {}).setdefault("conditions", [])
    old = condition(item, wanted["type"])
    changed = old.get("status") != wanted["status"]
    since = stamp(now) if changed else old.get("lastTransitionTime", stamp(now))
    new = {**wanted, "lastTransitionTime": since}
    if "lastUpdateTime" in wanted:
        same = {**old, "lastUpdateTime": ""} == {**new, "lastUpdateTime": ""}
        new["lastUpdateTime"] = old["lastUpdateTime"] if same else stamp(now)
    conditions[:] = [each for each in conditions if each["type"] != wanted["type"]] + [new]
    conditions.sort(key=lambda each: str(each["type"]))


def counted(kept: tuple[str, ...] = (), **numbers: int) -> Document:
    """Return numbers of a status without zeros but those `kept`: the API leaves them out."""
    return {name: number for name, number in numbers.items() if number or name in kept}


def is_ready(pod: Document) -> bool:
    """Return whether a pod takes requests."""
    return condition(pod, "Ready").get("status") == "True"


def is_leaving(item: Document) -> bool:
    """Return whether an object is being deleted."""
    return "deletionTimestamp" in item["metadata"]


def soonest(times: Iterable[float | None]) -> float | None:
    """Return the earliest of several times, None where there is none."""
    known = [each for each in times if each is not None]
    return min(known) if known else None
