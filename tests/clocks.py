"""Clocks that stand until a test moves their hands."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class HandClock:
    """ports.Clock that shows the moment `at`."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment."""
        return self.at

    def move(self, **by: float) -> None:
        """Let time pass: `days=2`."""
        self.at += timedelta(**by)


@dataclass
class HandTime:
    """A monotonic clock: asked, it tells the second `now`."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now
