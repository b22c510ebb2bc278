"""Keeps a set of processes running: starts them, restarts what dies, stops all of them in order.

Knows nothing of what the processes do. Every process is started from the main thread, which
`parentage` depends on, and leads a process group of its own, so that Ctrl-C reaches only us and
whatever a part has started ends with it.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from info_assistant.errors import Misconfigured

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0
_HEALTHY_AFTER_S = 30.0
_STARTS_BEFORE_GIVING_UP = 3
_KEPT_LOGS = 3
_KEPT_FOR_EACH_S = 1.0
"""What a part that stops slowly leaves to each that still has to stop."""
_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Part:
    """A process to keep running.

    `ready_url` answers 200 once the part does its work; `settings` are environment variables that
    it gets on top of those that we have.
    """

    name: str
    command: Sequence[str]
    ready_url: str
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """The part's present process, and whether any of its processes has ever been ready."""

    part: Part
    process: asyncio.subprocess.Process | None = None
    been_ready: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs parts until told to stop; they stop in the reverse of the order given."""

    def __init__(self, parts: Sequence[Part], say: Callable[[str], None], grace_s: float) -> None:
        """Keep `parts` running, telling `say` what happens; stopping takes at most `grace_s`."""
        for part in parts:
            _rotate(part.log)
        self._runs = [_Run(part) for part in parts]
        self._say = say
        self._grace_s = grace_s

    async def run(self) -> None:
        """Keep every part running until cancelled, then stop them all.

        Raises Misconfigured when a part cannot be started in the first place.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for run in self._runs:
                    group.create_task(self._keep(run))
        finally:
            await self._stop_all()

    def mark_ready(self, part: Part) -> None:
        """Note that `part` has done its work once: from now on it is restarted without end."""
        next(run for run in self._runs if run.part is part).been_ready.set()

    async def _keep(self, run: _Run) -> None:
        pause_s, starts = _FIRST_PAUSE_S, 0
        while True:
            began = time.monotonic()
            code = await self._once(run)
            starts += 1
            if not run.been_ready.is_set() and starts >= _STARTS_BEFORE_GIVING_UP:
                raise Misconfigured(_failure_to_start(run.part, code))
            if time.monotonic() - began > _HEALTHY_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            self._say(
                f"{run.part.name} stopped ({_worded(code)}); starting it again. "
                f"Its log: {run.part.log}"
            )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _once(self, run: _Run) -> int:
        """Start the part's process and return its exit code when it ends."""
        with run.part.log.open("ab") as log:
            run.process = await asyncio.create_subprocess_exec(
                *run.part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                env={**os.environ, **run.part.settings},  # noqa: TID251  Handed on, not read.
            )
        code = await run.process.wait()
        # What the dead process had started itself must not stand in its successor's way.
        _kill_group(run.process)
        return code

    async def _stop_all(self) -> None:
        """End the parts in reverse order, politely, then by force once the time is up."""
        deadline = time.monotonic() + self._grace_s
        for left, run in zip(range(len(self._runs), 0, -1), reversed(self._runs), strict=True):
            if run.process is None:
                continue
            kept_s = min(_KEPT_FOR_EACH_S, self._grace_s / len(self._runs)) * (left - 1)
            await _stop(run.process, max(deadline - time.monotonic() - kept_s, 0.1))


async def _stop(process: asyncio.subprocess.Process, grace_s: float) -> None:
    if process.returncode is not None:
        return
    # Only the leader is asked: it knows best in which order to end what it has started.
    process.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), grace_s)
    _kill_group(process)
    await process.wait()


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _rotate(log: Path) -> None:
    """Begin a new log, keeping the last few under `.1`, `.2` and so on."""
    log.parent.mkdir(parents=True, exist_ok=True)
    for number in range(_KEPT_LOGS, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        newer = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if newer.exists():
            newer.replace(older)
    log.touch(mode=0o600)


def _worded(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _failure_to_start(part: Part, code: int) -> str:
    tail = part.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
    return (
        f"{part.name} could not be started ({_worded(code)}). The end of its log, {part.log}:\n"
        f"{tail or '(empty)'}"
    )
