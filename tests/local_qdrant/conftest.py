"""A local-qdrant of one's own, as a real process, and a client for it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from qdrant_client import QdrantClient, models

from info_assistant.drills.ports import unused_port

PROGRAM = """
import sys
from pathlib import Path
from typing import Any
from info_assistant.errors import Misconfigured
from info_assistant.local_qdrant.server import serve
try:
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] or None)
except Misconfigured as error:
    print(error.message, file=sys.stderr)
    sys.exit(2)
"""
READY_S = 60.0
PASSAGES: dict[str, Any] = {
    "vectors_config": {"dense": models.VectorParams(size=4, distance=models.Distance.COSINE)},
    "sparse_vectors_config": {"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
}


@dataclass
class Process:
    """A running server and how to reach it."""

    directory: Path
    port: int
    popen: "subprocess.Popen[bytes]"
    started_in_s: float = 0.0

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def await_ready(self) -> float:
        """Return after how many seconds it answered; fail the test if it never does."""
        started = time.monotonic()
        while time.monotonic() - started < READY_S:
            if self.popen.poll() is not None:
                pytest.fail(f"local-qdrant ended with {self.popen.returncode}")
            try:
                if httpx.get(f"{self.url}/readyz").status_code == httpx.codes.OK:
                    return time.monotonic() - started
            except httpx.TransportError:
                threading.Event().wait(0.02)
        pytest.fail("local-qdrant did not become ready")

    def kill(self) -> None:
        """End it as a crash would."""
        self.popen.kill()
        self.popen.wait(60)

    def stop(self) -> int:
        """End it in good order; its exit code."""
        self.popen.terminate()
        return self.popen.wait(60)

    def client(self) -> QdrantClient:
        """Return a client of the real kind."""
        return QdrantClient(url=self.url, timeout=60, check_compatibility=False)


Start = Callable[..., Process]


def launch(directory: Path, host: str, port: int, api_key: str = "") -> "subprocess.Popen[bytes]":
    """Start a server without waiting for it."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory), host, str(port), api_key],
        stderr=subprocess.PIPE,
        env={**os.environ, "RUST_BACKTRACE": "0"},  # noqa: TID251  (a child inherits the path)
    )


@pytest.fixture
def launch_only() -> Callable[..., "subprocess.Popen[bytes]"]:
    """Return the function that starts a server without waiting for it."""
    return launch


@contextmanager
def servers() -> Iterator[Start]:
    """Yield a function that starts servers; all of them are gone when the block is left."""
    started: list[Process] = []

    def run(directory: Path, api_key: str = "") -> Process:
        port = unused_port()
        process = Process(directory, port, launch(directory, "127.0.0.1", port, api_key))
        started.append(process)
        process.started_in_s = process.await_ready()
        return process

    try:
        yield run
    finally:
        for process in started:
            if process.popen.poll() is None:
                process.kill()
            if process.popen.stderr is not None:
                process.popen.stderr.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts servers; all of them are gone after the test."""
    with servers() as run:
        yield run


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Return a server for all tests that leave each other alone; `passages` is empty."""
    with servers() as run:
        process = run(tmp_path_factory.mktemp("shared"))
        process.client().create_collection("passages", **PASSAGES)
        yield process


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Process:
    """Return a server with an empty folder."""
    return start(tmp_path / "qdrant")


@pytest.fixture
def make_passages() -> Callable[..., None]:
    """Return a function that makes a small collection with a dense and a sparse vector."""

    def make(client: QdrantClient, name: str = "passages") -> None:
        client.create_collection(name, **PASSAGES)

    return make
