"""A stretch of time of which records may be missing."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RecordGap:
    """A writer vanished with its disk: what it wrote between `begin` and `end` may be lost.

    Of model calls that is at most `at_most_micro_usd` for each tenant.
    """

    writer: str
    begin: datetime
    end: datetime
    at_most_micro_usd: int
