"""Who goes first where processors are few: questions, then embedding, then what can wait longer.

Embedding is what all the rest of ingestion waits for, so reading gives way to it as well.
"""

import os
import sys
from enum import IntEnum


class Priority(IntEnum):
    """How far work stands back behind questions, in steps of the system's niceness."""

    EMBEDDING = 2
    READING = 10
    UPKEEP = 10


def stand_back(priority: Priority) -> None:
    """Lower the priority of the calling thread, and of what it starts from here on.

    It is lowered from where it stands: nobody may raise it again, where all of us were started with
    a low one. Nothing happens where the system knows no priorities of single threads.
    """
    if sys.platform == "linux":
        os.nice(priority)
