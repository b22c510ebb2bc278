"""Leases: who has a document in hand. They save work; correctness rests on other things."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """The word of a worker that it has a document in hand.

    `token` is made for one claim and never again, so that whoever writes under it writes only
    while nobody else has claimed the document since (a fencing token). `renewed_at` is by the
    owner's clock, for people; other replicas only look whether it still changes.
    """

    token: str
    owner: str
    renewed_at: datetime
