"""The events that `kubectl describe` shows."""

from info_assistant.drills.cluster.documents import (
    Document,
    hash_of,
    name_of,
    namespace_of,
    stamp,
)
from info_assistant.drills.cluster.store import Store


def record(store: Store, about: Document, reason: str, message: str, source: str) -> None:
    """Write an event; the same once more counts up. Reasons with a bad end are warnings."""
    bad = ("Failed", "Fail", "BackOff", "Unhealthy", "NotReady", "Err")
    now = stamp(store.clock.now())
    namespace = namespace_of(about) or "default"
    uid = about["metadata"].get("uid", "")
    name = f"{name_of(about)}.{hash_of([uid, reason, message])}"
    known = store.find("Event", namespace, name)
    if known is not None:
        known["count"] += 1
        known["lastTimestamp"] = now
        store.update(known)
        return
    store.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": name_of(about),
                "namespace": namespace_of(about),
                "uid": uid,
            },
            "type": "Warning" if any(word in reason for word in bad) else "Normal",
            "reason": reason,
            "message": message,
            "source": {"component": source},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
    )
