"""The simulator's time: driven by tests, or running as fast as one likes."""

import threading
import time
from typing import Protocol

_WEEK_S = 7 * 86_400.0


class Clock(Protocol):
    """Tells the time of the cluster, in seconds since the epoch."""

    def now(self) -> float:
        """Return the time."""
        ...

    def real_seconds(self, seconds: float) -> float | None:
        """Return how long that takes on this machine; None: it does not go by itself."""
        ...


class ManualClock:
    """Stands still until it is moved: nothing in a test waits for it."""

    def __init__(self, start: float | None = None) -> None:
        """Stand at `start`, by default the time of this machine."""
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Return the time."""
        return self._now

    def move_to(self, moment: float) -> None:
        """Go on to `moment`; never back."""
        self._now = max(self._now, moment)

    def real_seconds(self, seconds: float) -> float | None:
        """Return None: it does not go by itself."""
        del seconds
        return None


class ScaledClock:
    """Runs `scale` times as fast as this machine's, and can be stopped.

    Where it runs faster it begins a week ago, such that no client sees objects from the future.
    """

    def __init__(self, scale: float = 1.0) -> None:
        """Start it."""
        self._scale = scale
        self._lock = threading.Lock()
        self._began = time.time() - (_WEEK_S if scale > 1 else 0.0)
        self._since = time.monotonic()
        self._stopped = False

    def now(self) -> float:
        """Return the time."""
        with self._lock:
            return self._now()

    def _now(self) -> float:
        gone = 0.0 if self._stopped else (time.monotonic() - self._since) * self._scale
        return self._began + gone

    def stop(self) -> None:
        """Let the time stand still."""
        with self._lock:
            self._began, self._stopped = self._now(), True

    def go_on(self) -> None:
        """Let it run again."""
        with self._lock:
            self._since, self._stopped = time.monotonic(), False

    def real_seconds(self, seconds: float) -> float | None:
        """Return how long it takes on this machine until so much has gone by."""
        return None if self._stopped else max(0.0, seconds / self._scale)
