"""Looks after the backups in the background: nothing is proven here, only read."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from info_assistant.errors import InfoAssistantError
from info_assistant.model.backup import BackupReport, KnownBackups
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock
from info_assistant.stores.backup.shelf import Backup, Shelf

LOOK_S = 60.0
_log = get_logger("backups")


class BackupWatch:
    """Reads once a minute what backups there are; each manifest and record is read once."""

    def __init__(
        self, shelf: Shelf, tell: Callable[[Sequence[Backup]], None], clock: Clock
    ) -> None:
        """Look at `shelf` and `tell` of every backup, the newest first."""
        self._shelf = shelf
        self._tell = tell
        self._clock = clock
        self._reports = KnownBackups()
        self._known: dict[str, Backup] = {}
        self._unread = False

    def known(self) -> KnownBackups:
        """Return what was there when it was looked at last."""
        return self._reports

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
                self._unread = False
            except InfoAssistantError as error:
                if not self._unread:
                    _log.warning("Backups cannot be read", error=error.code, detail=error.message)
                self._unread = True
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Look once. Raises ObjectStorageUnavailable."""
        found = []
        for name in await self._shelf.names():
            known = self._known.get(name)
            # What is settled does not change any more: it is read once.
            if known is None or known.state not in {"good", "bad"}:
                known = await self._shelf.look(name)
            found.append(known)
        self._known = {each.id: each for each in found}
        self._reports = KnownBackups(self._clock.now(), [_report(each) for each in found])
        self._tell(found)


def states(found: Sequence[Backup]) -> Counter[str]:
    """Return how many backups are in each state."""
    return Counter(each.state for each in found)


def _report(backup: Backup) -> BackupReport:
    manifest, verification = backup.manifest, backup.verification
    return BackupReport(
        id=backup.id,
        state=backup.state,
        began_at=manifest.began_at if manifest else None,
        size_bytes=manifest.size if manifest else None,
        verified_at=verification.at if verification else None,
        restore_s=verification.restore_s if verification else None,
        detail=backup.fault or " ".join(verification.findings if verification else ()),
    )
