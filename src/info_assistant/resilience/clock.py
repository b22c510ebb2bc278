"""The clock of the machine, as the port that the rest of the product takes."""

from datetime import UTC, datetime


class SystemClock:
    """ports.Clock that tells the time of the machine."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)
