"""Ties a process to the one that started it, so that `kill -9` of that one leaves nothing behind.

The kernel does the work: no thread polls, and nothing that the process is busy with can delay it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` dies; exit if it is dead already.

    The parent must have forked from a thread that lives as long as the parent does: the kernel
    watches the thread. Elsewhere than on Linux nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not tie processes to their parents")
    # The parent may have died between starting this process and the line above.
    if os.getppid() != parent:
        sys.exit(1)
