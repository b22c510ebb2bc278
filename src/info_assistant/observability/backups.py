"""What is known of backups, as gauges: how old the newest good one is, and what a restore takes."""

from prometheus_client import CollectorRegistry, Gauge

BACKUP_STATES = ("good", "unverified", "bad", "incomplete")
"""What a backup may be."""


class BackupGauges:
    """The gauges of backups and of a restore under way."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create each in `registry`, at 0."""
        self.last_success = Gauge(
            "backup_last_success_timestamp_seconds",
            "When the newest good backup was begun; 0: there is none.",
            registry=registry,
        )
        self.last_complete = Gauge(
            "backup_last_complete_timestamp_seconds",
            "When the newest complete backup was begun, verified or not; 0: there is none.",
            registry=registry,
        )
        self.size = Gauge("backup_size_bytes", "Size of the newest good backup.", registry=registry)
        self.restore = Gauge(
            "backup_restore_seconds",
            "How long the restore took that proved the newest good backup.",
            registry=registry,
        )
        self.by_state = Gauge("backups", "Backups by state.", ("state",), registry=registry)
        for state in BACKUP_STATES:
            self.by_state.labels(state)
        self.restore_in_progress = Gauge(
            "restore_in_progress",
            "1 while a restore was begun and has not ended: nothing is indexed meanwhile.",
            registry=registry,
        )
