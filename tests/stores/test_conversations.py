"""Turns of conversations in object storage: found at once, one caller's only, deleted for good."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.model.conversation import ConversationKey, ConversationTurn
from info_assistant.model.ids import first_id_at, new_id
from info_assistant.stores.blobs import ObjectBlobs
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
    assert await talks.expire() == 2
    assert not files(tmp_path)


async def test_an_unreadable_turn_is_left_out(talks: BlobConversations, tmp_path: Path) -> None:
    """Damage to one turn hides no other."""
    broken, whole = a_turn(), a_turn()
    await talks.add(KEY, broken)
    await talks.add(KEY, whole)
    (path,) = files(tmp_path, broken.answer_id)
    path.write_text("{")
    assert await talks.newest(KEY, 9) == [whole]


NAMES = st.text(min_size=1, max_size=12)
KEYS = st.builds(ConversationKey, st.sampled_from(["a", "b"]), NAMES, NAMES)


@given(one=KEYS, other=KEYS)
def test_folders_differ_as_keys_do(one: ConversationKey, other: ConversationKey) -> None:
    """No two conversations share a folder, whatever their callers and ids are called."""
    assert (_folder(one) == _folder(other)) == (one == other)
    assert first_id_at(0) < new_id()
