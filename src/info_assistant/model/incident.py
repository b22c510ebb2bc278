"""Incidents as readers of the service see them, on the page and in /health."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that is wrong now, in words for readers.

    `status` is `investigating`, `identified`, `monitoring` or `resolved`.
    """

    id: str
    title: str
    status: str
    message: str
    started_at: datetime
    updated_at: datetime
    actor: str
