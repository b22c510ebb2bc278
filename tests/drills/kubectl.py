"""The real kubectl, with a home of its own each time: caches of another cluster mislead it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from info_assistant.drills.cluster.simulator import Running

ROOT = Path(__file__).parents[2]
NAMESPACE = "pubsec-info-assistant"
BIN = ROOT / ".venv" / "bin"
_DEADLINE_S = 50.0


@dataclass(frozen=True)
class Kubectl:
    """Runs command lines in a shell that finds kubectl, and that kubectl finds the simulator."""

    home: Path
    running: Running

    def environment(self, user: str = "") -> dict[str, str]:
        """Return what a shell needs."""
        config = self.running.kubeconfig(self.home / f"config{user}", user)
        path = f"{BIN}:{os.environ['PATH']}"  # noqa: TID251  Of the tests.
        return {"KUBECONFIG": str(config), "HOME": str(self.home), "PATH": path}

    def __call__(
        self, line: str, user: str = "", deadline_s: float = _DEADLINE_S
    ) -> "subprocess.CompletedProcess[str]":
        """Run a line; NS stands for the namespace. Standard output and error come together."""
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", line.replace(" NS", f" {NAMESPACE}")],
            env=self.environment(user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.home,
            text=True,
            timeout=deadline_s,
            check=False,
        )
