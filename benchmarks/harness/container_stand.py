"""The product in containers of one image: backend, worker, web page, and what they depend on."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import httpx2
from benchmarks.harness.corpus import File
from benchmarks.harness.podman import LIMITS, CommandFailed, Container, Plan, Podman
from benchmarks.harness.processes import KEY, answers, await_true
from benchmarks.harness.report import ROOT

PREFIX = "ia-verify"
OBJECTS = "file:///objects"
GRACE_S = 8
DELAY_S = 2
READY_S = 60.0

_INNER_QDRANT = "http://127.0.0.1:16333"
_VALKEY = (
    *("--port", "6379", "--bind", "0.0.0.0", "--protected-mode", "no"),
    *("--dir", "/data", "--appendonly", "yes", "--save", ""),
)
_FIND_VALKEY = (
    "import os, sys; from info_assistant.cli.local_redis import server;"
    "os.execv(server(), [server(), *sys.argv[1:]])"
)
_SETTINGS = {
    "AUTH": "keys",
    "QDRANT_URL": "http://qdrant:6333",
    "QDRANT_API_KEY": KEY,
    "REDIS_URL": "redis://redis:6379",
    "BLOB_URL": OBJECTS,
    "DRAIN_DELAY_SECONDS": str(DELAY_S),
    "DRAIN_GRACE_SECONDS": str(GRACE_S),
}


def backend_plan(image: str, limits: Sequence[str] = LIMITS) -> Plan:
    """Return how a backend is run that leaves documents to a worker."""
    volumes = {"/data": "backend", "/objects": "objects"}
    settings = _SETTINGS | {"INGESTION_WORKERS": "0"}
    return Plan("backend", image, ("serve",), 8000, settings, volumes, limits)


def worker_plan(image: str, limits: Sequence[str] = LIMITS) -> Plan:
    """Return how a worker is run."""
    volumes = {"/data": "worker", "/objects": "objects"}
    return Plan("worker", image, ("worker",), 8001, _SETTINGS, volumes, limits)


def frontend_plan(image: str, limits: Sequence[str] = LIMITS) -> Plan:
    """Return how the web page is run: it keeps nothing, so it has no volume."""
    settings = {
        "AUTH": "keys",
        "BACKEND_URL": "http://backend:8000",
        "SESSION_SECRET": "a secret of this trial, which nobody else knows",
        "DRAIN_GRACE_SECONDS": str(GRACE_S),
    }
    return Plan("frontend", image, ("frontend",), 8080, settings, {}, limits)


def dependencies(podman: Podman, image: str) -> tuple[Container, ...]:
    """Return Redis and a Qdrant, from what our image brings for one machine."""
    redis = Plan(
        "redis",
        image,
        ("-c", _FIND_VALKEY, *_VALKEY),
        volumes={"/data": "redis"},
        options=("--entrypoint=python",),
    )
    settings = {
        "QDRANT_URL": _INNER_QDRANT,
        "QDRANT_API_KEY": KEY,
        "BIND_ADDRESS": "127.0.0.1",
    }
    qdrant = Plan("qdrant", image, ("local-qdrant",), 0, settings, {"/data": "qdrant"})
    script = ROOT / "benchmarks" / "harness" / "forward.py"
    door = Plan(
        "qdrant-door",
        image,
        ("/forward.py", "6333", "16333"),
        options=(
            f"--network=container:{podman.prefix}-qdrant",
            "--entrypoint=python",
            f"--volume={script}:/forward.py:ro",
        ),
    )
    return tuple(Container(podman, plan) for plan in (redis, qdrant, door))


@dataclass(slots=True)
class Stand:
    """All containers of a trial; `key` is an operator's."""

    podman: Podman
    backend: Container
    worker: Container
    frontend: Container
    redis: Container
    qdrant: Container
    key: str = ""

    def client(self) -> httpx2.Client:
        """Return an HTTP client of the backend for the operator."""
        return httpx2.Client(
            base_url=self.backend.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=60.0,
            trust_env=False,
        )

    def ask(self, question: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of an answer."""
        with self.client() as client:
            reply = client.post("/v1/query", json={"question": question})
            body: dict[str, Any] = reply.json()
            return reply.status_code, body

    def health(self) -> dict[str, Any]:
        """Return what the backend says of itself and of what it depends on."""
        with self.client() as client:
            body: dict[str, Any] = client.get("/health").json()
            return body

    def sees(self, dependency: str, state: str) -> bool:
        """Whether the backend says by now that a dependency is in this state."""
        with suppress(httpx2.HTTPError):
            return bool(self.health()["dependencies"][dependency]["state"] == state)
        return False

    def make_key(self) -> None:
        """Make an operator's key inside the backend, as an administrator would."""
        words = ("keys", "create", "--role", "operator", "--name", "trial")
        done = self.backend.execute("info-assistant", *words)
        if done.code:
            raise CommandFailed(f"no key could be made: {done.errors}")
        self.key = done.output.splitlines()[-1]

    def upload(self, file: File) -> str:
        """Hand in a document; return its id."""
        with self.client() as client:
            name = PurePosixPath(file.source).name
            files, data = {"file": (name, file.data)}, {"source": file.source}
            reply = client.post("/v1/documents", files=files, data=data)
            if not reply.is_success:
                raise CommandFailed(f"{file.source}: {reply.status_code} {reply.text}")
            return str(reply.json()["documents"][0]["id"])

    def states(self) -> dict[str, str]:
        """Return the state of every document by its source."""
        with self.client() as client:
            rows = client.get("/v1/documents", params={"limit": "1000"}).json()["documents"]
            return {row["source"]: row["state"] for row in rows}

    def until_ready(self, count: int, seconds: float = READY_S) -> None:
        """Return once `count` documents are there and all are ready."""

        def done() -> bool:
            with suppress(httpx2.HTTPError, KeyError):
                return list(self.states().values()) == ["ready"] * count
            return False

        await_true(done, seconds, f"{count} documents are ready", 0.3)


def until_ready(container: Container, seconds: float = READY_S) -> None:
    """Return once a container says that it is ready. Raises TimeoutError with its log."""
    try:
        await_true(lambda: answers(f"{container.url}/readyz"), seconds, container.name, 0.02)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{container.logs()[-3000:]}") from error


@contextmanager
def clean_podman() -> Iterator[Podman]:
    """Give a podman with an empty network; whatever ran on it is gone before and afterwards."""
    podman = Podman(PREFIX)
    podman.clear()
    podman.do("network", "create", PREFIX)
    try:
        yield podman
    finally:
        podman.clear()


@contextmanager
def stand(podman: Podman, image: str) -> Iterator[Stand]:
    """Run everything until the block is left."""
    redis, qdrant, door = dependencies(podman, image)
    plans = (backend_plan(image), worker_plan(image), frontend_plan(image))
    backend, worker, frontend = (Container(podman, plan) for plan in plans)
    everything = (redis, qdrant, door, backend, worker, frontend)
    try:
        for each in everything:
            each.start()
        for each in (backend, worker, frontend):
            until_ready(each)
        running = Stand(podman, backend, worker, frontend, redis, qdrant)
        running.make_key()
        await_true(lambda: running.sees("qdrant", "ok"), READY_S, "Qdrant is there", 0.2)
        yield running
    finally:
        for each in reversed(everything):
            each.remove()


def in_network_of(container: Container, *command: str) -> None:
    """Run a program of this machine inside a container's network; needs root."""
    pid = str(container.inspect(".State.Pid"))
    subprocess.run(["nsenter", "--target", pid, "--net", *command], check=True)  # noqa: S607
