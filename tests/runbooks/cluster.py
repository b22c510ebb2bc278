"""A kubectl for tests: a shell script that keeps what it is told, and its calls, in files."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

SCRIPT = r"""#!/bin/sh
cd "$CLUSTER" || exit 9
echo "$*" >> calls
case "$*" in
  *"{.spec.replicas} {.status.readyReplicas}"*)
    printf '%s %s' "$(cat replicas)" "$(cat ready)";;
  *"{.spec.replicas}"*) cat replicas;;
  *"env[?(@.name=="*) printf '%s|' "$(cat environment)";;
  "get pods -n x --no-headers")
    echo "backend-aaa 0/1 CrashLoopBackOff 3 1h"
    echo "backend-bbb 1/1 Running 0 1h";;
  "get pods -l component=gone"*) echo "No resources found in x namespace.";;
  "get pods"*) echo "backend-bbb 1/1 Running 0 1h";;
  scale*)
    [ -e deaf ] || for word; do
      case $word in
        --replicas=*) printf %s "${word#*=}" > replicas; printf %s "${word#*=}" > ready;;
      esac
    done
    [ "$(cat replicas)" = 0 ] && : > ready
    echo scaled;;
  "set env"*)
    for word; do case $word in REDIS_ENABLED=*) printf %s "${word#*=}" > environment;;
      REDIS_ENABLED-) : > environment;; esac; done
    echo "env updated";;
  "rollout status"*) echo 'deployment "backend" successfully rolled out';;
  *redis-cli*) echo "NOAUTH Authentication required.";;
  fail*) echo "no such thing" >&2; exit 3;;
  *) echo "token=abc123xyz";;
esac
"""


class Cluster:
    """A folder with a `kubectl` in it, and what it knows."""

    def __init__(self, folder: Path) -> None:
        """Begin with three replicas, all ready."""
        self.folder = folder
        folder.mkdir()
        program = folder / "kubectl"
        program.write_text(SCRIPT)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        for name, text in (("replicas", "3"), ("ready", "3"), ("environment", "")):
            (folder / name).write_text(text)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment in which this kubectl is found first."""
        path = f"{self.folder}:{os.environ['PATH']}"  # noqa: TID251  Of the tests.
        return {"CLUSTER": str(self.folder), "PATH": path}

    @property
    def calls(self) -> list[str]:
        """What kubectl was called with."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.is_file() else []

    @property
    def changes(self) -> list[str]:
        """Those calls that change something."""
        reading = ("get", "rollout status", "logs")
        return [call for call in self.calls if not call.startswith(reading)]

    def __getitem__(self, name: str) -> str:
        """Return what the cluster knows under a name, such as replicas."""
        return (self.folder / name).read_text()
