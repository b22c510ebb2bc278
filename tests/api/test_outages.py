"""The backend beside a Qdrant and an object storage that are gone, silent, and back again."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.conftest import allowed

from info_assistant.drills.ports import unused_port
from info_assistant.settings import Settings
from info_assistant.wiring.application import build

pytestmark = [pytest.mark.stack, pytest.mark.model]

TEXT = "# Records\n\nTo request records, write to the records office. It answers in thirty days.\n"
PROBLEM = "application/problem+json"


@contextmanager
def nobody(port: int) -> Iterator[None]:
    """Let nothing listen."""
    assert port
    yield


@contextmanager
def silence(port: int) -> Iterator[None]:
    """Listen and accept, and never answer."""
    with socket.create_server(("127.0.0.1", port), backlog=100):
        yield


def put_in_the_way(blocked: Path) -> None:
    """Put a file where object storage needs a folder, so that nothing can be read or written."""
    blocked.write_text("not a folder")


Make = Callable[..., Processes]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return the way to plan a backend of a test's own; its client is closed at the end."""
    with ExitStack() as clients:

        def plan(**settings: str) -> Processes:
            backend = Processes(tmp_path, **settings)
            clients.callback(backend.client.close)
            return backend

        yield plan


def assert_outage_is_told(backend: Processes, *, storage_works: bool) -> None:
    """Questions, lists and uploads fail with their codes, soon, and nothing else fails."""
    began = time.monotonic()
    asked = backend.ask()
    assert (asked.status_code, asked.json()["code"]) == (500, "vector_store_unavailable")
    assert time.monotonic() - began < allowed(5)
    for response in (backend.client.get("/v1/documents"), backend.upload("a.md", TEXT)):
        assert response.headers["content-type"] == PROBLEM
        assert response.json()["code"] in {"vector_store_unavailable", "object_storage_unavailable"}
        assert "retry-after" in response.headers
    backend.becomes(lambda: backend.state("qdrant") == "down", 6, "the outage shows")
    expected = "ok" if storage_works else "down"
    backend.becomes(lambda: backend.state("object_storage") == expected, 6, "storage shows")
    assert backend.answers("/health", 503)
    assert backend.answers("/readyz")
    assert backend.answers("/livez")


@pytest.mark.parametrize(
    ("outage", "storage_works"), [(nobody, True), (silence, True), (silence, False)]
)
def test_backend_starts_and_recovers_without_its_dependencies(
    make: Make,
    tmp_path: Path,
    outage: Callable[[int], AbstractContextManager[None]],
    *,
    storage_works: bool,
) -> None:
    """With Qdrant, or both, down it is ready within 5 s, says what is wrong, and recovers."""
    blocked = tmp_path / "storage"
    backend = make(BLOB_URL=(blocked / "objects").as_uri())
    if not storage_works:
        put_in_the_way(blocked)
    with backend.running("serve"):
        with outage(backend.qdrant_port):
            assert backend.await_ready() < allowed(5)
            assert_outage_is_told(backend, storage_works=storage_works)
        if not storage_works:
            blocked.unlink()
        with backend.running("local-qdrant"):
            backend.becomes(lambda: backend.answers("/health?strict=1"), 40, "all is well again")
            assert backend.upload("records.md", TEXT).status_code == 202
            backend.becomes(
                lambda: backend.ask().json().get("status") == "answered", 30, "an answer"
            )


def test_storage_outage_leaves_questions_alone(make: Make, tmp_path: Path) -> None:
    """With object storage down, changes are refused with their code; answers go on; it recovers."""
    blocked = tmp_path / "storage"
    backend = make(BLOB_URL=(blocked / "objects").as_uri())
    with backend.running("local-qdrant"), backend.running("serve"):
        backend.await_ready()
        backend.becomes(lambda: backend.upload("records.md", TEXT).is_success, 40, "an upload")
        backend.becomes(lambda: backend.ask().json().get("status") == "answered", 30, "an answer")
        blocked.rename(tmp_path / "aside")
        put_in_the_way(blocked)
        refused = backend.upload("b.md", TEXT)
        assert (refused.status_code, refused.json()["code"]) == (503, "object_storage_unavailable")
        assert backend.ask().json()["status"] == "answered"
        backend.becomes(lambda: backend.answers("/health?strict=1", 503), 6, "the outage shows")
        assert backend.answers("/health")
        blocked.unlink()
        (tmp_path / "aside").rename(blocked)
        assert backend.upload("b.md", TEXT + "More.\n").status_code == 202


def test_backend_without_workers_takes_no_documents_in(tmp_path: Path) -> None:
    """INGESTION_WORKERS=0 leaves the documents to other processes; the rest runs as ever."""
    tasks = {}
    for workers in ("0", "1"):
        environment = {"DATA_DIR": str(tmp_path), "INGESTION_WORKERS": workers}
        application = build(Settings.from_environment(environment))
        tasks[workers] = set(application.services.tasks)
        application.embedder.close()
    assert tasks["1"] - tasks["0"] == {"ingestion", "accepted elsewhere"}
    assert "health" in tasks["0"]


def test_taken_port_is_named(make: Make) -> None:
    """A taken port ends the start with a message that names the variable."""
    port = unused_port()
    backend = make(BACKEND_PORT=str(port))
    with socket.create_server(("127.0.0.1", port)), backend.running("serve") as process:
        assert process.wait(60) != 0
    assert "BACKEND_PORT" in backend.log("serve")
    assert "Traceback" not in backend.log("serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_orderly_end(make: Make, number: signal.Signals) -> None:
    """Told to stop, the backend ends within 10 s, without an error, whatever is down."""
    backend = make()
    with backend.running("serve") as process:
        backend.await_ready()
        process.send_signal(number)
        try:
            assert process.wait(allowed(10)) == 0
        except subprocess.TimeoutExpired:
            pytest.fail("It did not end.")
    assert not re.search(r"Traceback|never (retrieved|awaited)", backend.log("serve"))


def test_log_of_an_outage_is_bounded_and_private(make: Make) -> None:
    """While Qdrant is down each line is JSON, short, and free of what was asked."""
    backend = make()
    with backend.running("serve"):
        backend.await_ready()
        for _ in range(10):
            backend.ask("Does Zyxwvut qualify?")
    log = backend.log("serve")
    assert "Zyxwvut" not in log
    assert '"event": "Qdrant connection error"' in log
    assert all(line.startswith("{") for line in log.splitlines())
    assert len(log) < 60_000
