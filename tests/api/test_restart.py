"""A backend that is stopped while it works and started again."""

import signal
from contextlib import closing
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.conftest import allowed

pytestmark = [pytest.mark.stack, pytest.mark.model]

DOCUMENTS = 12
SECTION = "## Section {n}\n\nCounter {n} of office {d} opens at eight and closes at noon. " * 3


def long_document(number: int) -> str:
    """Return a document of many passages."""
    return "".join(SECTION.format(n=n, d=number) + "\n\n" for n in range(60))


def test_documents_go_on_after_a_restart(tmp_path: Path) -> None:
    """SIGTERM amid an ingestion ends it well; after the start all that was accepted is ready."""
    backend = Processes(tmp_path)
    with closing(backend.client), backend.running("local-qdrant"):
        with backend.running("serve") as process:
            backend.await_ready()
            for number in range(DOCUMENTS):
                accepted = backend.upload(f"office-{number}.md", long_document(number))
                assert accepted.status_code == 202
            backend.becomes(lambda: "indexing" in states(backend), 60, "a document is indexed")
            process.send_signal(signal.SIGTERM)
            assert process.wait(allowed(9)) == 0
        log = backend.log("serve")
        assert "Traceback" not in log
        with backend.running("serve"):
            backend.await_ready()
            backend.becomes(
                lambda: states(backend) == ["ready"] * DOCUMENTS, 100, "all documents are ready"
            )


def states(backend: Processes) -> list[str]:
    """Return the state of every document."""
    listed = backend.client.get("/v1/documents")
    return [each["state"] for each in listed.json()["documents"]] if listed.is_success else []
