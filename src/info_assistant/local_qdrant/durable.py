"""Files that survive a loss of power."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from info_assistant.local_qdrant.faults import DiskFull


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` as a whole: after a crash it holds the old bytes or the new ones."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Return once the file or the folder's list of names is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Return once every file and folder below `root`, and its own name, is on disk.

    Files may be renamed meanwhile by who has brought their bytes to disk, as a thread of the engine
    does with the next part of its log; the new name is on disk with the folder.
    """
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            with suppress(FileNotFoundError):
                sync(Path(folder, name))
        sync(Path(folder))
    sync(root.parent)


def require_room(folder: Path, size: int) -> None:
    """Return if the disk of `folder` has `size` bytes left. Raises DiskFull."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DiskFull(
            f"No space left on device: {free / 1e6:.0f} MB are free at {folder}, and the engine "
            f"needs {size / 1e6:.0f} MB to be safe. Nothing was changed; make room."
        )
