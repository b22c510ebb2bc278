"""What is remembered of answers, for how long, and what is given where nothing new can be had."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.answering.conftest import NOON, Desk, Feed, ScriptedGenerator, ask, memory_of, passage
from tests.clocks import HandClock

from info_assistant.answering.recall import FRESH_FOR, JITTER
from info_assistant.errors import GenerationUnavailable, RedisUnavailable, VectorStoreUnavailable
from info_assistant.model.document import Content, Document
from info_assistant.model.events import SentenceReleased
from info_assistant.model.known_answer import KnownAnswer

LEAVE = ask("May employees carry over five days of annual leave?")


@dataclass
class Entries:
    """The part of ports.Catalogue that is asked here: each document in one version."""

    version: int = 1
    access: tuple[str, ...] = ("everyone",)
    failure: Exception | None = None

    async def latest(self, tenant: str, document_id: str) -> Document | None:
        """Return a document."""
        if self.failure is not None:
            raise self.failure
        content = Content(self.version, "ab" * 32, 1, "text/plain")
        return Document(
            document_id, tenant, "s", "t", self.version, content, self.access, NOON, NOON
        )


@dataclass
class Place:
    """A desk with a clock, a feed and a catalogue."""

    desk: Desk
    clock: HandClock
    feed: Feed
    entries: Entries


@pytest.fixture
def place(desk: Desk) -> Place:
    """Return the place."""
    made = Place(desk, HandClock(NOON), Feed(), Entries())
    catalogue: Any = made.entries
    memory = memory_of(desk.cache, changes=made.feed, catalogue=catalogue)
    desk.change(memory=memory, clock=made.clock)
    return made


async def test_nothing_is_given_for_ever_and_not_all_is_made_anew_at_once(place: Place) -> None:
    """Answers are made anew after a day, some of them up to a tenth earlier."""
    desk = place.desk
    for number in range(20):
        await desk.pipeline.answer(ask(f"{LEAVE.text} {number}"))
    ends = {known.fresh_until - NOON for known in desk.cache.kept.values()}
    assert len(ends) == 20
    assert FRESH_FOR * (1 - JITTER) <= min(ends) < max(ends) <= FRESH_FOR
    place.clock.at += FRESH_FOR
    assert (await desk.pipeline.answer(ask(f"{LEAVE.text} 1"))).served_by.cache == "miss"


async def test_where_no_model_can_write_an_old_answer_is_given_and_says_so(place: Place) -> None:
    """In the same scope, if its documents stand as they did; and only then."""
    desk = place.desk
    first = await desk.pipeline.answer(LEAVE)
    place.feed.tell()
    await desk.hold(passage("Employees may carry over five days of leave.", document="new"))
    outage = GenerationUnavailable("No provider answers.")
    desk.change(generator=ScriptedGenerator(lambda _: [], failure=outage))
    # The same key: it names what was expected to write.
    desk.parts.generator.provider, desk.parts.generator.model = "extractive", "quotes"  # type: ignore[misc]
    answer = await desk.pipeline.answer(LEAVE)
    assert answer.text == first.text
    assert answer.degraded == ("generation_unavailable", "documents_changed_since")
    assert answer.documents_changed_since is True
    assert "first given on 23 November 2026 at 12:00 UTC" in answer.notices[-1]
    # It is not remembered as what it is not.
    assert {known.answer.degraded for known in desk.cache.kept.values()} == {()}
    for name, value in (("version", 2), ("access", ("hr",)), ("failure", outage)):
        before = getattr(place.entries, name)
        setattr(place.entries, name, value)
        with pytest.raises(GenerationUnavailable):
            await desk.pipeline.answer(LEAVE)
        setattr(place.entries, name, before)
    desk.hidden.documents.add("leave")
    with pytest.raises(GenerationUnavailable):
        await desk.pipeline.answer(LEAVE)


async def test_an_expired_answer_stands_in_for_the_search(place: Place) -> None:
    """While Qdrant is down; nobody who has begun to read is told something else instead."""
    desk = place.desk
    await desk.pipeline.answer(LEAVE)
    place.clock.at += FRESH_FOR + timedelta(seconds=1)
    desk.index.failure = VectorStoreUnavailable("Qdrant does not answer.")
    answer = await desk.pipeline.answer(LEAVE)
    assert answer.degraded == ("vector_store_unavailable",)
    assert answer.documents_changed_since is False
    assert [type(each) for each in [e async for e in desk.pipeline.stream(LEAVE)]].count(
        SentenceReleased
    ) == len(answer.sentences)


async def test_a_known_answer_is_looked_for_again_where_the_search_is_down(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment without Redis just before does not cost the answer."""
    cache, looks = place.desk.cache, []
    await place.desk.pipeline.answer(LEAVE)
    get = cache.get

    async def failing_once(key: str) -> KnownAnswer | None:
        looks.append(key)
        if len(looks) == 1:
            raise RedisUnavailable("Redis did not answer in time.")
        return await get(key)

    monkeypatch.setattr(cache, "get", failing_once)
    place.desk.index.failure = VectorStoreUnavailable("Qdrant does not answer.")
    answer = await place.desk.pipeline.answer(LEAVE)
    assert answer.served_by.cache == "hit"
    assert len(looks) == 2


async def test_what_lost_a_part_on_its_way_is_not_for_others(place: Place) -> None:
    """A document that is closed while its answer is made leaves no answer without it behind."""
    desk = place.desk
    async for event in desk.pipeline.stream(LEAVE):
        if isinstance(event, SentenceReleased):
            desk.hidden.documents.add("leave")
    assert desk.cache.kept == {}


async def test_passages_say_what_their_documents_say_now(place: Place) -> None:
    """An answer that still stands names its documents as they are called today."""
    desk = place.desk
    await desk.pipeline.answer(LEAVE)
    place.feed.tell()
    for held in list(desk.index._held.values()):
        renamed = held.passage._replace(title="A new name", access_revision=2)
        await desk.index.write([replace(held, passage=renamed)])
    answer = await desk.pipeline.answer(LEAVE)
    assert answer.served_by.cache == "hit"
    assert {each.passage.title for each in answer.citations} == {"A new name"}
