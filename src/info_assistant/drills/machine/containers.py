"""Which process of this machine stands for a pod, by its component, name and image."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from info_assistant.drills.cluster.documents import Document, at, name_of
from info_assistant.drills.machine.hosted import Command, Hosted, own_words, tied_words
from info_assistant.drills.machine.objects import REDIS_PODS
from info_assistant.drills.ports import unused_port

REAL_PEER = "qdrant-0"
"""The pod of Qdrant that has an engine: the one-machine Qdrant knows no cluster."""

_CRASHES = "import sys; sys.exit('this release does not start')"


@dataclass(frozen=True, slots=True)
class Containers:
    """Plans processes: `fixed` are the ports of pods whose names stay, by name."""

    folder: Path
    fixed: Mapping[str, int]
    redis_server: str

    def host(self, pod: Document, variables: Mapping[str, str]) -> Hosted:
        """Return what stands for a pod, whose template gives it these variables."""
        name, component = name_of(pod), pod["metadata"]["labels"]["component"]
        port = self.fixed.get(name) or unused_port()
        command = self._command(pod, component, port, variables)
        return Hosted(name, component, port, command)

    def data(self, pod: Document) -> Path:
        """Return what `/data` is in a pod, which goes with the pod, or its volume, which stays."""
        name = name_of(pod)
        if name in self.fixed:
            return self.folder / "volumes" / name
        return self.folder / "pods" / str(pod["metadata"]["uid"])

    def _command(
        self, pod: Document, component: str, port: int, variables: Mapping[str, str]
    ) -> Command | None:
        name, image = name_of(pod), str(at(pod, "spec", "containers", 0, "image"))
        data, log = self.data(pod), self.folder / "logs" / f"{name}.log"
        url = f"http://127.0.0.1:{port}"
        own = {**variables, "DATA_DIR": str(data), "HOME": str(data)}
        if component == "redis":
            words = tied_words(self.redis_server, *self._redis(name, port, data))
            return Command(words, {}, data, log, f"redis:{port}")
        if component == "qdrant":
            words, own["QDRANT_URL"] = own_words("local-qdrant"), url
            command = Command(words, own, data, log, f"{url}/readyz")
            return command if name == REAL_PEER else None
        if component == "frontend":
            own["FRONTEND_PORT"] = str(port)
            return Command(own_words("frontend"), own, data, log, f"{url}/readyz")
        own["BACKEND_PORT"] = str(port)
        return Command(_backend(image, port), own, data, log, f"{url}/readyz")

    def _redis(self, name: str, port: int, data: Path) -> list[str]:
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(data),
            "save": "",
            "appendonly": "yes",
            "maxmemory": "64mb",
            "maxmemory-policy": "allkeys-lru",
            "repl-diskless-sync-delay": "0",
            "always-show-logo": "no",
        }
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        first = REDIS_PODS[0]
        if name != first:
            words += ["--replicaof", "127.0.0.1", str(self.fixed[first])]
        return words


def _backend(image: str, port: int) -> list[str]:
    """Return what an image of the backend does: ours works, others are bad releases."""
    if image.startswith("bad:"):
        module = "info_assistant.drills.machine.bad_release"
        return [sys.executable, "-m", module, str(os.getpid()), str(port)]
    if image.startswith("crashing:"):
        return [sys.executable, "-c", _CRASHES]
    return own_words("serve")
