"""A backend that starts while what it depends on is gone or silent, singly and together."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.api.processes import Processes
from tests.api.test_outages import TEXT, nobody, silence
from tests.conftest import allowed
from tests.s3_process import S3Process

from info_assistant.drills.issuer import running_issuer
from info_assistant.drills.ports import unused_port
from info_assistant.drills.tokens import AUDIENCE, PEOPLE

pytestmark = [pytest.mark.stack, pytest.mark.model]

QDRANT, STORAGE, ISSUER = "qdrant", "object_storage", "identity_provider"
ALL = (QDRANT, STORAGE, ISSUER)
READY_S = 5.0


class Town:
    """A backend, the ports of what it depends on, and a person with a token."""

    def __init__(self, folder: Path) -> None:
        """Choose ports; nothing runs yet."""
        self.s3, issuer_port = S3Process(unused_port()), unused_port()
        self.backend = Processes(
            folder,
            **self.s3.environment,
            AUTH="oidc",
            OIDC_ISSUER=f"http://127.0.0.1:{issuer_port}",
            OIDC_AUDIENCE=AUDIENCE,
        )
        self.ports = {
            QDRANT: self.backend.qdrant_port,
            STORAGE: self.s3.port,
            ISSUER: issuer_port,
        }

    def runs(self, name: str) -> AbstractContextManager[object]:
        """Run a dependency until the block is left."""
        if name == QDRANT:
            return self.backend.running("local-qdrant")
        return self.s3.running() if name == STORAGE else self._issuer()

    @contextmanager
    def _issuer(self) -> Iterator[None]:
        """Run an issuer; every later request comes from a contributor with one of its tokens."""
        with running_issuer(port=self.ports[ISSUER]) as issuer:
            token = issuer.tokens.access_token(PEOPLE[1])
            self.backend.client.headers["Authorization"] = f"Bearer {token}"
            yield

    def told(self, down: tuple[str, ...]) -> None:
        """Each request fails with the code of what it lacks, or works; soon, and nothing else."""
        began = time.monotonic()
        asked, uploaded = self.backend.ask(), self.backend.upload("a.md", TEXT)
        assert time.monotonic() - began < allowed(10)
        expected = {
            ISSUER: (503, "identity_provider_unavailable"),
            QDRANT: (500, "vector_store_unavailable"),
            STORAGE: (503, "object_storage_unavailable"),
        }
        lacks = [name for name in (ISSUER, QDRANT) if name in down]
        found = (asked.status_code, asked.json().get("code"))
        assert found == (expected[lacks[0]] if lacks else (200, None))
        # Who reaches a store first is the intake's business.
        codes = {expected[name] for name in down if name == ISSUER or ISSUER not in down}
        assert (uploaded.status_code, uploaded.json()["code"]) in codes
        for name in ALL:
            state = "down" if name in down else "ok"
            self.backend.becomes(lambda: self.backend.state(name) == state, 10, f"{name} {state}")  # noqa: B023  Called at once.
        assert self.backend.answers("/health", 503 if QDRANT in down else 200)
        assert self.backend.answers("/livez")
        assert self.backend.answers("/readyz")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Return the place, in which nothing runs yet."""
    made = Town(tmp_path)
    with made.backend.client:
        yield made


@pytest.mark.parametrize(
    ("down", "outage"),
    [((STORAGE,), silence), ((ISSUER,), silence), (ALL, silence), (ALL, nobody)],
)
def test_it_starts_tells_and_recovers(
    town: Town, down: tuple[str, ...], outage: Callable[[int], AbstractContextManager[None]]
) -> None:
    """Ready within 5 s, with typed errors, and well again by itself when the rest comes back."""
    backend = town.backend
    with town.runs(ISSUER):
        pass  # Whoever asks has signed in before.
    with ExitStack() as running:
        for name in ALL:
            if name not in down:
                running.enter_context(town.runs(name))
        with ExitStack() as outages:
            for name in down:
                outages.enter_context(outage(town.ports[name]))
            running.enter_context(backend.running("serve"))
            assert backend.await_ready() < allowed(READY_S)
            town.told(down)
        for name in down:
            running.enter_context(town.runs(name))
        backend.becomes(lambda: backend.answers("/health?strict=1"), 40, "all is well")
        backend.becomes(lambda: backend.upload("a.md", TEXT).is_success, 40, "an upload")
        backend.becomes(lambda: backend.ask().json().get("status") == "answered", 30, "an answer")
