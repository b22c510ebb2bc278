"""What a backend knows of backups and restores, as metrics."""

from collections.abc import Sequence

from info_assistant.observability.metrics import BACKUP_STATES, Metrics
from info_assistant.resilience.restoring import NAME, RestoreMark
from info_assistant.settings import Settings
from info_assistant.stores.backup.shelf import Backup, Shelf
from info_assistant.stores.backup.watch import BackupWatch, states
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.wiring.foundation import Foundation
from info_assistant.wiring.parts import Part


def backup_parts(settings: Settings, base: Foundation) -> Part:
    """Return what looks after backups."""
    blobs = ObjectBlobs(settings.backup.url, settings.s3, variable="BACKUP_URL")
    metrics = base.metrics
    mark = RestoreMark(base.objects.open(NAME))
    metrics.restore_in_progress.set_function(lambda: float(mark.running))
    watch = BackupWatch(Shelf(blobs, base.clock), lambda found: _show(metrics, found))
    return Part(tasks={"backups": watch.run})


def _show(metrics: Metrics, found: Sequence[Backup]) -> None:
    counted = states(found)
    for state in BACKUP_STATES:
        metrics.backups.labels(state).set(counted[state])
    complete = next((each.manifest for each in found if each.manifest), None)
    metrics.backup_last_complete.set(complete.began_at.timestamp() if complete else 0)
    good = next((each for each in found if each.good), None)
    if good is None or good.manifest is None or good.verification is None:
        metrics.backup_last_success.set(0)
        metrics.backup_size.set(0)
        metrics.backup_restore.set(0)
        return
    metrics.backup_last_success.set(good.manifest.began_at.timestamp())
    metrics.backup_size.set(good.manifest.size)
    metrics.backup_restore.set(good.verification.restore_s)
