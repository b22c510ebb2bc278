"""The answer cache in a real Redis."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.redis_process import PATIENT, RedisProcess
from tests.stores.bench import WHEN
from tests.stores.stored_things import KNOWN

from info_assistant.errors import RedisUnavailable
from info_assistant.model.known_answer import KnownAnswer, SavedQuestion
from info_assistant.stores.redis import RedisAnswers, RedisConnection
from info_assistant.stores.redis.answers import HELD_S, KEPT_FOR, LARGEST, MOST_SAVED

KEY = "ab" * 32


@dataclass
class Place:
    """A Redis with two processes' caches, and a clock for what they hold themselves."""

    process: RedisProcess
    here: RedisAnswers
    there: RedisAnswers
    now: float = 0.0
    enabled: bool = True


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Return two caches over a running Redis."""
    process = RedisProcess(tmp_path / "redis")
    process.start()
    connections = [RedisConnection([process.url], PATIENT) for _ in range(2)]
    made: list[Place] = []
    here, there = (
        RedisAnswers(each, enabled=lambda: made[0].enabled, monotonic=lambda: made[0].now)
        for each in connections
    )
    made.append(Place(process, here, there))
    for each in connections:
        await each.look()
    yield made[0]
    for each in connections:
        await each.close()
    process.stop()


def says(known: KnownAnswer | None) -> object:
    """Return what an entry says."""
    return None if known is None else (known.answer, known.found, known.position, known.given_at)


async def test_what_one_process_keeps_another_finds(place: Place) -> None:
    """An entry comes back as it was, is gone after a while, and nobody finds it elsewhere."""
    assert await place.there.get(KEY) is None
    await place.here.keep(KEY, KNOWN)
    assert says(await place.there.get(KEY)) == says(KNOWN)
    assert await place.there.get("cd" * 32) is None
    left = int(place.process.tell("PTTL", f"info-assistant:answer:{KEY}")[1:])
    assert timedelta() < timedelta(milliseconds=left) <= KEPT_FOR


async def test_a_process_holds_what_it_read_for_some_seconds(place: Place) -> None:
    """It is the very same object, also when it was read again; what others kept comes then."""
    await place.here.keep(KEY, KNOWN)
    first = await place.there.get(KEY)
    later = replace(KNOWN, given_at=WHEN + timedelta(days=1))
    await place.here.keep(KEY, later)
    assert await place.there.get(KEY) is first
    place.now += HELD_S
    second = await place.there.get(KEY)
    assert says(second) == says(later)
    place.now += HELD_S
    assert await place.there.get(KEY) is second
    # What it keeps itself it does not wait for.
    await place.there.keep(KEY, KNOWN)
    assert says(await place.there.get(KEY)) == says(KNOWN)


async def test_one_leads_until_the_answer_is_there_or_given_up(place: Place) -> None:
    """Whoever asks next is told of the answer, not to make it once more."""
    assert await place.here.lead(KEY, "a") == (True, None)
    assert await place.here.lead(KEY, "a") == (True, None)
    assert await place.there.lead(KEY, "b") == (False, None)
    await place.there.give_up(KEY, "b")
    assert (await place.there.lead(KEY, "b"))[0] is False
    await place.here.keep(KEY, KNOWN, "a")
    leads, known = await place.there.lead(KEY, "b")
    assert (leads, says(known)) == (True, says(KNOWN))
    await place.there.give_up(KEY, "b")
    assert (await place.here.lead(KEY, "a"))[0] is True


async def test_what_cannot_be_understood_is_not_there(place: Place) -> None:
    """Another version's entry, or a damaged one, is a miss; what is too large is not kept."""
    for text in ("{}", "no JSON", '{"schema": 1, "answer": 3}'):
        place.process.tell("SET", f"info-assistant:answer:{KEY}", text)
        assert await place.here.get(KEY) is None
    large = replace(KNOWN.answer, notices=("x" * LARGEST,))
    await place.here.keep(KEY, replace(KNOWN, answer=large))
    assert await place.here.get(KEY) is None


async def test_the_newest_questions_of_a_scope_are_kept(place: Place) -> None:
    """So many of each scope, and each for those who share it."""
    for number in range(MOST_SAVED + 5):
        saved = SavedQuestion(f"{number:064x}", f"Question {number}?", b"\x00<")
        await place.here.save_question("scope", saved)
    found = await place.there.saved_questions("scope")
    assert len(found) == MOST_SAVED
    assert saved in found
    assert await place.there.saved_questions("other") == []


async def test_it_is_open_while_redis_is_there_and_wanted(place: Place) -> None:
    """Nothing is found while Redis is away, though it was read a moment ago; nor when it is off."""
    await place.here.keep(KEY, KNOWN)
    assert place.here.open
    place.enabled = False
    assert not place.here.open
    place.enabled = True
    place.process.stop()
    with pytest.raises(RedisUnavailable):
        await place.here.get(KEY)
    assert not place.here.open
