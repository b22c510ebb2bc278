"""Who has which journal: a folder with a lock, which its writer holds as long as it lives."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

LOCK = "lock"
"""The name of the lock in a journal's folder."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A journal's folder, held until the lock is closed or the process ends."""

    folder: Path
    lock: IO[str]


def claim(folder: Path) -> Claim | None:
    """Return the claim on a journal's folder, or None if a living writer has it. Raises OSError."""
    try:
        lock = (folder / LOCK).open("a+")
    except (FileNotFoundError, PermissionError):
        return None  # It was shipped and removed a moment ago, or is somebody else's.
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever removed the folder in the meantime had this lock, of a file that is no more.
        if os.path.samestat(os.fstat(lock.fileno()), (folder / LOCK).stat()):
            return Claim(folder, lock)
    except (BlockingIOError, FileNotFoundError):
        pass
    lock.close()
    return None


def claim_any(root: Path) -> Claim:
    """Return a journal left by a dead writer in `root`, or else a new one. Raises OSError."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in sorted(root.iterdir()):
        found = claim(folder) if folder.is_dir() else None
        if found is not None:
            return found
    folder = root / uuid4().hex[:12]
    folder.mkdir(mode=0o700)
    (folder / LOCK).touch(mode=0o600)
    return claim(folder) or claim_any(root)
