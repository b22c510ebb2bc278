"""Where the simulator keeps objects: versions, conflicts, and a history for those who watch."""

import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from info_assistant.drills.cluster.clock import Clock
from info_assistant.drills.cluster.documents import (
    Document,
    copied,
    name_of,
    namespace_of,
    owner_of,
    stamp,
)
from info_assistant.drills.cluster.kinds import BY_NAME, Kind
from info_assistant.drills.cluster.problems import already_exists, conflict, not_found
from info_assistant.drills.cluster.selectors import Matches

_HISTORY = 20_000
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an object: `before` is None for a new one, `after` for one that is gone."""

    version: int
    kind: Kind
    before: Document | None
    after: Document | None


class Store:
    """All objects. Whoever reads and then writes holds `lock` meanwhile.

    `changed` is notified after each change; it shares the lock. What is handed out and taken in is
    copied: nobody holds a stored object itself.
    """

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        """Begin empty; `seed` makes generated names the same each time."""
        self.clock = clock
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.version = 1
        self.closed = False
        self.deleted_at: dict[str, float] = {}
        """When the last object of an owner went, by the owner's unique id."""
        self._random = random.Random(seed)  # noqa: S311  Names, not secrets.
        self._objects: dict[str, dict[tuple[str, str], Document]] = {}
        self._history: deque[Change] = deque(maxlen=_HISTORY)

    def find(self, kind: str, namespace: str, name: str) -> Document | None:
        """Return an object, or None."""
        with self.lock:
            found = self._objects.get(kind, {}).get((namespace, name))
            return copied(found) if found else None

    def get(self, kind: Kind, namespace: str, name: str) -> Document:
        """Return an object. Raises Refused where there is none."""
        found = self.find(kind.name, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    def all(self, kind: str, namespace: str = "", matches: Matches | None = None) -> list[Document]:
        """Return all objects of a kind, in the order of their names."""
        with self.lock:
            found = sorted(self._objects.get(kind, {}).items())
            return [
                copied(item)
                for (where, _), item in found
                if (not namespace or where == namespace) and (matches is None or matches(item))
            ]

    def create(self, item: Document) -> Document:
        """Keep a new object. Raises Refused where its name is taken."""
        kind, item = BY_NAME[item["kind"]], copied(item)
        meta = item.setdefault("metadata", {})
        with self.lock:
            if not meta.get("name") and meta.get("generateName"):
                meta["name"] = meta["generateName"] + self.letters()
            place = (namespace_of(item), name_of(item))
            if place in self._objects.setdefault(kind.name, {}):
                raise already_exists(kind, name_of(item))
            meta["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
            meta["creationTimestamp"] = meta.get("creationTimestamp") or stamp(self.clock.now())
            if "spec" in item and kind.name != "Service":
                meta["generation"] = 1
            self._keep(kind, None, item)
            return copied(item)

    def update(self, item: Document) -> Document:
        """Keep another version of an object. Raises Refused where it rests on an old version.

        Nothing changes, not even the version, where the content is the same.
        """
        kind, item = BY_NAME[item["kind"]], copied(item)
        with self.lock:
            before = self.get(kind, namespace_of(item), name_of(item))
            old, new = before["metadata"], item["metadata"]
            if new.get("uid", old["uid"]) != old["uid"]:
                raise conflict(
                    kind,
                    name_of(item),
                    f"Precondition failed: UID in precondition: {new['uid']}, UID in object meta: "
                    f"{old['uid']}",
                )
            if new.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
                raise conflict(kind, name_of(item))
            for field in ("uid", "creationTimestamp", "resourceVersion", "generation"):
                if field in old:
                    new[field] = old[field]
            if item == before:
                return before
            if item.get("spec") != before.get("spec") and "generation" in old:
                new["generation"] = old["generation"] + 1
            if "deletionTimestamp" in new and not new.get("finalizers") and kind.name != "Pod":
                self._keep(kind, before, None)
            else:
                self._keep(kind, before, item)
            return copied(item)

    def remove(self, item: Document) -> None:
        """Let an object be gone, if it is still there."""
        kind = BY_NAME[item["kind"]]
        with self.lock:
            before = self.find(kind.name, namespace_of(item), name_of(item))
            if before is not None:
                self._keep(kind, before, None)

    def letters(self, count: int = 5) -> str:
        """Return the end of a generated name."""
        return "".join(self._random.choice(_LETTERS) for _ in range(count))

    def _keep(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        self.version += 1
        item = after or before or {}
        place = (namespace_of(item), name_of(item))
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self.version)
            self._objects.setdefault(kind.name, {})[place] = after
        else:
            del self._objects[kind.name][place]
            if owner := owner_of(item):
                self.deleted_at[owner] = self.clock.now()
        self._history.append(Change(self.version, kind, before, copied(after) if after else None))
        self.changed.notify_all()

    def since(self, version: int, kind: Kind) -> Iterator[Change]:
        """Yield the changes of a kind after a version. Hold the lock."""
        for change in self._history:
            if change.version > version and change.kind is kind:
                yield change

    def wait_for_change(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until something changes and `done`, for so long at most."""
        with self.changed:
            self.changed.wait_for(done, seconds)

    def close(self) -> None:
        """Let all who watch come to their end."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
