"""Turns of conversations in object storage: found at once, one caller's only, deleted for good."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from info_assistant.model.conversation import ConversationKey, ConversationTurn
from info_assistant.model.ids import first_id_at, new_id
from info_assistant.ports import ConversationPage
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.conversation_lists import list_again
from info_assistant.stores.conversations import BlobConversations, _folder

KEY = ConversationKey("agency", "ann", "talk-1")


class Calendar:
    """ports.Clock that is as many days ahead as it is told."""

    days = 0

    def now(self) -> datetime:
        """Return the moment."""
        return datetime.now(UTC) + timedelta(days=self.days)


@pytest.fixture
def calendar() -> Calendar:
    """Return a calendar at today."""
    return Calendar()


@pytest.fixture
def talks(tmp_path: Path, calendar: Calendar) -> BlobConversations:
    """Return conversations that are kept for 30 days."""
    return BlobConversations(ObjectBlobs(str(tmp_path)), calendar, timedelta(days=30))


def a_turn(question: str = "How long is leave?") -> ConversationTurn:
    """Return a turn of this moment."""
    return ConversationTurn(new_id(), question)


def files(folder: Path, name: str = "*") -> list[Path]:
    """Return the objects that are stored."""
    return list(folder.rglob(f"{name}.json"))


async def test_turns_come_back_in_order(talks: BlobConversations) -> None:
    """The newest turns are given, oldest first; adding one twice changes nothing."""
    turns = [a_turn(f"Question {n}?") for n in range(5)]
    for each in (*turns, turns[0]):
        await talks.add(KEY, each)
    assert await talks.newest(KEY, 3) == turns[2:]
    assert await talks.newest(KEY, 9) == turns


@pytest.mark.parametrize("other", [{"tenant": "other"}, {"subject": "ben"}, {"id": "talk-2"}])
async def test_nobody_finds_another_s_turns(
    talks: BlobConversations, other: dict[str, str]
) -> None:
    """The same id under another tenant or caller is another conversation."""
    await talks.add(KEY, a_turn())
    stranger = replace(KEY, **other)
    assert await talks.newest(stranger, 9) == []
    assert await talks.delete(stranger) == 0
    assert len(await talks.newest(KEY, 9)) == 1


async def test_what_is_deleted_stays_gone(talks: BlobConversations, tmp_path: Path) -> None:
    """No word of a deleted turn is left, and one that arrives late stays gone; new ones count."""
    late = a_turn("Was this on its way?")
    await talks.add(KEY, a_turn("What was asked?"))
    assert await talks.delete(KEY) == 1
    left = [path.read_text() for path in files(tmp_path)]
    assert len(left) == 1
    assert "What was asked?" not in left[0]
    await talks.add(KEY, late)
    assert await talks.newest(KEY, 9) == []
    assert await talks.delete(KEY) == 0
    new = a_turn("And now?")
    await talks.add(KEY, new)
    assert await talks.newest(KEY, 9) == [new]


async def test_turns_have_an_end(
    talks: BlobConversations, calendar: Calendar, tmp_path: Path
) -> None:
    """Turns that are older than they may be are shown no more, and deleted once a day."""
    await talks.add(KEY, a_turn())
    await talks.delete(KEY)
    await talks.add(KEY, a_turn())
    calendar.days = 29
    assert await talks.expire() == 0
    assert len(await talks.newest(KEY, 9)) == 1
    calendar.days = 31
    assert await talks.newest(KEY, 9) == []
    assert await talks.expire() == 3
    assert not files(tmp_path)


async def test_an_unreadable_turn_is_left_out(talks: BlobConversations, tmp_path: Path) -> None:
    """Damage to one turn hides no other."""
    broken, whole = a_turn(), a_turn()
    await talks.add(KEY, broken)
    await talks.add(KEY, whole)
    (path,) = [each for each in files(tmp_path, broken.answer_id) if "turns" in each.parts]
    path.write_text("{")
    assert await talks.newest(KEY, 9) == [whole]


def ids(page: ConversationPage) -> list[str]:
    """Return which conversations a page lists."""
    return [each.id for each in page.conversations]


async def test_conversations_are_listed_by_their_newest_turn(talks: BlobConversations) -> None:
    """A list has each conversation once, the one asked in last first, and can be continued."""
    for name in ("one", "two", "three", "one"):
        await talks.add(replace(KEY, id=name), a_turn(f"About {name}?"))
    page = await talks.of_asker("agency", "ann", limit=2, before=None)
    assert ids(page) == ["one", "three"]
    one = page.conversations[0]
    assert (one.title, one.turns) == ("About one?", 2)
    assert one.first < one.last
    rest = await talks.of_asker("agency", "ann", limit=2, before=page.next)
    assert (ids(rest), rest.next) == (["two"], None)


async def test_a_list_has_only_what_is_there(
    talks: BlobConversations, calendar: Calendar, tmp_path: Path
) -> None:
    """What was deleted, came after that, or is too old is not listed; damage hides no other."""
    late, damaged = a_turn("Was this on its way?"), replace(KEY, id="damaged")
    await talks.add(KEY, a_turn())
    await talks.delete(KEY)
    await talks.add(KEY, late)
    assert await talks.deleted(KEY, late.answer_id)
    turn = a_turn("What is this?")
    await talks.add(damaged, turn)
    assert not await talks.deleted(damaged, turn.answer_id)
    (path,) = [each for each in files(tmp_path, turn.answer_id) if "turns" in each.parts]
    path.write_text("{")
    page = await talks.of_asker("agency", "ann", limit=9, before=None)
    assert [(each.id, each.title, each.turns) for each in page.conversations] == [
        ("damaged", "", 1)
    ]
    calendar.days = 31
    assert ids(await talks.of_asker("agency", "ann", limit=9, before=None)) == []
    await talks.expire()
    assert not files(tmp_path)


async def test_lists_are_made_again_from_the_records(
    talks: BlobConversations, tmp_path: Path
) -> None:
    """Without their entries conversations come back into the lists of their askers, the same."""
    blobs = ObjectBlobs(str(tmp_path))
    keys = [KEY, replace(KEY, id="talk-2"), replace(KEY, subject="ben"), replace(KEY, tenant="b")]
    lines: dict[str, list[bytes]] = {}
    for key in keys:
        turn = a_turn(f"{key.id} of {key.subject}?")
        await talks.add(key, turn)
        fields = {"id": turn.answer_id, "subject": key.subject, "conversation_id": key.id}
        lines.setdefault(key.tenant, []).append(to_json(fields))
    for tenant, records in lines.items():
        day, span = datetime.now(UTC).date().isoformat(), f"{1:013d}-{9:013d}"
        for kind, body in (("answers", records[0]), ("repeats", b"\n".join(records[1:]))):
            await blobs.put(f"{tenant}/segments/{kind}/{day}/{span}-w-1.jsonl", body)
    await talks.delete(keys[1])
    askers = [(tenant, name) for tenant in ("agency", "b") for name in ("ann", "ben")]

    async def lists() -> list[ConversationPage]:
        return [await talks.of_asker(*asker, limit=9, before=None) for asker in askers]

    before = await lists()
    assert list(map(ids, before)) == [["talk-1"], ["talk-1"], ["talk-1"], []]
    for path in files(tmp_path):
        if "askers" in path.parts:
            path.unlink()
    assert list(map(ids, await lists())) == [[], [], [], []]
    assert await list_again(blobs, talks) == 3
    assert await lists() == before
    assert await list_again(blobs, talks) == 0


WHO = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["ann", "ben", "a/../b", "é.x"]))
DEEDS = st.lists(
    st.tuples(WHO, st.sampled_from(["t", "T", "-_9"]), st.sampled_from(["add", "add", "delete"])),
    max_size=8,
)


@given(deeds=DEEDS)
@settings(max_examples=25, deadline=None)
def test_whatever_others_do_a_list_is_one_s_own(
    deeds: list[tuple[tuple[str, str], str, str]],
) -> None:
    """Whoever asks and deletes in whichever tenant: each list has one's own conversations only."""

    async def lived(folder: str) -> None:
        talks = BlobConversations(ObjectBlobs(folder), Calendar(), timedelta(days=30))
        expected: dict[tuple[str, str], dict[str, int]] = {}
        for who, name, deed in deeds:
            key, own = ConversationKey(*who, name), expected.setdefault(who, {})
            if deed == "delete":
                assert await talks.delete(key) == own.pop(name, 0)
            else:
                await talks.add(key, a_turn(json.dumps(who)))
                own[name] = own.pop(name, 0) + 1
        for who in [(tenant, name) for tenant in "ab" for name in ("ann", "ben", "a/../b", "é.x")]:
            page = await talks.of_asker(*who, limit=9, before=None)
            own = expected.get(who, {})
            assert {each.id: each.turns for each in page.conversations} == own
            assert ids(page) == list(reversed(own))
            assert {each.title for each in page.conversations} <= {json.dumps(who)}

    with TemporaryDirectory() as folder:
        asyncio.run(lived(folder))


NAMES = st.text(min_size=1, max_size=12)
KEYS = st.builds(ConversationKey, st.sampled_from(["a", "b"]), NAMES, NAMES)


@given(one=KEYS, other=KEYS)
def test_folders_differ_as_keys_do(one: ConversationKey, other: ConversationKey) -> None:
    """No two conversations share a folder, whatever their callers and ids are called."""
    assert (_folder(one) == _folder(other)) == (one == other)
    assert first_id_at(0) < new_id()
