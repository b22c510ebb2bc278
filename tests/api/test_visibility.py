"""Two backends on one object storage: what one is told to hide, neither shows."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import allowed
from tests.qdrant_process import QdrantProcess
from tests.replicas import NamedCallers, Replica, caller, make_replica, serving

from info_assistant.model.identity import Role

ELSEWHERE_S = 2.0
QUESTION = "Common words here."
SECRET, PLAIN = "Common words here about secrets.", "Common words here about weather."

pytestmark = pytest.mark.stack


@dataclass
class Pair:
    """Two replicas and two documents, which everybody can see."""

    here: Replica
    there: Replica
    secret: str = ""
    plain: str = ""


@pytest.fixture
async def pair(tmp_path: Path, qdrant: QdrantProcess) -> AsyncIterator[Pair]:
    """Two running replicas that know three callers."""
    callers = NamedCallers()
    for each in (
        caller("reader"),
        caller("insider", "hr"),
        caller("operator", "hr", role=Role.OPERATOR),
    ):
        callers.known[each.subject] = each
    objects = tmp_path / "objects"
    here, there = (make_replica(objects, tmp_path / n, qdrant.url, callers) for n in "ab")
    await here.qdrant.drop_projections()
    async with serving(here), serving(there):
        yield await with_documents(Pair(here, there))


async def with_documents(pair: Pair) -> Pair:
    """Take in the two documents, open to everybody and to a group besides."""
    for name, text in (("secret", SECRET), ("plain", PLAIN)):
        response = await pair.here.call(
            "operator",
            "POST",
            "/v1/documents",
            files={"file": (f"{name}.txt", text.encode())},
            data={"access": ["everyone", "hr"]},
        )
        assert response.status_code == 202, response.text
        setattr(pair, name, response.json()["documents"][0]["id"])
    for document_id in (pair.secret, pair.plain):
        document = await pair.here.stores.catalogue.latest("default", document_id)
        assert document is not None
        await pair.here.index(document)
    return pair


@dataclass
class Listener:
    """A client that reads a stream as it comes and notes when each event arrived."""

    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, replica: Replica, who: str) -> None:
        """Ask, and read to the end."""
        headers = {"X-API-Key": who, "Accept": "text/event-stream"}
        async with replica.client.stream(
            "POST", "/v1/query", json={"question": QUESTION}, headers=headers
        ) as response:
            assert response.status_code == 200
            name = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    data = json.loads(line.removeprefix("data: "))
                    now = asyncio.get_running_loop().time()
                    self.events.append((now, name, data))
                    self.changed.set()

    async def until(self, condition: Callable[["Listener"], bool]) -> None:
        """Wait for a condition on what has arrived."""
        async with asyncio.timeout(60):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()

    def count(self, kind: str) -> int:
        """Return how many events of a kind have arrived."""
        return sum(name == kind for _, name, _ in self.events)

    def sentences(self, text: str) -> list[float]:
        """Return when each sentence with this text arrived."""
        return [at for at, name, data in self.events if name == "sentence" and data["text"] == text]

    @property
    def final(self) -> dict[str, Any]:
        """The whole answer."""
        return next(data for _, name, data in self.events if name == "final")


@asynccontextmanager
async def listening(replica: Replica, *who: str) -> AsyncIterator[list[Listener]]:
    """Let callers ask a question whose answer goes on until the block is left, step by step."""
    replica.generator.steps = asyncio.Semaphore(0)
    listeners = [Listener() for _ in who]
    async with asyncio.TaskGroup() as tasks:
        for name, listener in zip(who, listeners, strict=True):
            tasks.create_task(listener.read(replica, name))
            await listener.until(lambda each: each.count("sources") == 1)
        try:
            yield listeners
        finally:
            replica.generator.finish()


def mentions(data: object, document_id: str, text: str) -> bool:
    """Whether a document's id or text is in an event."""
    told = json.dumps(data)
    return document_id in told or text in told


@pytest.mark.parametrize("how", ["narrowed", "removed", "quarantined"])
async def test_nothing_after_the_change_where_it_was_made(pair: Pair, how: str) -> None:
    """In the middle of an answer: once the change is acknowledged, its replica shows no more."""
    async with listening(pair.here, "reader") as (listener,):
        for _ in range(4):
            await pair.here.generator.step()
        await listener.until(lambda each: each.count("citation") == 4)
        assert len(listener.sentences(SECRET)) == len(listener.sentences(PLAIN)) == 2
        assert await change(pair, how) in {200, 204}
        already = len(listener.events)
        for _ in range(8):
            await pair.here.generator.step()
        await listener.until(lambda each: len(each.sentences(PLAIN)) == 6)
    after = [data for _, _, data in listener.events[already:]]
    assert not any(mentions(data, pair.secret, SECRET) for data in after)
    assert listener.final["status"] == "partial"
    assert {each["document_id"] for each in listener.final["citations"]} == {pair.plain}
    numbers = {each["n"] for each in listener.final["citations"]}
    assert all(numbers.issuperset(each["citations"]) for each in listener.final["sentences"])


