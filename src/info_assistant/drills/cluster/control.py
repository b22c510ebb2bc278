"""The loop that brings the cluster nearer to what its objects ask for, at the pace of a clock.

A controller looks at all objects, changes what has to change now, and says when it wants to look
again. Nothing is remembered between looks but what objects hold (and the kubelet's containers), so
that what happens depends on the objects and the clock only.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from info_assistant.drills.cluster.clock import ManualClock
from info_assistant.drills.cluster.documents import soonest
from info_assistant.drills.cluster.store import Store

_ROUNDS = 200
_IDLE_S = 60.0


class Controller(Protocol):
    """Looks after one kind of object."""

    def look(self) -> float | None:
        """Change what has to change now; return when to look again, None: after a change."""
        ...


class Control:
    """Runs controllers in turns until nothing changes any more."""

    def __init__(self, store: Store, controllers: Sequence[Controller]) -> None:
        """Begin with nothing to do."""
        self._store = store
        self._controllers = tuple(controllers)
        self._due: float | None = None
        self._settled = -1

    def settle(self) -> float | None:
        """Let all that is due happen; return when something is next."""
        with self._store.lock:
            if self._store.version == self._settled and not self._is_due():
                return self._due
            for _ in range(_ROUNDS):
                before = self._store.version
                times = [each.look() for each in self._controllers]
                if self._store.version == before:
                    self._due, self._settled = soonest(times), before
                    return self._due
            raise RuntimeError("The simulator's controllers undo each other's work.")

    def look_again(self) -> None:
        """Let controllers look at once, after a fault was set or lifted."""
        with self._store.changed:
            self._settled = -1
            self._store.changed.notify_all()

    def _is_due(self) -> bool:
        return self._due is not None and self._store.clock.now() >= self._due

    def advance(self, clock: ManualClock, seconds: float) -> None:
        """Let so much time go by, moment by moment."""
        end = clock.now() + seconds
        while True:
            due = self.settle()
            if due is None or due > end:
                break
            clock.move_to(due)
        clock.move_to(end)
        self.settle()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep up with the clock, in a thread, until the block is left."""
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,), name="cluster-control")
        thread.start()
        try:
            yield
        finally:
            over.set()
            with self._store.changed:
                self._store.changed.notify_all()
            thread.join()

    def _run(self, over: threading.Event) -> None:
        while not over.is_set():
            with self._store.changed:
                due = self.settle()
                seen = self._store.version
                now = self._store.clock.now()
                left = None if due is None else self._store.clock.real_seconds(due - now)
                pause = _IDLE_S if left is None else min(left, _IDLE_S)
                if not over.is_set() and self._store.version == seen:
                    self._store.changed.wait(max(pause, 0.001))
