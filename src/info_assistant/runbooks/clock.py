"""Time that a changed clock does not deceive: how long ago was that, however often we restarted.

The wall clock may be set forward or back while an incident lasts. The system also counts the time
since it booted, sleep included. Two moments of the same boot are compared by that count; only those
of different boots, or of different machines, by the wall clock.
"""

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: the wall clock in UTC, and seconds since the boot that `boot` names."""

    wall: datetime
    boot: str = ""
    """Empty where the system does not tell; then the wall clock alone counts."""
    uptime_s: float = 0.0

    def data(self) -> dict[str, Any]:
        """Return what is kept of it beside a wall-clock time."""
        return {"boot": self.boot, "uptime_ms": round(self.uptime_s * 1000)} if self.boot else {}


def instant_of(wall: datetime, data: Mapping[str, Any] | None) -> Instant:
    """Return the moment that `Instant.data` was kept of; without it the wall clock's."""
    try:
        return (
            Instant(wall, str(data["boot"]), float(data["uptime_ms"]) / 1000)
            if data
            else Instant(wall)
        )
    except (KeyError, TypeError, ValueError):
        return Instant(wall)


def now() -> Instant:
    """Return this moment."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return Instant(datetime.now(UTC))
    return Instant(datetime.now(UTC), boot, uptime)


def elapsed_s(begin: Instant, end: Instant) -> float:
    """Return the seconds between two moments, never less than 0."""
    if begin.boot and begin.boot == end.boot:
        return max(end.uptime_s - begin.uptime_s, 0.0)
    return max((end.wall - begin.wall).total_seconds(), 0.0)


def elapsed_along_s(moments: Iterable[Instant]) -> float:
    """Return the seconds from the first moment to the last, each stretch by its best clock."""
    return sum(elapsed_s(one, next_one) for one, next_one in itertools.pairwise(moments))
