"""Two backends that share a Redis: what was answered before, and when it is answered again."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.qdrant_process import QdrantProcess
from tests.redis_process import RedisProcess
from tests.replicas import NamedCallers, Replica, caller, make_replica, serving

from info_assistant.model.identity import Role

QUESTION = "Common words here."
PLAIN, MORE, OTHER = (
    "Common words here about weather.",
    "Common words here about trains.",
    "Nothing alike whatsoever.",
)

pytestmark = pytest.mark.stack


@dataclass
class Town:
    """Two replicas that share a Redis, a Qdrant and object storage, and a document."""

    here: Replica
    there: Replica
    redis: RedisProcess
    qdrant: QdrantProcess
    plain: str = ""

    async def take_in(self, name: str, text: str, access: tuple[str, ...] = ("everyone",)) -> str:
        """Take a document in, and return its id."""
        response = await self.here.call(
            "operator",
            "POST",
            "/v1/documents",
            files={"file": (f"{name}.txt", text.encode())},
            data={"access": list(access)},
        )
        assert response.status_code == 202, response.text
        document_id = str(response.json()["documents"][0]["id"])
        document = await self.here.stores.catalogue.latest("default", document_id)
        assert document is not None
        await self.here.index(document)
        return document_id

    async def known_everywhere(self) -> None:
        """Wait until both replicas have heard of every change so far."""
        for each in (self.here, self.there):
            await each.visibility.refresh()


@pytest.fixture(scope="module")
def qdrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantProcess]:
    """A running Qdrant."""
    process = QdrantProcess(tmp_path_factory.mktemp("qdrant"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def town(tmp_path: Path, qdrant: QdrantProcess) -> AsyncIterator[Town]:
    """Two running replicas over a real Redis."""
    redis = RedisProcess(tmp_path / "redis")
    redis.start()
    callers = NamedCallers()
    for each in (caller("reader"), caller("colleague"), caller("insider", "hr")):
        callers.known[each.subject] = each
    callers.known["operator"] = caller("operator", "hr", role=Role.OPERATOR)
    here, there = (
        make_replica(tmp_path / "objects", tmp_path / name, qdrant.url, callers, redis.url)
        for name in ("a", "b")
    )
    await here.qdrant.drop_projections()
    try:
        async with serving(here), serving(there):
            made = Town(here, there, redis, qdrant)
            made.plain = await made.take_in("plain", PLAIN)
            await made.known_everywhere()
            yield made
    finally:
        redis.stop()


async def ask(replica: Replica, who: str = "reader", question: str = QUESTION) -> httpx2.Response:
    """Ask a question."""
    response = await replica.call(who, "POST", "/v1/query", json={"question": question})
    assert response.status_code == 200, response.text
    return response


def texts(body: Any) -> set[str]:  # noqa: ANN401  JSON.
    """Return what an answer says."""
    return {each["text"] for each in body["sentences"]}


async def test_what_one_backend_answered_the_other_knows(town: Town) -> None:
    """The second asker gets the same answer from the cache, wherever they ask; nothing is made."""
    first = await ask(town.here)
    assert first.headers["x-cache"] == "miss"
    assert first.json()["given_at"] is None
    again = await ask(town.there, "colleague", QUESTION.upper())
    assert (again.headers["x-cache"], again.json()["served_by"]["cache"]) == ("hit", "hit")
    assert int(again.headers["age"]) >= 0
    assert again.json()["given_at"] is not None
    assert again.json()["documents_changed_since"] is False
    assert again.json()["id"] != first.json()["id"]
    for name in ("status", "answer", "sentences", "citations", "see_also"):
        assert again.json()[name] == first.json()[name]
