"""A disk of a few megabytes, to be filled up: a real file system in memory."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CHUNK = 64 * 1024


class SmallDisk:
    """A mounted tmpfs; `fill` takes all that is left of it, `empty` gives it back."""

    def __init__(self, folder: Path) -> None:
        """Know where it is mounted."""
        self.folder = folder
        self._ballast = folder / ".ballast"

    def fill(self) -> None:
        """Leave not a byte free."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (_CHUNK, 4096, 1):
                self._append(file.write, size)

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink()

    @staticmethod
    def _append(write: object, size: int) -> None:
        assert callable(write)
        try:
            while write(b"\0" * size):
                pass
        except OSError:
            return


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one on `folder` until the block is left; skips where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount command here")
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
