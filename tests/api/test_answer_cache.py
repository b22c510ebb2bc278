"""Two backends that share a Redis: what was answered before, and when it is answered again."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.api.conftest import eventually
from tests.qdrant_process import QdrantProcess
from tests.redis_process import RedisProcess
from tests.replicas import NamedCallers, Replica, caller, make_replica, serving

from info_assistant.answering.making import LISTED
from info_assistant.answering.pipeline import AnswerPipeline
from info_assistant.api.problems import problem_of
from info_assistant.errors import CacheOnlyMiss
from info_assistant.model.document import Document
from info_assistant.model.identity import Role
from info_assistant.model.ids import new_id
from info_assistant.model.question import Question

QUESTION = "Common words here."
SECRET, PLAIN, MORE, OTHER = (
    "Common words here about secrets.",
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
        return (await self.take_all_in({name: text}, access))[0]

    async def take_all_in(
        self, texts: Mapping[str, str], access: tuple[str, ...] = ("everyone",)
    ) -> Sequence[str]:
        """Take documents in, and return their ids."""
        response = await self.here.call(
            "operator",
            "POST",
            "/v1/documents",
            files=[("file", (f"{name}.txt", text.encode())) for name, text in texts.items()],
            data={"access": list(access)},
        )
        assert response.status_code == 202, response.text
        ids = [str(each["id"]) for each in response.json()["documents"]]
        found = [await self.here.stores.catalogue.latest("default", each) for each in ids]
        await self.here.index(*(each for each in found if each is not None))
        return ids

    async def known_everywhere(self) -> None:
        """Wait until both replicas have heard of every change so far."""
        for each in (self.here, self.there):
            await each.visibility.refresh()


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


def question(town: Town, who: str) -> Question:
    """Return the question as somebody asks it."""
    return Question(new_id(), QUESTION, town.here.callers.known[who])


def pipeline_of(replica: Replica) -> AnswerPipeline:
    """Return what answers questions."""
    assert isinstance(replica.services.pipeline, AnswerPipeline)
    return replica.services.pipeline


async def next_version(town: Town) -> Document:
    """Return the next version of the document, which nobody has taken in yet."""
    latest = await town.here.stores.catalogue.latest("default", town.plain)
    assert latest is not None
    number = latest.revision + 1
    return replace(latest, revision=number, content=replace(latest.content, version=number))


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


async def test_more_documents_cost_only_those_whose_passages_change(town: Town) -> None:
    """Beside a bulk ingest questions stay known, unless what is found for them has changed."""
    await town.take_all_in({f"a{n}": f"Common words here about {n}." for n in range(LISTED)})
    await town.known_everywhere()
    assert (await ask(town.here)).headers["x-cache"] == "miss"
    await town.take_all_in({f"o{n}": f"{OTHER} {n}" for n in range(5)})
    await town.known_everywhere()
    steady = await ask(town.there)
    assert steady.headers["x-cache"] == "hit"
    assert steady.json()["documents_changed_since"] is False
    # It was looked for anew once, and stands as of now.
    known = await town.there.services.pipeline.known(question(town, "reader"))
    assert known is not None
    await known.kept
    await town.take_in("more", QUESTION)
    await town.known_everywhere()
    changed = await ask(town.here)
    assert changed.headers["x-cache"] == "miss"
    assert QUESTION in texts(changed.json())


async def test_a_new_version_is_quoted_at_once(town: Town) -> None:
    """An answer that cites a version is not given again once another has taken its place."""
    await ask(town.here)
    await town.take_in("plain", MORE)
    await town.known_everywhere()
    assert texts((await ask(town.there)).json()) == {MORE}


async def test_nothing_withdrawn_comes_out_of_the_cache_after_an_outage_of_it(town: Town) -> None:
    """Withdrawn here while Redis is down, asked there from 2 s after it is back: 0 stale."""
    assert texts((await ask(town.there)).json()) == {PLAIN}
    town.redis.stop()
    path = f"/v1/documents/{town.plain}/withdraw"
    withdrawn = await town.here.call("operator", "POST", path, json={"reason": "It is wrong."})
    assert withdrawn.status_code == 200
    town.redis.start()
    await asyncio.sleep(2)  # The promise: from then on.
    await eventually(lambda: town.there.memory.cache.open, 30)
    stale = 0
    for _ in range(50):
        answers = await asyncio.gather(*(ask(town.there) for _ in range(20)))
        stale += sum(PLAIN in answer.text for answer in answers)
    assert stale == 0


async def test_while_search_is_down_known_answers_are_given(town: Town) -> None:
    """Known answers go on, checked by the catalogue where documents have changed; others do not."""
    assert (await ask(town.here)).headers["x-cache"] == "miss"
    await town.take_in("other", OTHER)
    await town.known_everywhere()
    town.qdrant.stop()
    try:
        known = (await ask(town.there)).json()
        assert texts(known) == {PLAIN}
        assert known["degraded"] == ["vector_store_unavailable", "documents_changed_since"]
        assert known["documents_changed_since"] is True
        unknown = await town.there.call("reader", "POST", "/v1/query", json={"question": MORE})
        assert (unknown.status_code, unknown.json()["code"]) == (500, "vector_store_unavailable")
        # Only what the catalogue knows as it was cited: a newer version waits to be taken in.
        await town.here.stores.catalogue.commit(await next_version(town))
        refused = await town.there.call("reader", "POST", "/v1/query", json={"question": QUESTION})
        assert refused.json()["code"] == "vector_store_unavailable"
    finally:
        town.qdrant.start()


async def test_while_object_storage_is_unread_nothing_comes_from_the_cache(town: Town) -> None:
    """A replica that cannot hear of removals for 30 s gives no known answer."""
    await ask(town.here)
    town.there.visibility._monotonic = lambda: 1e12
    assert (await ask(town.there)).headers["x-cache"] == "off"


async def test_an_answer_given_again_has_a_record_of_its_own(town: Town) -> None:
    """Each asker finds their answer, and curators see everybody who was told something."""
    await ask(town.here)
    given = [(await ask(town.here, who)).json() for who in ("reader", "colleague", "insider")]
    given += [(await ask(town.here, "reader")).json()]
    for who, answer in zip(("reader", "colleague"), given, strict=False):
        read = await town.here.call(who, "GET", f"/v1/answers/{answer['id']}")
        assert read.status_code == 200, read.text
        assert read.json()["answer"]["answer"] == answer["answer"]
        other = await town.here.call("insider", "GET", f"/v1/answers/{answer['id']}")
        assert other.status_code == 404
    path = f"/v1/documents/{town.plain}/citations"
    cited = (await town.here.call("operator", "GET", path)).json()["answers"]
    assert {each["id"] for each in given} <= {each["id"] for each in cited}
    assert len(cited) == 5
    page = await town.here.services.audit.page(
        "default", limit=100, before=None, matching={"action": "question.ask"}
    )
    assert {each["id"] for each in given} <= {event.target for event in page.events}


async def test_one_answer_for_many_who_ask_at_once(town: Town) -> None:
    """A thousand ask the same, and the first of them leaves: it is made once."""
    pipeline = pipeline_of(town.here)
    town.here.generator.steps = asyncio.Semaphore(0)
    first = asyncio.ensure_future(pipeline.answer(question(town, "reader")))
    others = [
        asyncio.ensure_future(pipeline.answer(question(town, "colleague"))) for _ in range(999)
    ]
    await town.here.generator.step()
    first.cancel()
    town.here.generator.finish()
    answers = await asyncio.gather(*others)
    assert {answer.text for answer in answers} == {PLAIN}
    assert len({answer.id for answer in answers}) == 999
    assert town.here.generator.begun == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_two_backends_make_an_answer_once(town: Town) -> None:
    """What one backend is making, the other waits for."""
    town.here.generator.steps = asyncio.Semaphore(0)
    here = asyncio.ensure_future(ask(town.here))
    await town.here.generator.step()
    there = asyncio.ensure_future(ask(town.there))
    await eventually(lambda: len(pipeline_of(town.there)._flights) == 1, 30)
    town.here.generator.finish()
    assert (await here).headers["x-cache"] == "miss"
    assert (await there).headers["x-cache"] == "hit"
    assert town.there.generator.begun == 0


async def test_nobody_gets_what_was_answered_to_others(town: Town) -> None:
    """Across tenants and groups, whoever asks first, each sees only what is open to them."""
    callers = town.here.callers.known
    callers["stranger"] = caller("stranger", tenant="elsewhere", role=Role.OPERATOR)
    await town.take_in("secret", SECRET, ("hr",))
    await town.known_everywhere()
    seen = {
        "reader": {PLAIN},
        "colleague": {PLAIN},
        "insider": {PLAIN, SECRET},
        "operator": {PLAIN, SECRET},
        "stranger": set(),
    }
    order = random.Random(6)  # noqa: S311  The same each time.
    hits = 0
    for _ in range(200):
        who, replica = order.choice(list(seen)), order.choice((town.here, town.there))
        answer = await ask(replica, who)
        hits += answer.headers["x-cache"] == "hit"
        assert texts(answer.json()) == seen[who]
    assert hits > 150


async def test_only_known_answers_and_the_way_to_them(town: Town) -> None:
    """In cache-only mode a miss names similar questions whose answers the asker may see."""
    callers = town.here.callers.known
    callers["stranger"] = caller("stranger", tenant="elsewhere")
    await ask(town.here)
    await ask(town.here, question="Nothing alike, is it?")
    await ask(town.here, question="Common words of ann@example.org?")
    only = replace(pipeline_of(town.there)._parts.memory, only=lambda: True)
    pipeline = AnswerPipeline(replace(pipeline_of(town.there)._parts, memory=only))
    asked = replace(question(town, "reader"), text="Which common words here?")
    with pytest.raises(CacheOnlyMiss) as missed:
        await pipeline.answer(asked)
    assert missed.value.questions == (QUESTION,)
    assert problem_of(missed.value).extra == {"saved_questions": [QUESTION]}
    for who in ("insider", "stranger"):
        with pytest.raises(CacheOnlyMiss) as missed:
            await pipeline.answer(replace(asked, caller=callers[who]))
        assert missed.value.questions == ()
    # With age, and saying that documents have changed: search is not asked.
    await town.take_in("more", MORE)
    await town.known_everywhere()
    answer = await pipeline.answer(question(town, "reader"))
    assert (answer.text, answer.documents_changed_since) == (PLAIN, True)
    assert answer.given_at is not None
    assert answer.degraded == ("documents_changed_since",)
