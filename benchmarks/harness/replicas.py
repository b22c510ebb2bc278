"""Several backends over one object storage and one local Qdrant, each a real process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from benchmarks.harness.processes import (
    KEY,
    await_ready,
    environment,
    local_qdrant,
    stop,
)
from benchmarks.harness.report import ROOT

from info_assistant.drills.ports import unused_port

GRACE_S = 8
"""The DRAIN_GRACE_SECONDS of every replica."""

_LATE_S = 20.0
_LEFT_S = 1.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a process ended: its exit code, None where it had to be killed, and how long it took.

    `left` is how many of the processes that it had started are still there.
    """

    code: int | None
    seconds: float
    left: int


class Replica:
    """One backend that is stopped and started, perhaps with other sources, on the same port."""

    def __init__(self, name: str, folder: Path, objects: Path, qdrant_url: str) -> None:
        """Plan a backend with a data folder of its own; nothing runs yet."""
        self.name = name
        self.port = unused_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = folder / name
        self.data_dir.mkdir(parents=True)
        self.log = self.data_dir / "serve.log"
        self._settings = {
            "DATA_DIR": str(self.data_dir),
            "BLOB_URL": objects.as_uri(),
            "QDRANT_URL": qdrant_url,
            "QDRANT_API_KEY": KEY,
            "BACKEND_PORT": str(self.port),
            "DRAIN_GRACE_SECONDS": str(GRACE_S),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the present process."""
        assert self._process is not None
        return self._process.pid

    def start(self, source: Path) -> float:
        """Start the backend from `source`; return the seconds until it was ready."""
        began = time.monotonic()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "info_assistant", "serve", "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(self._settings | {"PYTHONPATH": str(source)}),
                cwd=ROOT,
                start_new_session=True,
            )
        await_ready(self._process, f"{self.url}/readyz", self.log)
        return time.monotonic() - began

    def stop(self) -> Stopped:
        """Ask the backend to end, as a cluster does, and wait until it has."""
        assert self._process is not None
        family = psutil.Process(self.pid).children(recursive=True)
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code: int | None = self._process.wait(_LATE_S)
        except subprocess.TimeoutExpired:
            code = None
            stop(self._process)
        seconds = time.monotonic() - began
        _, left = psutil.wait_procs(family, timeout=_LEFT_S)
        return Stopped(code, seconds, len(left))

    def move(self) -> None:
        """Begin with an empty disk at the next start, as on another machine; the log stays."""
        for path in self.data_dir.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != self.log:
                path.unlink()

    def close(self) -> None:
        """End the backend if it runs."""
        if self._process is not None and self._process.poll() is None:
            stop(self._process)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Replicas, none of them started, and what they share."""

    replicas: tuple[Replica, ...]
    objects: Path
    qdrant_url: str


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[Cluster]:
    """Run a local Qdrant for `count` replicas; whatever still runs at the end is stopped."""
    objects = folder / "objects"
    objects.mkdir()
    with local_qdrant(folder / "qdrant") as qdrant, ExitStack() as running:
        names = [f"backend-{number}" for number in range(count)]
        replicas = tuple(Replica(name, folder, objects, qdrant.url) for name in names)
        for replica in replicas:
            running.callback(replica.close)
        yield Cluster(replicas, objects, qdrant.url)
