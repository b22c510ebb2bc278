"""What every part of a process is handed: the time, and a way to ask who still works."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day, in UTC."""

    def now(self) -> datetime:
        """Return the present moment with its time zone."""


class Probe(Protocol):
    """Something that can be asked whether it works."""

    async def ping(self) -> None:
        """Return if the dependency answers. Raises Unavailable."""
