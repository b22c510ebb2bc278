"""Who stands back, and who does not."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from info_assistant.resilience.priority import Priority, stand_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities on Linux")


def niceness() -> int:
    """Return that of the calling thread."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_stands_back_alone() -> None:
    """Whoever answers questions beside it keeps its place."""
    before = niceness()
    with ThreadPoolExecutor(1, initializer=stand_back, initargs=(Priority.EMBEDDING,)) as pool:
        assert pool.submit(niceness).result() == before + Priority.EMBEDDING
    assert niceness() == before


def test_who_stands_far_back_already_stays_there() -> None:
    """Started with a low priority we have no right to a higher one, and need none."""

    def twice() -> int:
        stand_back(Priority.READING)
        stand_back(Priority.READING)
        return niceness()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(twice).result() == min(niceness() + 2 * Priority.READING, 19)


def test_reading_gives_way_to_embedding() -> None:
    """Everything in ingestion waits for the embedder, so nothing of it goes before."""
    assert 0 < Priority.EMBEDDING < Priority.READING
