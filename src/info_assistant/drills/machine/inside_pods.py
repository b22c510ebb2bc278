"""What people on call can execute in pods: real programs, which reach the real processes."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from info_assistant.drills.cluster.contents import PORTS
from info_assistant.drills.cluster.documents import Document, name_of
from info_assistant.drills.cluster.programs import (
    Ended,
    Execution,
    Installed,
    Program,
    Programs,
    real,
    stock,
)
from info_assistant.drills.machine.hosted import inherited
from info_assistant.drills.machine.names import Names
from info_assistant.drills.machine.redis_cli import redis_cli

_RESTORE = (sys.executable, "-m", "info_assistant", "backup", "restore", "--yes")


@dataclass(frozen=True, slots=True)
class InsidePods:
    """Plans the programs of pods. `ports` are where a pod's process listens, by the pod's name."""

    names: Names
    ports: Callable[[], Mapping[str, int]]
    product: Callable[[], Mapping[str, str]]
    """The variables of a process of the product, as those of the backend."""

    def programs(self) -> Programs:
        """Return what is installed where."""
        programs = stock(redis_cli(lambda pod: self.ports()[pod]))
        programs.installed += [
            Installed("bash", self._shell),
            Installed("sh", self._shell),
            Installed("curl", self._curl, pod="qdrant-*"),
            Installed("/restore-backup.sh", self._restore, pod="qdrant-*"),
        ]
        return programs

    def _shell(self, execution: Execution) -> Ended:
        variables = {"PATH": "/usr/bin:/bin", "HOME": "/", **execution.environment}
        return self._here(execution, variables)(execution)

    def _curl(self, execution: Execution) -> Ended:
        return self._here(execution, inherited())(execution)

    def _restore(self, execution: Execution) -> Ended:
        variables = inherited() | dict(self.product())
        return real(_RESTORE, keep=False, environment=variables)(execution)

    def _here(self, execution: Execution, variables: Mapping[str, str]) -> Program:
        own = self._own(execution.pod)
        words = [self.names.inside(word, own) for word in execution.command]
        return real(words, keep=False, environment=variables)

    def _own(self, pod: Document) -> Mapping[int, int]:
        """Return which of this machine's ports stands for the port of a pod's container."""
        port = self.ports().get(name_of(pod))
        return {PORTS[pod["metadata"]["labels"]["component"]]: port} if port else {}
