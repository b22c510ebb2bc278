"""What would be lost by leading readers to the second region: how old its newest good backup is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from info_assistant.errors import NotFound, StoredDataInvalid
from info_assistant.ports import FolderBlobs

MANIFEST, VERIFIED = "manifest.json", "verified.json"
"""What a backup says of itself, written last, and what came of its verification."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ShippedBackup:
    """A good backup in the second region; `moment` is when it began: later changes may miss."""

    id: str
    moment: datetime

    def loss_minutes(self, now: datetime) -> int:
        """Return how many minutes of changes are not in it, the begun one included."""
        return max(0, -((self.moment - now) // _MINUTE))


async def newest_backup(blobs: FolderBlobs) -> ShippedBackup | None:
    """Return the newest backup there that a verification called good, or None.

    What it was verified for is written beside its manifest, which is written last: a backup that
    lacks either is on its way. Raises ObjectStorageUnavailable, StoredDataInvalid.
    """
    found = [await _shipped(blobs, folder) for folder in await blobs.folders("")]
    good = [each for each in found if each is not None]
    return max(good, key=lambda backup: backup.moment, default=None)


async def _shipped(blobs: FolderBlobs, folder: str) -> ShippedBackup | None:
    try:
        verified = json.loads(await blobs.get(f"{folder}/{VERIFIED}"))
        manifest = json.loads(await blobs.get(f"{folder}/{MANIFEST}"))
        good = verified["good"] is True
    except (NotFound, ValueError, KeyError, TypeError):
        return None
    return ShippedBackup(folder, _moment_of(manifest, folder)) if good else None


def _moment_of(manifest: Mapping[str, Any], folder: str) -> datetime:
    try:
        moment = datetime.fromisoformat(manifest["began_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoredDataInvalid(
            f"The manifest of the backup {folder} does not say when it was made, so what would be "
            "lost is not known. Look at it with `info-assistant backup list`."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
