"""Real processes of the product for tests that break what the backend depends on."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.conftest import Ports, await_true, settings_for

from info_assistant.drills.ports import unused_port

READY_S = 60.0
"""For a machine that does other things; what the product promises is asserted where it counts."""


class Processes:
    """A backend and, when started, its local Qdrant, on ports of their own."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        """Choose ports; nothing runs yet."""
        ports = Ports(unused_port(), unused_port(), unused_port())
        self.qdrant_port = ports.qdrant
        self.environment = settings_for(data_dir, ports) | {"QDRANT_API_KEY": "key"} | settings
        self.client = httpx2.Client(
            base_url=self.environment["BACKEND_URL"], trust_env=False, timeout=40
        )
        self._folder = data_dir

    @contextmanager
    def running(self, role: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run one role until the block is left."""
        with (self._folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "info_assistant", role, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def command(self, *arguments: str) -> str:
        """Run a command of the product with the same settings; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "info_assistant", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    def log(self, role: str) -> str:
        """Return what a role has logged so far."""
        return (self._folder / f"{role}.log").read_text()

    def answers(self, path: str, status: int = 200) -> bool:
        """Whether the backend answers this path with this status."""
        try:
            return self.client.get(path).status_code == status
        except httpx2.TransportError:
            return False

    def await_ready(self, within_s: float = READY_S) -> float:
        """Return the seconds until the backend was ready."""
        began = time.monotonic()
        await_true(lambda: self.answers("/readyz"), within_s, "the backend is ready")
        return time.monotonic() - began

    def ask(self, question: str = "How do I request records?") -> httpx2.Response:
        """Ask a question."""
        return self.client.post("/v1/query", json={"question": question})

    def upload(self, name: str, text: str) -> httpx2.Response:
        """Hand in a document."""
        return self.client.post("/v1/documents", files={"file": (name, text.encode())})

    def state(self, name: str) -> str:
        """Return the state that /health gives a dependency."""
        found: Mapping[str, Any] = self.client.get("/health").json()["dependencies"][name]
        return str(found["state"])

    def becomes(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait for a condition."""
        await_true(condition, within_s, what)
