"""A real local Qdrant as a process of its own, for tests that stop, start and wipe it."""

import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from info_assistant.drills.ports import unused_port

SERVE = """
import sys
from pathlib import Path
from info_assistant.local_qdrant.server import serve
serve(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]), sys.argv[3] or None)
"""
DEADLINE_S = 60.0
PATIENT_S = 30.0
"""For tests in which a busy machine must not look like an outage; who is gone refuses at once."""


@dataclass
class QdrantProcess:
    """A local Qdrant that a test may stop, start and wipe."""

    directory: Path
    key: str = ""
    port: int = field(default_factory=unused_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers; pytest shows what it says if the test fails."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.directory), str(self.port), self.key]
        )
        pause, left = Event(), int(DEADLINE_S / 0.05)
        while not self._answers():
            left -= 1
            assert left, "local-qdrant did not answer in time"
            assert self.process.poll() is None, "local-qdrant ended at once"
            pause.wait(0.05)

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            self.process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            return False
