"""Real processes of the product and of our own, and what they cost."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
from benchmarks.harness.report import ROOT

from info_assistant.drills.ports import unused_port
from info_assistant.resilience.parentage import end_with_parent

KEY = "benchmark"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""For parts of the product that run in a process of ours: a second thread of numpy's linear algebra
only waits, busily, for work that is far too small to share."""

_START_S = 180.0
_STOP_S = 15.0
_OURS = re.compile(
    r"DATA_DIR|BLOB_URL|AUTH|LOG_LEVEL"
    r"|(QDRANT|BACKEND|FRONTEND|INGESTION|OPENAI|ANTHROPIC|LLM|ANSWER|EXTRACTIVE)_.*"
)


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without settings of the product, and with `changes`."""
    inherited = os.environ.items()  # noqa: TID251  Handed on, not read.
    return {name: value for name, value in inherited if not _OURS.fullmatch(name)} | dict(changes)


def await_true(
    condition: Callable[[], bool], seconds: float, what: str, look_s: float = 0.02
) -> None:
    """Return once `condition` holds, looking every `look_s`. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        pause.wait(look_s)


def answers(url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310  Loopback.
            return True
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def running(
    command: list[str], settings: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process of the product until the block is left; what it says goes to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment(settings),
            cwd=ROOT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process in good order, or by force, with all that it has started."""
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()


@dataclass(frozen=True, slots=True)
class LocalQdrant:
    """A running local-qdrant."""

    url: str
    pid: int


@contextmanager
def local_qdrant(data_dir: Path) -> Iterator[LocalQdrant]:
    """Run the product's own `local-qdrant` over `data_dir`; its key is KEY."""
    data_dir.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{unused_port()}"
    settings = {"DATA_DIR": str(data_dir), "QDRANT_URL": url, "QDRANT_API_KEY": KEY}
    log = data_dir / "local-qdrant.log"
    command = ["-m", "info_assistant", "local-qdrant", "--parent", str(os.getpid())]
    with running(command, settings, log) as process:
        await_ready(process, f"{url}/readyz", log)
        yield LocalQdrant(url, process.pid)


def await_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Return once `url` answers. Raises RuntimeError with the log if the process ended."""

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}:\n{log.read_text()}")
        return answers(url)

    await_true(ready, _START_S, url)


class Companion:
    """A process of ours that does on request what is measured; requests and replies are JSON."""

    def __init__(self, module: str, *arguments: str) -> None:
        """Start `python -m module`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(ONE_THREAD),
            cwd=ROOT,
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401  Any JSON.
        """Send a request and wait for the reply. Raises RuntimeError if the process ended."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the companion ended with {self._process.wait()}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def __enter__(self) -> Self:
        """Return the companion."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def requests() -> Iterator[dict[str, Any]]:
    """Yield what the other side of a Companion asks of us, until it goes, however it goes."""
    end_with_parent(os.getppid())
    # Replies alone go to the standard output; what the product logs does not.
    sys.stdout = sys.stderr
    for line in sys.stdin:
        yield json.loads(line)


def reply(**values: Any) -> None:  # noqa: ANN401  Any JSON.
    """Answer the request in hand."""
    print(json.dumps(values), file=sys.__stdout__, flush=True)


def cpu_ns(pid: int) -> int:
    """Return the processor time of all of a process's threads, in nanoseconds."""
    return sum(thread_cpu_ns(pid).values())


def thread_cpu_ns(pid: int) -> dict[int, int]:
    """Return the processor time of each thread that lives, by its id, in nanoseconds."""
    spent: dict[int, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            spent[int(task.name)] = int((task / "schedstat").read_text().split()[0])
    return spent


def family_cpu_s(pid: int) -> float:
    """Return the processor time of a process and all below it, ended ones included, in seconds."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total
