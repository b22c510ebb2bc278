"""Watches: what changes, event by event, for as long as a client listens."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from info_assistant.drills.cluster.calls import Call
from info_assistant.drills.cluster.documents import Document, copied, namespace_of
from info_assistant.drills.cluster.kinds import Kind
from info_assistant.drills.cluster.selectors import Matches
from info_assistant.drills.cluster.store import Change, Store
from info_assistant.drills.cluster.tables import table_of

_LOOK_S = 0.5
"""How often it is looked whether the client is still there."""
_BOOKMARK_S = 30.0
_LONGEST_S = 1800.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Which objects are watched, and for whom."""

    kind: Kind
    namespace: str
    matches: Matches
    call: Call
    now: Callable[[], float]

    def sees(self, item: Document | None) -> bool:
        """Return whether an object is among them."""
        return (
            item is not None
            and (not self.namespace or namespace_of(item) == self.namespace)
            and self.matches(item)
        )


def events(store: Store, watch: Watch) -> Iterator[bytes]:
    """Yield events as lines of JSON, and empty pieces while there are none."""
    end = time.monotonic() + float(watch.call.one("timeoutSeconds") or _LONGEST_S)
    bookmarked = time.monotonic()
    first, seen, initial = _beginning(store, watch)
    yield from initial
    while not store.closed and time.monotonic() < end:
        with store.lock:
            news = [_event_of(watch, change) for change in store.since(seen, watch.kind)]
            seen = store.version
        for kind, item in filter(None, news):
            yield _line(watch, kind, item, first=first)
            first = False
        if watch.call.flag("allowWatchBookmarks") and time.monotonic() - bookmarked > _BOOKMARK_S:
            bookmarked = time.monotonic()
            yield _line(watch, "BOOKMARK", _bookmark(watch.kind, seen), first=first)
        yield b""
        before = seen
        store.wait_for_change(lambda: store.closed or store.version > before, _LOOK_S)  # noqa: B023


def _beginning(store: Store, watch: Watch) -> tuple[bool, int, list[bytes]]:
    """Return whether no row was sent yet, the version from which it goes on, and first events."""
    asked = watch.call.one("resourceVersion")
    wants_all = watch.call.flag("sendInitialEvents") or asked in {"", "0"}
    with store.lock:
        if not wants_all:
            return True, int(asked), []
        seen = store.version
        items = store.all(watch.kind.name, watch.namespace, watch.matches)
    lines = [_line(watch, "ADDED", item, first=number == 0) for number, item in enumerate(items)]
    if watch.call.flag("sendInitialEvents"):
        mark = _bookmark(watch.kind, seen)
        mark["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
        lines.append(_line(watch, "BOOKMARK", mark, first=not items))
    return not lines, seen, lines


def _event_of(watch: Watch, change: Change) -> tuple[str, Document] | None:
    before, after = watch.sees(change.before), watch.sees(change.after)
    if after and change.after is not None:
        return ("MODIFIED" if before else "ADDED"), change.after
    if before and change.before is not None:
        gone = copied(change.after or change.before)
        gone["metadata"]["resourceVersion"] = str(change.version)
        return "DELETED", gone
    return None


def _bookmark(kind: Kind, version: int) -> Document:
    return {
        "kind": kind.name,
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": str(version)},
    }


def _line(watch: Watch, event: str, item: Document, *, first: bool) -> bytes:
    shown = item
    if watch.call.wants_table:
        rows = [] if event == "BOOKMARK" else [item]
        shown = table_of(watch.kind, rows, watch.now(), watch.call.one("includeObject", "Metadata"))
        if not first:
            shown["columnDefinitions"] = None
        if event == "BOOKMARK":
            shown["metadata"] = item["metadata"]
    return json.dumps({"type": event, "object": shown}).encode() + b"\n"