@pytest.mark.parametrize("how", ["narrowed", "removed", "quarantined"])
async def test_nothing_elsewhere_after_two_seconds(pair: Pair, how: str) -> None:
    """In the middle of an answer on another replica: two seconds later nothing more is shown."""
    loop = asyncio.get_running_loop()
    async with listening(pair.there, "reader", "insider") as (reader, insider):
        for _ in range(8):
            await pair.there.generator.step()
        await reader.until(lambda each: bool(each.sentences(SECRET)))
        assert await change(pair, how) in {200, 204}
        returned = loop.time()
        while loop.time() < returned + ELSEWHERE_S + 1:
            await pair.there.generator.step()
            await asyncio.sleep(0.01)
    assert min(reader.sentences(SECRET)) < returned
    assert max(reader.sentences(SECRET)) < returned + ELSEWHERE_S
    assert max(reader.sentences(PLAIN)) > returned + ELSEWHERE_S
    assert not mentions(reader.final, pair.secret, SECRET)
    # Whoever may still see the document goes on doing so.
    assert mentions(insider.final, pair.secret, SECRET) is (how == "narrowed")


async def change(pair: Pair, how: str) -> int:
    """Close the secret document to the reader on the one replica; return the status."""
    path = f"/v1/documents/{pair.secret}"
    if how == "removed":
        return (await pair.here.call("operator", "DELETE", path)).status_code
    if how == "quarantined":
        order = {"reason": "Something is wrong."}
        return (
            await pair.here.call("operator", "POST", f"{path}/quarantine", json=order)
        ).status_code
    body = {"access": ["hr"]}
    return (await pair.here.call("operator", "PATCH", path, json=body)).status_code


async def test_a_change_reaches_every_way_on_every_replica(pair: Pair) -> None:
    """Narrowed, widened, removed while the index is behind: each replica agrees within 2 s."""
    pair.here.let_index_fall_behind(behind=True)
    path = f"/v1/documents/{pair.secret}"
    for method, body, visible in (
        ("PATCH", {"access": ["hr"]}, {"reader": False, "insider": True}),
        ("PATCH", {"access": ["everyone", "hr"]}, {"reader": True, "insider": True}),
        ("DELETE", None, {"reader": False, "insider": False}),
    ):
        response = await pair.here.call("operator", method, path, json=body)
        assert response.status_code in {200, 204}
        for who, expected in visible.items():
            assert await ways(pair.here, who, pair.secret) == {expected}
        async with asyncio.timeout(ELSEWHERE_S):
            for who, expected in visible.items():
                while await ways(pair.there, who, pair.secret) != {expected}:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)


async def test_a_hold_reaches_every_replica_and_so_does_restoring(pair: Pair) -> None:
    """While the index is behind, each replica holds the document back within 2 s, and says so."""
    path = f"/v1/documents/{pair.secret}"
    for behind in (True, False):
        pair.here.let_index_fall_behind(behind=behind)
        order = {"reason": "Something is wrong."}
        response = await pair.here.call("operator", "POST", f"{path}/quarantine", json=order)
        assert response.json()["state"] == "withdrawn"
        for replica in (pair.here, pair.there):
            async with asyncio.timeout(allowed(ELSEWHERE_S)):
                while await held_ways(replica, pair.secret) != HELD:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    assert (await pair.there.call("operator", "POST", f"{path}/restore")).status_code == 200
    async with asyncio.timeout(ELSEWHERE_S):
        while await ways(pair.here, "reader", pair.secret) != {True}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


HELD = (200, "quarantined", 403, 403, True, False)


async def held_ways(replica: Replica, document_id: str) -> tuple[object, ...]:
    """Return what a reader is told of a document: state, hold, text, passages, list, answers."""
    path = f"/v1/documents/{document_id}"
    shown = await replica.call("reader", "GET", path)
    hold = shown.json().get("hold")
    text = await replica.call("reader", "GET", f"{path}/text")
    passages = await replica.call("reader", "GET", f"{path}/passages")
    page = await replica.call("reader", "GET", "/v1/documents")
    answer = await replica.call("reader", "POST", "/v1/query", json={"question": QUESTION})
    return (
        shown.status_code,
        hold and hold["kind"],
        text.status_code,
        passages.status_code,
        document_id in {each["id"] for each in page.json()["documents"]},
        mentions(answer.json(), document_id, SECRET),
    )


async def ways(replica: Replica, who: str, document_id: str) -> set[bool]:
    """Return whether a caller sees a document, by each of the ways there are."""
    seen = set()
    for path in ("", "/text", "/original"):
        response = await replica.call(who, "GET", f"/v1/documents/{document_id}{path}")
        assert response.status_code in {200, 404}
        seen.add(response.status_code == 200)
    page = await replica.call(who, "GET", "/v1/documents")
    seen.add(document_id in {each["id"] for each in page.json()["documents"]})
    answer = await replica.call(who, "POST", "/v1/query", json={"question": QUESTION})
    listed = [*answer.json()["citations"], *answer.json()["see_also"]]
    assert listed, "the other document is found at all times"
    seen.add(document_id in {each["document_id"] for each in listed})
    return seen
