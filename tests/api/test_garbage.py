"""What requests leave behind is freed at once, not by a collector that stops everything for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.garbage import garbage
from tests.qdrant_process import QdrantProcess
from tests.replicas import NamedCallers, Replica, caller, make_replica, serving

from info_assistant.model.identity import Role

pytestmark = pytest.mark.stack
TEXT = "Common words here about weather."
TIMES = 5
TAKES_LONG_S = 0.1
"""Longer than clients are left unwatched."""


@pytest.fixture
async def replica(tmp_path: Path, qdrant: QdrantProcess) -> AsyncIterator[Replica]:
    """A backend with one document."""
    callers = NamedCallers()
    callers.known["operator"] = caller("operator", role=Role.OPERATOR)
    made = make_replica(tmp_path / "objects", tmp_path / "own", qdrant.url, callers)
    await made.qdrant.drop_projections()
    async with serving(made):
        sent = await made.call(
            "operator", "POST", "/v1/documents", files={"file": ("plain.txt", TEXT.encode())}
        )
        found = sent.json()["documents"][0]["id"]
        document = await made.stores.catalogue.latest("default", found)
        assert document is not None
        await made.index(document)
        yield made


@dataclass(frozen=True)
class Connection:
    """A kept connection that leaves no garbage itself."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, *headers: str, question: str = "Which common words?") -> str:
        """Return the whole reply to a question, head included."""
        body = json.dumps({"question": question}).encode()
        sent = ("X-API-Key: operator", "Content-Type: application/json", *headers)
        lines = ("POST /v1/query HTTP/1.1", "Host: x", *sent, f"Content-Length: {len(body)}")
        head = "\r\n".join((*lines, "", ""))
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        if b"content-length: " in answer:
            length = answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return (answer + await self.reader.readexactly(int(length))).decode()
        return (answer + await self.reader.readuntil(b"\r\n0\r\n\r\n")).decode()


@pytest.fixture
async def connection(replica: Replica) -> AsyncIterator[Connection]:
    """A connection to it."""
    port = replica.client.base_url.port
    assert port is not None
    made = Connection(*await asyncio.open_connection("127.0.0.1", port))
    yield made
    made.writer.close()
    await made.writer.wait_closed()


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("takes_long", [False, True])
async def test_questions_leave_no_garbage(
    replica: Replica, connection: Connection, accept: str, *, takes_long: bool
) -> None:
    """Whether they are answered as a whole or in steps, in a moment or with the client watched."""
    header = f"Accept: {accept}"
    await connection.ask(header)
    with garbage() as left:
        for _ in range(TIMES):
            if takes_long:
                replica.generator.steps = asyncio.Semaphore(0)
                loop = asyncio.get_running_loop()
                loop.call_later(TAKES_LONG_S, replica.generator.finish)
            assert TEXT in await connection.ask(header)
    assert not left


@pytest.mark.parametrize(("header", "question"), [("", " "), ("X-Request-Deadline-Ms: soon", "?")])
async def test_refusals_leave_no_garbage(
    connection: Connection, header: str, question: str
) -> None:
    """An error knows where it was raised, and nobody there may still know it."""
    headers = [header] if header else []
    await connection.ask(*headers, question=question)
    with garbage() as left:
        for _ in range(TIMES):
            answer = await connection.ask(*headers, question=question)
            assert answer.startswith("HTTP/1.1 422 ")
    assert not left
