"""A real backend whose object storage, or whose own disk, fails for a while: the trail is whole."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.api.processes import Processes

pytestmark = [pytest.mark.stack, pytest.mark.model]

AUDIT = "/v1/admin/audit"


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Processes]:
    """Return a backend of the test's own, not running yet."""
    made = Processes(tmp_path, BLOB_URL=(tmp_path / "storage" / "objects").as_uri())
    yield made
    made.client.close()


def pending(backend: Processes) -> float:
    """Return how many records the backend says are waiting."""
    lines = backend.client.get("/metrics").text.splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith("records_pending ")]
    return float(value)


def trail(backend: Processes, action: str) -> list[str]:
    """Return the ids of the requests that the trail holds of an action."""
    found = backend.client.get(AUDIT, params={"limit": 1000, "action": action})
    found.raise_for_status()
    return [each["request_id"] for each in found.json()["events"]]


def ask(backend: Processes, request_id: str) -> httpx2.Response:
    """Ask under an id."""
    return backend.client.post(
        "/v1/query",
        json={"question": "How do I request records?"},
        headers={"X-Request-Id": request_id},
    )


def test_an_outage_of_object_storage_loses_no_record(backend: Processes, tmp_path: Path) -> None:
    """Questions during the outage are answered, wait on this machine, and are all there after it.

    So they are when the process is killed meanwhile and another starts while it still lasts.
    """
    storage, aside = tmp_path / "storage", tmp_path / "aside"
    with backend.running("local-qdrant"):
        with backend.running("serve") as first:
            backend.await_ready()
            before = [f"before-{n}" for n in range(3)]
            answers = [ask(backend, each).json()["id"] for each in before]
            backend.becomes(lambda: pending(backend) == 0, 40, "all is shipped")
            storage.rename(aside)
            storage.write_text("in the way")
            during = [f"during-{n}" for n in range(4)]
            replies = [ask(backend, each) for each in during]
            assert [each.status_code for each in replies] == [200] * 4
            answers += [each.json()["id"] for each in replies]
            assert backend.client.get(AUDIT).json()["code"] == "object_storage_unavailable"
            backend.becomes(lambda: pending(backend) >= 8, 40, "the records wait")
            assert "Records wait to be shipped" in backend.log("serve")
            first.kill()
            first.wait()
        with backend.running("serve"):
            backend.await_ready()
            last = ask(backend, "after-the-kill")
            assert last.status_code == 200
            backend.becomes(lambda: pending(backend) >= 10, 40, "they wait still")
            storage.unlink()
            aside.rename(storage)
            backend.becomes(lambda: pending(backend) == 0, 30, "all is shipped")
            expected = {*before, *during, "after-the-kill"}
            assert sorted(trail(backend, "question.ask")) == sorted(expected)
            for answer in (*answers, last.json()["id"]):
                assert backend.client.get(f"/v1/answers/{answer}").status_code == 200
            assert "Records are shipped again" in backend.log("serve")


def test_a_disk_that_takes_no_records_stops_changes_only(
    backend: Processes, tmp_path: Path
) -> None:
    """Without a journal, changes are refused with their code, questions go on, and it recovers."""
    journals = tmp_path / "journals"
    journals.write_text("in the way")
    with backend.running("local-qdrant"), backend.running("serve"):
        backend.await_ready()
        refused = backend.upload("a.md", "# A guide\n\nRecords are kept for six years.\n")
        assert (refused.status_code, refused.json()["code"]) == (503, "records_unavailable")
        assert ask(backend, "unnoted").status_code == 200
        journals.unlink()
        assert backend.upload("a.md", "# A guide\n\nRecords are kept.\n").status_code == 202
        assert ask(backend, "noted").status_code == 200
        assert trail(backend, "question.ask") == ["noted"]
        failures = backend.client.get("/metrics").text
        assert "audit_append_failures_total 2.0" in failures
        assert "answer_record_failures_total 1.0" in failures
