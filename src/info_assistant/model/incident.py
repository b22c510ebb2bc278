"""Incidents as readers of the service see them, on the page and in /health."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IncidentStatus(StrEnum):
    """How far people are with an incident."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong now, in words for readers; `actor` is who last wrote them."""

    id: str
    title: str
    status: IncidentStatus
    message: str
    started_at: datetime
    updated_at: datetime
    actor: str

    @property
    def open(self) -> bool:
        """Whether it is not over yet."""
        return self.status is not IncidentStatus.RESOLVED
