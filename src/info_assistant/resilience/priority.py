"""Who goes first where processors are few: questions, then embedding, then what can wait longer.

Embedding is what all the rest of ingestion waits for, so reading gives way to it as well.
"""

import os
import sys
import threading
from enum import IntEnum


class Priority(IntEnum):
    """How far work stands back behind questions, as the system's niceness (0 is ordinary)."""

    EMBEDDING = 2
    READING = 10
    UPKEEP = 10


def stand_back(priority: Priority) -> None:
    """Lower the priority of the calling thread, and of what it starts from here on.

    Nothing happens where the system knows no priorities of single threads.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)
