"""A request to the simulator, and the three shapes of what follows."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from info_assistant.drills.cluster.documents import Document
from info_assistant.drills.cluster.problems import bad_request
from info_assistant.drills.cluster.protobuf import MAGIC, read_object
from info_assistant.drills.cluster.websocket import WebSocket

ADMINISTRATOR = "administrator"
"""Who asks where nothing else is said: may do everything."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, by `user`. `query` holds every value of each parameter."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    user: str = ADMINISTRATOR

    def one(self, name: str, default: str = "") -> str:
        """Return a parameter's first value."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """Return whether a parameter says yes."""
        return self.one(name) in {"true", "1"}

    @property
    def accept(self) -> str:
        """Which types the client takes."""
        return self.headers.get("accept", "")

    @property
    def wants_table(self) -> bool:
        """Whether the client prints rows that the server makes."""
        return "as=Table" in self.accept

    @property
    def dry(self) -> bool:
        """Whether nothing is to be kept."""
        return "All" in self.query.get("dryRun", [])

    def document(self) -> Document:
        """Return the body. Raises Refused where it is no JSON object."""
        if self.body.startswith(MAGIC):
            return read_object(self.body)
        try:
            read: Any = json.loads(self.body)
        except ValueError as error:
            raise bad_request(f"the body of the request is no JSON: {error}") from error
        if not isinstance(read, dict):
            raise bad_request("the body of the request is no object")
        return read


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply."""

    body: Document | str
    code: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body's bytes."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


@dataclass(frozen=True, slots=True)
class Stream:
    """A reply that goes on; an empty piece is a moment to see whether the client is still there."""

    pieces: Iterator[bytes]
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The connection becomes a WebSocket."""

    run: Callable[[WebSocket], None]
    protocol: str


Outcome = Reply | Stream | Upgrade
"""What follows a request."""
