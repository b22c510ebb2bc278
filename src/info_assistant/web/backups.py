"""Backups as the page for operators shows them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from info_assistant.web.languages import N_
from info_assistant.web.replies import Reply, Text

SHOWN = 10
"""The newest backups are shown, not all."""

_MEGABYTE = 1_000_000
_STATES = {
    "good": N_("Good: restored elsewhere and asked"),
    "unverified": N_("Not verified"),
    "bad": N_("Bad: cannot be relied on"),
    "incomplete": N_("Incomplete"),
}


class Backup(Reply):
    """A backup; `restore_s` is how long the restore took that proved it."""

    id: Text = ""
    state: Text = ""
    began_at: datetime | None = None
    size_bytes: int | None = None
    verified_at: datetime | None = None
    restore_s: float | None = None
    detail: Text = ""

    @property
    def words(self) -> str:
        """What its state means."""
        return _STATES.get(self.state, self.state)

    @property
    def megabytes(self) -> int | None:
        """Its size, rounded up."""
        return None if self.size_bytes is None else -(-self.size_bytes // _MEGABYTE)

    @property
    def restore_seconds(self) -> int | None:
        """How long a restore takes, rounded up."""
        return None if self.restore_s is None else int(-(-self.restore_s // 1))


class Backups(Reply):
    """What backups there were at `looked_at`, the newest first."""

    looked_at: datetime | None = None
    backups: tuple[Backup, ...] = ()

    @property
    def newest(self) -> Sequence[Backup]:
        """Those that are shown."""
        return self.backups[:SHOWN]

    @property
    def at_risk(self) -> timedelta | None:
        """How much work would be lost now, by the newest good backup; None: all of it."""
        good = next((each for each in self.backups if each.state == "good"), None)
        if good is None or good.began_at is None or self.looked_at is None:
            return None
        return self.looked_at - good.began_at
