"""Whether a restore is under way: while it is, nobody brings the index in line with the catalogue.

What a restore has written by half would else be indexed document by document, into the index that
the restored one is about to replace. Questions are answered from the old index until it is done.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from info_assistant.ports import SharedObject

NAME = "restore"
"""The name of the shared object."""


class RestoreMark:
    """The mark of a restore, in an object that all replicas share.

    It stays after a restore that was killed, until that was repeated.
    """

    def __init__(self, shared: SharedObject) -> None:
        """Take the object; nothing is read or written yet."""
        self._shared = shared

    @property
    def backup_id(self) -> str | None:
        """The backup that is being restored; None where none is."""
        fields = self._shared.current.fields
        return str(fields.get("backup")) if fields.get("state") == "running" else None

    @property
    def running(self) -> bool:
        """Whether a restore was begun and has not ended."""
        return self.backup_id is not None

    async def begin(self, backup_id: str, at: datetime) -> None:
        """Say that a restore is under way; durable when this returns."""
        await self._note({"state": "running", "backup": backup_id, "began_at": at.isoformat()})

    async def end(self, at: datetime) -> None:
        """Say that it has ended."""
        await self._note({"state": "ended", "ended_at": at.isoformat()})

    async def _note(self, fields: Mapping[str, Any]) -> None:
        await self._shared.change(lambda before: {**before, **fields})
