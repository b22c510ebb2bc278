"""Which documents a worker takes in hand: those that nobody has, or whose holder is gone.

A holder renews its leases every few seconds. Whether it still does is judged by watching, on a
clock that only this process reads: a lease that has not changed for 30 s while we looked has
expired, however far the clocks of two replicas are apart.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import structlog

from info_assistant.model.document import DocumentStatus
from info_assistant.model.ids import new_id
from info_assistant.model.lease import Lease
from info_assistant.ports import Clock, DocumentBoard

LEASE_S = 30.0
"""How long a lease stands that is not renewed."""

RENEW_S = 8.0
"""How often it is renewed: often enough that a slow write or two do no harm."""

_SEEN = 1024
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A lease as it was first seen, and when, on this process's own clock."""

    lease: Lease
    at: float


class LeaseWatch:
    """Remembers since when each lease has not changed."""

    def __init__(self, lease_s: float = LEASE_S, now: Callable[[], float] = time.monotonic) -> None:
        """Count a lease as expired after `lease_s` seconds without a change."""
        self._lease_s = lease_s
        self._now = now
        self._sightings: dict[str, _Sighting] = {}

    def free(self, statuses: Sequence[DocumentStatus]) -> list[DocumentStatus]:
        """Return those that nobody has in hand any more; `statuses` is all that there is."""
        now = self._now()
        before, self._sightings = self._sightings, {}
        free: list[DocumentStatus] = []
        for status in statuses:
            if status.lease is None:
                free.append(status)
                continue
            seen = before.get(status.document.id)
            if seen is None or seen.lease != status.lease:
                seen = _Sighting(status.lease, now)
            self._sightings[status.document.id] = seen
            if now - seen.at >= self._lease_s:
                free.append(status)
        return free


class Claims:
    """Takes documents in hand for one worker."""

    def __init__(self, board: DocumentBoard, clock: Clock, watch: LeaseWatch) -> None:
        """Claim on `board`, under a name that no other process has."""
        self._board = board
        self._clock = clock
        self._watch = watch
        self._owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    async def claim(self, held: AbstractSet[str], most: int) -> Sequence[DocumentStatus]:
        """Take up to `most` documents in hand that are not `held`, oldest first.

        Where there are few, some are left to other workers. Raises VectorStoreUnavailable.
        """
        unsettled = await self._board.unsettled(_SEEN)
        free = [each for each in self._watch.free(unsettled) if each.document.id not in held]
        # Ours and not held: a claim whose answer was lost.
        ours = [
            each
            for each in unsettled
            if each.lease and each.lease.owner == self._owner and each.document.id not in held
        ]
        chosen = list({each.document.id: each for each in [*ours, *free]}.values())
        chosen = chosen[: max(1, min(most, len(chosen) // 2))]
        lease = Lease(new_id(), self._owner, self._clock.now())
        claimed = await self._board.claim(chosen, lease)
        before = {each.document.id: each.lease for each in chosen}
        for each in claimed:
            left = before[each.document.id]
            if left is not None and left.owner != self._owner:
                _LOG.warning(
                    "Lease taken over",
                    document_id=each.document.id,
                    owner=left.owner,
                    renewed_at=left.renewed_at.isoformat(),
                )
        return claimed
