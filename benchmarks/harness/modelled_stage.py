"""A stage for drills whose service is a model: for trying the drills themselves, in seconds.

The cluster is the simulator, what stands behind its pods is `outage_world`, and one small server
speaks as backend, web page and Qdrant. What a drill says here is true of the model only.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from benchmarks.harness.outage_world import ModelStage, model_stage
from benchmarks.harness.plain_server import QuietHandler, served

from info_assistant.drills.cluster.documents import is_ready
from info_assistant.rehearsal.machine_stage import breakage

_PODS = 3


_QUESTION = "How many days of annual leave do employees carry over?"


@dataclass(frozen=True)
class ModelledStage:
    """What `rehearsal.stage.Stage` asks for."""

    world: ModelStage
    public_url: str
    variables: Mapping[str, str]
    question: str = _QUESTION

    @property
    def frontend_url(self) -> str:
        """The same server."""
        return self.public_url

    def inject(self, fault: str) -> str:
        """Break the model."""
        self.world.inject(breakage(fault).fault)
        return "the model says so"

    def mend(self, fault: str) -> bool:
        """Let everything be well again."""
        del fault
        world = self.world.world
        world.sick.clear()
        world.broken.clear()
        world.bad_images.clear()
        world.openai_up = True
        world.needed = 1
        return True

    def serves(self) -> bool:
        """Whether the model serves."""
        return self.world.serves()


@contextmanager
def modelled_stage(folder: Path) -> Iterator[ModelledStage]:
    """Run a modelled stage until the block is left."""
    with model_stage(folder) as world, _speaking(world) as port:
        url = f"http://127.0.0.1:{port}"
        variables = {
            **world.variables,
            "DATA_DIR": str(folder / "data"),
            "BACKEND_URL": url,
            "FRONTEND_URL": url,
            "QDRANT_URL": f"{url}/qdrant",
            "OPENAI_BASE_URL": f"{url}/openai",
        }
        yield ModelledStage(world, url, variables)


@contextmanager
def _speaking(stage: ModelStage) -> Iterator[int]:
    class Speaks(QuietHandler, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(*_got(stage, self.path))

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length") or 0))
            self._reply(*_asked(stage, known=json.loads(asked)["question"] == _QUESTION))

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self._reply(200, {})

        def _reply(self, code: int, content: Any) -> None:  # noqa: ANN401  Any JSON.
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.reply(code, data)

    with served(Speaks, waits=False) as port:
        yield port


def _ready(stage: ModelStage, component: str) -> int:
    return sum(is_ready(pod) for pod in stage.running.cluster.pods(component))


def _got(stage: ModelStage, path: str) -> tuple[int, Any]:
    alive = _ready(stage, "backend") > 0
    if path.startswith("/qdrant"):
        return (200, {"result": {"collections": []}}) if _whole(stage) else (503, {})
    if path.startswith("/openai"):
        return (200 if stage.world.openai_up else 503), {}
    if not alive:
        return 502, {}
    if path.startswith("/health"):
        states = {"qdrant": _whole(stage), "openai": stage.world.openai_up}
        told = {name: {"state": "ok" if well else "down"} for name, well in states.items()}
        # As the product does: well enough while saved answers can be given.
        status = "ok" if all(states.values()) else "degraded"
        return 200, {"status": status, "dependencies": told, "modes": [], "limiter": "shared"}
    if path.startswith("/metrics"):
        return 200, "http_requests_total 1\n"
    return 200, {}


def _whole(stage: ModelStage) -> bool:
    return _ready(stage, "qdrant") == _PODS


def _asked(stage: ModelStage, *, known: bool) -> tuple[int, Any]:
    if stage.serves() or (known and _ready(stage, "backend")):
        return 200, {"status": "answered"}
    if not _ready(stage, "backend"):
        return 502, {}
    if not _whole(stage):
        return 500, {"code": "vector_store_unavailable"}
    return 503, {"code": "generation_unavailable"}
