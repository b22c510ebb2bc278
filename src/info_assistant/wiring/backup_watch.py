"""What a backend knows of backups and restores, as metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from info_assistant.model.backup import KnownBackups
from info_assistant.observability.backups import BACKUP_STATES, BackupGauges
from info_assistant.resilience.restoring import NAME, RestoreMark
from info_assistant.settings import Settings
from info_assistant.stores.backup.shelf import Backup, Shelf
from info_assistant.stores.backup.watch import BackupWatch, states
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupParts(Part):
    """What looks after backups, and what it knows."""

    known: Callable[[], KnownBackups]


def backup_parts(settings: Settings, base: Foundation) -> BackupParts:
    """Return what looks after backups."""
    blobs = ObjectBlobs(settings.backup.url, settings.s3, variable="BACKUP_URL")
    gauges = base.metrics.backups
    mark = RestoreMark(base.objects.open(NAME))
    gauges.restore_in_progress.set_function(lambda: float(mark.running))
    shelf = Shelf(blobs, base.clock)
    watch = BackupWatch(shelf, lambda found: show(gauges, found), base.clock)
    return BackupParts(known=watch.known, tasks={"backups": watch.run})


def show(gauges: BackupGauges, found: Sequence[Backup]) -> None:
    """Say in metrics what there is, the newest first."""
    counted = states(found)
    for state in BACKUP_STATES:
        gauges.by_state.labels(state).set(counted[state])
    complete = next((each.manifest for each in found if each.manifest), None)
    gauges.last_complete.set(complete.began_at.timestamp() if complete else 0)
    good = next((each for each in found if each.good), None)
    if good is None or good.manifest is None or good.verification is None:
        gauges.last_success.set(0)
        gauges.size.set(0)
        gauges.restore.set(0)
        return
    gauges.last_success.set(good.manifest.began_at.timestamp())
    gauges.size.set(good.manifest.size)
    gauges.restore.set(good.verification.restore_s)
