"""What is known of backups, as operators see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """One backup. `state` is good, unverified, bad or incomplete.

    `began_at` bounds what is in it: later changes may miss. `size_bytes` and `restore_s`, how long
    the restore took that proved it, are None where that is not known. `detail` says in words what
    is wrong with it.
    """

    id: str
    state: str
    began_at: datetime | None = None
    size_bytes: int | None = None
    verified_at: datetime | None = None
    restore_s: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KnownBackups:
    """What there was when somebody looked last, the newest first; None: nobody could look yet."""

    looked_at: datetime | None = None
    backups: Sequence[BackupReport] = ()
