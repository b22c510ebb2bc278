"""Where backups go and how long they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from info_assistant.environment import number_of
from info_assistant.settings.variables import named

_KEPT = range(1, 10_001)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSettings:
    """Where backups go and how long they are kept."""

    url: str = field(
        metadata=named(
            "BACKUP_URL",
            "Where backups are kept: a directory, a file: URL or s3://bucket/prefix; on another "
            "disk than the documents, or it is none. Default: DATA_DIR/backups.",
        )
    )
    keep: int = field(
        metadata=named(
            "BACKUP_KEEP",
            "How many backups `info-assistant backup prune` leaves; the newest good one always "
            "stays. Default: 14.",
        )
    )

    @classmethod
    def read(cls, given: Mapping[str, str], data_dir: Path) -> Self:
        """Read the variables. Raises Misconfigured naming variable and remedy."""
        return cls(
            url=given.get("BACKUP_URL") or (data_dir / "backups").as_uri(),
            keep=number_of(given, "BACKUP_KEEP", 14, _KEPT),
        )
