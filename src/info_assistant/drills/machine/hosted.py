"""Processes that stand for the containers of pods: how they are started, asked to end and ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LEFT_S = 10.0
_INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: `probe` is an HTTP address that says whether it is ready, or `redis:PORT`."""

    words: Sequence[str]
    variables: Mapping[str, str]
    folder: Path
    log: Path
    probe: str


@dataclass(slots=True)
class Hosted:
    """The process of a pod. Without a command the pod is a placeholder, and ready."""

    pod: str
    component: str
    port: int
    command: Command | None
    process: "subprocess.Popen[bytes] | None" = None
    ready: bool = False
    missed: int = 0
    told_to_end: bool = False
    read: int = 0
    """How many bytes of its log have been shown."""

    @property
    def runs(self) -> bool:
        """Whether there is a process that has not ended."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the process and all that it has started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


def own_words(*words: str) -> list[str]:
    """Return the command line of a part of the product, which ends when we do."""
    return [sys.executable, "-m", "info_assistant", *words, "--parent", str(os.getpid())]


def tied_words(*words: str) -> list[str]:
    """Return a command line that starts another program such that it ends when we do."""
    launcher = "info_assistant.drills.machine.launch"
    return [sys.executable, "-m", launcher, str(os.getpid()), *words]


def inherited() -> dict[str, str]:
    """Return what processes have of our environment: no setting of the product is in it."""
    everything = os.environ  # noqa: TID251  Handed on, not read.
    return {name: everything[name] for name in _INHERITED if name in everything}


@dataclass(slots=True)
class Starter:
    """Starts processes from one thread, which lives as long as the machine.

    The kernel ends a process that is tied to us with the thread that started it.
    """

    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "machine-starter")
    )

    def start(self, command: Command) -> "subprocess.Popen[bytes]":
        """Start a process, and return at once. Raises OSError."""
        return self._thread.submit(_started, command).result()

    def close(self) -> None:
        """Start nothing any more; what still runs and is tied to us ends."""
        self._thread.shutdown()


def _started(command: Command) -> "subprocess.Popen[bytes]":
    command.folder.mkdir(parents=True, exist_ok=True)
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603  Our own words.
            command.words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=inherited() | dict(command.variables),
            cwd=command.folder,
            process_group=0,
        )


def end(hosted: Hosted) -> None:
    """Kill a process and all that it has started, and wait until it is gone."""
    hosted.signal(signal.SIGKILL)
    if hosted.process is not None:
        hosted.process.wait(_LEFT_S)
