"""Which messages were tried and may have arrived, though nobody has said so: a file each.

It is written before an attempt, so that after a crash the next one knows to ask first. Losing these
files costs a question more, never a message.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from info_assistant.runbooks.errors import RecordError
from info_assistant.runbooks.record.log import sync_folder


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often a message was tried, and what was said last."""

    count: int = 0
    reason: str = ""


class AttemptNotes:
    """The notes of one incident's messages, below its folder."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`/outbox."""
        self._folder = folder / "outbox"

    def read(self, message: str) -> Attempts:
        """Return what is known of a message's attempts."""
        try:
            data = json.loads((self._folder / f"{message}.json").read_text(encoding="utf-8"))
            return Attempts(int(data["count"]), str(data["reason"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Attempts()

    def write(self, message: str, attempts: Attempts) -> None:
        """Keep it on the disk. Raises RecordError."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = self._folder / f"{message}.json"
            fresh = file.with_suffix(".new")
            with fresh.open("w", encoding="utf-8") as opened:
                json.dump(asdict(attempts), opened)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(file)
            sync_folder(self._folder)
        except OSError as error:
            raise RecordError(f"{self._folder} cannot be written: {error.strerror}.") from error

    def forget(self, message: str) -> None:
        """Remove what is kept of a message that has been delivered."""
        with contextlib.suppress(OSError):
            (self._folder / f"{message}.json").unlink()
