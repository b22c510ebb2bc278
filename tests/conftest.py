"""Fixtures for every area: free ports, a data folder, and one real running stack.

`stack` starts the product once for the whole run, as real processes with the sample library, and is
for tests that only ask and read. A test that changes or breaks the stack starts one of its own with
`start_stack`.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from tests.turns import turn

from info_assistant.drills.ports import unused_port

RUNNING = "Running. Press Ctrl-C to stop."
START_S = 90.0
STOP_S = 10.0


def pytest_configure() -> None:
    """Let Ctrl-C count in processes of tests, also where a shell began us in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with tests that start processes and take long, so that all workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("stack") is None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Where tests run side by side, let those that are marked `alone` have the machine."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    # The folder of this run of this worker lies in the one that all workers share.
    folder = Path(item.config.option.basetemp).parent
    with turn(folder, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@dataclass(frozen=True)
class RunningStack:
    """A stack of real processes that `info-assistant up` looks after."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    qdrant_url: str
    backend_url: str
    frontend_url: str
    output: Path
    environment: Mapping[str, str]

    def ask(self, question: str) -> dict[str, Any]:
        """Return the backend's answer to `question`."""
        request = urllib.request.Request(  # noqa: S310  Loopback.
            f"{self.backend_url}/v1/query",
            data=json.dumps({"question": question}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            reply: dict[str, Any] = json.load(response)
            return reply

    def child(self, role: str) -> psutil.Process:
        """Return the process that plays `role`, as its command line says."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if role in child.cmdline())

    def family(self) -> list[psutil.Process]:
        """Return the stack's processes with all that they have started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@dataclass(frozen=True)
class Ports:
    """The addresses of one stack."""

    qdrant: int
    backend: int
    frontend: int


def allowed(seconds: float) -> float:
    """Return how long `seconds` of an idle machine may take on this one as it is now."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def await_true(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Return once `condition` holds; fail after `deadline_s` seconds, as `allowed` counts them."""
    began = time.monotonic()
    pause = threading.Event()
    while not condition():
        if time.monotonic() > began + allowed(deadline_s):
            pytest.fail(f"not within {deadline_s:.0f} s: {what}")
        pause.wait(0.02)


def settings_for(data_dir: Path, ports: Ports) -> dict[str, str]:
    """Return the environment of a stack that shares nothing with any other."""
    ours = ("DATA_DIR", "QDRANT_URL", "QDRANT_API_KEY", "BACKEND_URL", "BLOB_URL")
    inherited = {name: value for name, value in os.environ.items() if name not in ours}  # noqa: TID251
    return inherited | {
        "DATA_DIR": str(data_dir),
        "QDRANT_URL": f"http://127.0.0.1:{ports.qdrant}",
        "BACKEND_PORT": str(ports.backend),
        "FRONTEND_PORT": str(ports.frontend),
        "BACKEND_URL": f"http://127.0.0.1:{ports.backend}",
    }


@contextmanager
def running_stack(data_dir: Path, *arguments: str) -> Iterator[RunningStack]:
    """Run `info-assistant up` until the block is left, and make sure that nothing is left."""
    ports = Ports(unused_port(), unused_port(), unused_port())
    environment = settings_for(data_dir, ports)
    data_dir.mkdir(parents=True, exist_ok=True)
    output = data_dir / "up.out"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "info_assistant", "up", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    stack = RunningStack(
        process,
        data_dir,
        environment["QDRANT_URL"],
        environment["BACKEND_URL"],
        f"http://127.0.0.1:{ports.frontend}",
        output,
        environment,
    )
    family: list[psutil.Process] = []
    try:
        await_true(lambda: _came_up(stack), START_S, "the stack runs")
        family = stack.family()
        yield stack
    finally:
        # Whoever was started by a stack that did not come up is known by its parent only.
        with suppress(psutil.NoSuchProcess):
            family += psutil.Process(process.pid).children(recursive=True)
        _end(process, family)


def _came_up(stack: RunningStack) -> bool:
    said = stack.output.read_text(errors="replace")
    if stack.process.poll() is not None:
        pytest.fail(f"`up` ended with exit code {stack.process.returncode}:\n{said}")
    return RUNNING in said


def _end(process: "subprocess.Popen[bytes]", family: list[psutil.Process]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(allowed(STOP_S))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for member in family:
        if member.is_running():
            member.kill()


@pytest.fixture(autouse=True)
def process_wide_settings() -> Iterator[None]:
    """Take back what a test, or the product in it, sets for the whole process."""
    logging, collecting = structlog.get_config(), gc.get_threshold()
    yield
    structlog.configure(**logging)
    gc.set_threshold(*collecting)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a function that finds a port on which nobody listens."""
    return unused_port


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return an empty folder for the product's data."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def start_stack(data_dir: Path) -> Callable[..., Any]:
    """Return a context manager that runs a stack of the test's own; arguments go to `up`."""
    return lambda *arguments: running_stack(data_dir, *arguments)


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """Return the one stack that all tests share which only ask and read; the samples are in."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as running:
        yield running
