"""Dependencies that hang: frozen processes, which keep every connection and answer nothing."""

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.conftest import allowed, await_true
from tests.s3_process import S3Process

from info_assistant.drills.ports import unused_port
from info_assistant.drills.tokens import AUDIENCE

pytestmark = [pytest.mark.stack, pytest.mark.model]
TOLD_S = 5.0
Dependencies = Mapping[str, "subprocess.Popen[bytes]"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Processes, Dependencies]]:
    """Return a running backend, and the processes that it depends on by their names in /health."""
    s3, port = S3Process(unused_port()), unused_port()
    sign_in = {"OIDC_ISSUER": f"http://127.0.0.1:{port}", "OIDC_AUDIENCE": AUDIENCE}
    backend = Processes(tmp_path, **s3.environment, AUTH="oidc", **sign_in)
    with backend.client, ExitStack() as stack:
        others = {
            "object_storage": stack.enter_context(s3.running()),
            "qdrant": stack.enter_context(backend.running("local-qdrant")),
            "identity_provider": stack.enter_context(
                backend.running("drill", "issuer", "--port", str(port))
            ),
        }
        stack.enter_context(backend.running("serve"))
        backend.await_ready()
        backend.becomes(lambda: backend.answers("/health?strict=1"), 30, "all is well")
        yield backend, others


@contextmanager
def frozen(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Let a process do nothing at all until the block is left."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_health_tells_of_each_frozen_dependency(
    running: tuple[Processes, Dependencies],
) -> None:
    """Within 5 s, without any question asked, for the right one, and until it goes on."""
    backend, dependencies = running
    seconds = {}
    for name, process in dependencies.items():
        with frozen(process):
            began = time.monotonic()
            await_true(lambda name=name: backend.state(name) == "down", 20, f"{name} is down")  # type: ignore[misc]
            seconds[name] = time.monotonic() - began
            assert {backend.state(each) for each in dependencies if each != name} == {"ok"}
            assert backend.answers("/health", 503 if name == "qdrant" else 200)
            assert backend.answers("/health?strict=1", 503)
            assert backend.answers("/readyz")
        backend.becomes(lambda: backend.answers("/health?strict=1"), 40, "all is well again")
    assert max(seconds.values()) <= allowed(TOLD_S), seconds
