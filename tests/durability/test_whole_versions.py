"""A document that changes while people ask about it: each answer knows one version of it only."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.api.processes import Processes

pytestmark = [pytest.mark.stack, pytest.mark.model]

EDITIONS = 12
ASKERS = 3
QUESTIONS = (
    "When does counter 3 open?",
    "How long does a request of kind 5 take?",
    "What is to be brought to counter 7?",
)


def edition(number: int) -> str:
    """Return the document's text; each of its passages names the edition."""
    parts = [
        f"## Counter {part}\n\nCounter {part} opens at {(number + part) % 12 + 1} o'clock, says "
        f"edition {number}. A request of kind {part} takes {number + part} days, says edition "
        f"{number}. Bring form {part} to counter {part}, says edition {number}.\n"
        for part in range(12)
    ]
    return "# Counters\n\n" + "\n".join(parts)


@dataclass
class Asked:
    """What answers have shown: how many, the versions seen, and those that mix two."""

    answers: int = 0
    versions: set[int] = field(default_factory=set)
    mixed: list[object] = field(default_factory=list)

    def look_at(self, answer: dict[str, object]) -> None:
        """Note which versions and editions one answer shows."""
        listed = [*answer["citations"], *answer["see_also"]]  # type: ignore[misc]
        versions = {each["version"] for each in listed}
        editions = {found for each in listed for found in re.findall(r"edition \d+", each["text"])}
        self.answers += 1
        self.versions |= versions
        if len(versions) > 1 or len(editions) > 1:
            self.mixed.append((versions, editions))


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Processes]:
    """Return a running backend with its local Qdrant."""
    processes = Processes(tmp_path)
    with (
        closing(processes.client),
        processes.running("local-qdrant"),
        processes.running("serve"),
    ):
        processes.await_ready()
        yield processes


def ask_until(done: threading.Event, url: str, asked: Asked) -> None:
    """Ask one question after the other, with the whole text of what is shown."""
    with httpx2.Client(base_url=url, trust_env=False, timeout=40) as client:
        while not done.is_set():
            for question in QUESTIONS:
                body = {"question": question, "include": ["passages"]}
                reply = client.post("/v1/query", json=body)
                assert reply.status_code == 200, reply.text
                asked.look_at(reply.json())


def hand_in(backend: Processes, number: int) -> None:
    """Hand in an edition and wait until it is the one that answers."""
    reply = backend.upload("counters.md", edition(number))
    assert reply.status_code == 202, reply.text
    status = reply.json()["documents"][0]["status_url"]

    def ready() -> bool:
        shown = backend.client.get(status).json()
        return bool(shown["state"] == "ready" and shown["version"] == number + 1)

    backend.becomes(ready, 40, f"edition {number} is ready")


def test_every_answer_comes_from_one_whole_version(backend: Processes) -> None:
    """While new versions replace old ones, no answer shows two of them, and none is missing."""
    backend.becomes(lambda: backend.answers("/health?strict=1"), 40, "all is well")
    hand_in(backend, 0)
    done, asked = threading.Event(), Asked()
    url = backend.environment["BACKEND_URL"]
    with ThreadPoolExecutor(ASKERS) as pool:
        asking = [pool.submit(ask_until, done, url, asked) for _ in range(ASKERS)]
        try:
            for number in range(1, EDITIONS):
                hand_in(backend, number)
        finally:
            done.set()
        for each in asking:
            each.result()
    assert asked.mixed == []
    assert len(asked.versions) > EDITIONS // 2, "too few versions were seen to tell"
    assert asked.answers > EDITIONS * ASKERS
