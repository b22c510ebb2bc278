"""The supervisor, with small real processes in the place of the product's."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.conftest import allowed

from info_assistant.cli.processes import Part, Supervisor
from info_assistant.errors import Misconfigured

WAIT = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
STUBBORN += "while True: signal.pause()"
WITH_CHILD = "import subprocess, sys, signal\n"
WITH_CHILD += "print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid,"
WITH_CHILD += " flush=True)\nsignal.pause()"


def part(folder: Path, name: str, program: str) -> Part:
    """Return a part that runs a short Python program."""
    return Part(name, (sys.executable, "-c", program), "", folder / "logs" / f"{name}.log")


def pids() -> set[int]:
    """Return this process's living children."""
    return {child.pid for child in psutil.Process().children() if not gone(child)}


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  It watches processes, which set no event.
            await asyncio.sleep(0.02)


@asynccontextmanager
async def supervised(supervisor: Supervisor) -> AsyncIterator[None]:
    """Run the supervisor until the block is left."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(supervisor.run())
        yield
        task.cancel()


async def test_a_part_that_dies_is_started_again_and_it_is_said(tmp_path: Path) -> None:
    """After `kill -9` another process takes the part's place."""
    said: list[str] = []
    waiting = part(tmp_path, "waiting", WAIT)
    supervisor = Supervisor([waiting], said.append, grace_s=5)
    before = pids()
    async with supervised(supervisor):
        await until(lambda: len(pids() - before) == 1)
        supervisor.mark_ready(waiting)
        (first,) = pids() - before
        os.kill(first, signal.SIGKILL)
        await until(lambda: bool(pids() - before - {first}))
    assert "waiting stopped (killed by SIGKILL); starting it again" in said[0]
    assert pids() == before


async def test_all_parts_end_in_reverse_order(tmp_path: Path) -> None:
    """What others depend on ends last."""
    program = "import signal, sys, pathlib, time\n"
    program += "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
    program += "print('up', flush=True)\n"
    program += "try:\n    signal.pause()\nfinally:\n    print(time.monotonic_ns(), flush=True)"
    parts = [part(tmp_path, name, program) for name in ("first", "second")]
    async with supervised(Supervisor(parts, lambda _: None, grace_s=5)):
        await until(lambda: all("up" in each.log.read_text() for each in parts))
    ended = [int(each.log.read_text().split()[1]) for each in parts]
    assert ended[0] > ended[1]


async def test_a_part_that_ignores_the_request_to_stop_is_ended_by_force(tmp_path: Path) -> None:
    """Stopping takes no longer than the grace that was given."""
    stubborn = part(tmp_path, "stubborn", STUBBORN)
    before = pids()
    async with supervised(Supervisor([stubborn], lambda _: None, grace_s=0.5)):
        await until(lambda: "up" in stubborn.log.read_text())
        began = time.monotonic()
    assert time.monotonic() - began < allowed(3)
    assert pids() == before


async def test_what_a_part_has_started_ends_with_it(tmp_path: Path) -> None:
    """A killed part leaves no grandchild behind that could hold a port or a lock."""
    parent = part(tmp_path, "parent", WITH_CHILD)
    supervisor = Supervisor([parent], lambda _: None, grace_s=2)
    before = pids()
    async with supervised(supervisor):
        await until(lambda: parent.log.read_text().endswith("\n"))
        supervisor.mark_ready(parent)
        grandchild = psutil.Process(int(parent.log.read_text()))
        os.kill((pids() - before).pop(), signal.SIGKILL)
        await until(lambda: gone(grandchild))
    assert gone(grandchild)


def gone(process: psutil.Process) -> bool:
    """Whether the process has ended; nobody may be there to reap it in a container."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_part_that_never_starts_ends_with_the_words_of_its_log(tmp_path: Path) -> None:
    """A part that fails from the beginning is not restarted for ever."""
    broken = part(tmp_path, "broken", "raise SystemExit('DATA_DIR is on the moon')")
    supervisor = Supervisor([broken], lambda _: None, grace_s=1)
    with pytest.raises(ExceptionGroup) as several:
        await supervisor.run()
    assert several.group_contains(Misconfigured, match="DATA_DIR is on the moon")


async def test_old_logs_are_kept_under_a_number(tmp_path: Path) -> None:
    """Each start begins a new log; the last three stay."""
    talker = part(tmp_path, "talker", f"print('up', flush=True)\n{WAIT}")
    for _ in range(5):
        async with supervised(Supervisor([talker], lambda _: None, grace_s=2)):
            await until(lambda: "up" in talker.log.read_text())
    names = sorted(path.name for path in talker.log.parent.iterdir())
    assert names == ["talker.log", "talker.log.1", "talker.log.2", "talker.log.3"]


CHILD = """
import signal, sys
from info_assistant.resilience.parentage import end_with_parent
end_with_parent(int(sys.argv[1]))
print("tied", flush=True)
signal.pause()
"""
PARENT = """
import os, signal, subprocess, sys
command = [sys.executable, "-c", sys.argv[1], str(os.getpid())]
child = subprocess.Popen(command, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""


def test_a_process_ends_when_its_parent_is_killed() -> None:
    """`kill -9` of the parent leaves no child behind."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    deadline = time.monotonic() + 5
    pause = threading.Event()
    while not gone(child) and time.monotonic() < deadline:
        pause.wait(0.02)
    left = not gone(child)
    with contextlib.suppress(psutil.NoSuchProcess):
        child.kill()
    assert not left


def test_a_process_whose_parent_is_dead_already_does_not_start() -> None:
    """A parent that died before its child could tie itself to it is noticed too."""
    done = subprocess.run([sys.executable, "-c", CHILD, "1"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"tied" not in done.stdout
