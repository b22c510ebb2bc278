"""What lets tests run side by side: turns, and ports that nobody else is given."""

import fcntl
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import await_true
from tests.turns import turn

from info_assistant.drills.ports import unused_port

LONG_S = 60.0


class Visitor:
    """Somebody who takes a turn in a thread of its own and leaves when told."""

    def __init__(self, pool: ThreadPoolExecutor, folder: Path, *, alone: bool) -> None:
        """Ask for a turn at once."""
        self.inside, self.leaves = threading.Event(), threading.Event()
        self.visit: Future[None] = pool.submit(self._visit, folder, alone=alone)

    def _visit(self, folder: Path, *, alone: bool) -> None:
        with turn(folder, alone=alone):
            self.inside.set()
            assert self.leaves.wait(LONG_S)

    def leave(self) -> None:
        """Give the turn up."""
        self.leaves.set()
        self.visit.result(LONG_S)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Return threads for visitors."""
    with ThreadPoolExecutor(4) as threads:
        yield threads


def test_who_measures_is_alone_and_need_not_wait_for_ever(
    pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """Others run side by side; who wants to be alone comes before those who come later."""
    with ExitStack() as leaving:
        first, second = (Visitor(pool, tmp_path, alone=False) for _ in range(2))
        leaving.callback(first.leaves.set)
        leaving.callback(second.leaves.set)
        assert first.inside.wait(LONG_S)
        assert second.inside.wait(LONG_S)
        alone = Visitor(pool, tmp_path, alone=True)
        leaving.callback(alone.leaves.set)
        await_true(lambda: _somebody_waits(tmp_path), LONG_S, "who is to be alone waits")
        assert not alone.inside.is_set()
        late = Visitor(pool, tmp_path, alone=False)
        leaving.callback(late.leaves.set)
        assert not late.inside.wait(0.3)
        first.leave()
        second.leave()
        assert alone.inside.wait(LONG_S)
        assert not late.inside.wait(0.3)
        alone.leave()
        assert late.inside.wait(LONG_S)


def _somebody_waits(folder: Path) -> bool:
    with (folder / "door.lock").open("a") as door:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_ports_are_given_once_and_not_by_the_system() -> None:
    """A port is free, is not given twice, and lies where the system takes none by itself."""
    ports = [unused_port() for _ in range(100)]
    assert len(set(ports)) == len(ports)
    least, _most = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert max(ports) < int(least)
    with socket.create_server(("127.0.0.1", ports[0])):
        assert ports[0] != unused_port()
