"""The second region: a backend with stores of its own, which DNS can lead readers to."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from info_assistant.drills.machine.hosted import Command, Hosted, Starter, own_words
from info_assistant.drills.machine.objects import QDRANT_KEY
from info_assistant.drills.ports import unused_port


@dataclass(frozen=True, slots=True)
class Region:
    """Its processes, and the address of its backend."""

    url: str
    qdrant: Hosted
    backend: Hosted

    @property
    def hosted(self) -> tuple[Hosted, Hosted]:
        """All its processes."""
        return self.qdrant, self.backend


def second_region(folder: Path, objects: Path, starter: Starter) -> Region:
    """Start it with a copy of object storage, as a restore leaves it; it builds its own index."""
    shutil.copytree(objects, folder / "objects")
    ports = {"qdrant": unused_port(), "backend": unused_port()}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    shared = {"QDRANT_URL": urls["qdrant"], "QDRANT_API_KEY": QDRANT_KEY, "AUTH": "none"}
    own = {
        "qdrant": {},
        "backend": {
            "BLOB_URL": (folder / "objects").as_uri(),
            "BACKEND_PORT": str(ports["backend"]),
            "REDIS_ENABLED": "false",
            "INGESTION_WORKERS": "1",
        },
    }
    roles = {"qdrant": "local-qdrant", "backend": "serve"}
    started = {}
    for name, role in roles.items():
        data = folder / name
        variables = {**shared, **own[name], "DATA_DIR": str(data)}
        log = folder / f"{name}.log"
        command = Command(own_words(role), variables, data, log, f"{urls[name]}/readyz")
        process = starter.start(command)
        started[name] = Hosted(f"second-{name}", name, ports[name], command, process)
    return Region(urls["backend"], started["qdrant"], started["backend"])
