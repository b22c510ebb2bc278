"""Whose turn it is where tests run side by side: one that measures has the machine to itself."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Hold the right to run a test until the block is left, beside others or alone.

    All processes of a run share `folder`. Who waits to be alone stands in the door, so that those
    who come later wait too.
    """
    with (folder / "door.lock").open("a") as door, (folder / "room.lock").open("a") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
