"""What a reader outside sees of the service: a question asked before, a new one, and its health."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import PurePosixPath
from typing import Any

import httpx2

from info_assistant.drills.machine.plan import Document
from info_assistant.drills.wordings import worded

_ASK_S = 10.0
_LOOK_S = 0.1
_EVERY_S = 1.0
"""Between two looks: whoever asks more often is refused by the limits, whatever is broken."""


@dataclass(frozen=True, slots=True)
class Served:
    """What somebody outside sees at one moment."""

    known: bool
    """A question that was asked before is answered."""
    new: bool
    """A question in a wording of its own is answered."""
    cached: bool
    """Redis works, or is switched off."""
    cache_only: bool
    """The service says that it answers from its cache only, as it was told."""

    @property
    def well(self) -> bool:
        """Whether users are served as they should be."""
        return self.known and (self.new or self.cache_only) and self.cached


@dataclass(slots=True)
class Reader:
    """Asks at one address, which is that of an ingress."""

    url: str
    question: str
    _client: httpx2.Client
    _wordings: "count[int]" = field(default_factory=lambda: count(1))
    _next_look: float = 0.0

    def look(self) -> Served:
        """Ask once; takes as long as the service takes, and at most 10 s for each question.

        Waits until a second has passed since it was last called.
        """
        threading.Event().wait(max(0.0, self._next_look - time.monotonic()))
        self._next_look = time.monotonic() + _EVERY_S
        health = self._health()
        modes = {each["name"] for each in health.get("modes", [])}
        redis = health.get("dependencies", {}).get("redis", {}).get("state")
        return Served(
            self.answers(self.question),
            self.answers(self.new_wording()),
            redis in {"ok", "off"} or "REDIS_ENABLED" in modes,
            "CACHE_ONLY_MODE" in modes,
        )

    def new_wording(self) -> str:
        """Return the question as nobody has put it yet."""
        return worded(self.question, next(self._wordings))

    def answers(self, question: str) -> bool:
        """Return whether a question is answered, in words or quotes of the documents."""
        try:
            reply = self._client.post(f"{self.url}/v1/query", json={"question": question})
        except httpx2.HTTPError:
            return False
        return reply.is_success and reply.json()["status"] in {"answered", "partial"}

    def hand_in(self, documents: Sequence[Document], until: float) -> None:
        """Hand documents in and wait until they can be asked about. Raises TimeoutError."""
        ids = [self._handed_in(each, until) for each in documents]
        for each in ids:
            await_true(partial(self._is_known, each), until, f"the document {each} is ready")

    def _is_known(self, document_id: str) -> bool:
        return bool(self._get(f"/v1/documents/{document_id}").get("state") == "ready")

    def _handed_in(self, document: Document, until: float) -> str:
        sent = {"file": (PurePosixPath(document.source).name, document.data)}
        found: dict[str, Any] = {}

        def accepted() -> bool:
            try:
                reply = self._client.post(
                    f"{self.url}/v1/documents", files=sent, data={"source": document.source}
                )
            except httpx2.HTTPError:
                return False
            if reply.is_success:
                found.update(reply.json()["documents"][0])
            return reply.is_success

        await_true(accepted, until, f"{document.source} is taken")
        return str(found["id"])

    def _health(self) -> dict[str, Any]:
        return self._get("/health")

    def _get(self, path: str) -> dict[str, Any]:
        """Return JSON, empty where there is none."""
        try:
            body = self._client.get(f"{self.url}{path}").json()
        except (httpx2.HTTPError, ValueError):
            return {}
        return body if isinstance(body, dict) else {}


@contextmanager
def reader(url: str, question: str) -> Iterator[Reader]:
    """Give somebody who asks until the block is left."""
    with httpx2.Client(timeout=_ASK_S, trust_env=False) as client:
        yield Reader(url, question, client)


def await_true(condition: Callable[[], bool], until: float, what: str) -> None:
    """Return once a condition holds. Raises TimeoutError after the moment `until`, monotonic."""
    pause = threading.Event()
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not in time: {what}")
        pause.wait(_LOOK_S)
